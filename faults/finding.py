"""What a fault showed, as one row of the table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.table import set_out
from faults.checker import Verdict, share

_TITLES = ("Fault", "Must hold", "Measured", "")


@dataclass(frozen=True)
class Finding:
    """One fault: what must hold, what was measured, and whether it held."""

    fault: str
    must_hold: str
    measured: str
    held: bool
    details: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, fault: str, must_hold: str, verdict: Verdict, measured: str = "", *, held: bool = True
    ) -> "Finding":
        """Make one of a verdict, which must be good, and of what else was measured."""
        shown = f"{verdict}; {measured}" if measured else str(verdict)
        details = tuple(line for lines in verdict.wrong.values() for line in lines[:3])
        return cls(fault, must_hold, shown, verdict.is_good and held, details)

    @property
    def verdict(self) -> str:
        return "passed" if self.held else "FAILED"


def shares(lags: Sequence[float]) -> str:
    """Say how long most took, and how long the slowest."""
    return f"p50 {share(lags, 0.5):.2f} s, p99 {share(lags, 0.99):.2f} s"


def table(findings: Iterable[Finding]) -> str:
    """Set findings as a table that Markdown knows too."""
    rows = [(one.fault, one.must_hold, one.measured, one.verdict) for one in findings]
    return set_out(_TITLES, rows)
