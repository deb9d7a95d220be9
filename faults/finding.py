"""What a fault showed, as one row of the table."""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.table import set_out

_TITLES = ("Fault", "Must hold", "Measured", "")


@dataclass(frozen=True)
class Finding:
    """One fault: what must hold, what was measured, and whether it held."""

    fault: str
    must_hold: str
    measured: str
    held: bool
    details: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        return "passed" if self.held else "FAILED"


def table(findings: Iterable[Finding]) -> str:
    """Set findings as a table that Markdown knows too."""
    rows = [(one.fault, one.must_hold, one.measured, one.verdict) for one in findings]
    return set_out(_TITLES, rows)
