"""The one table that the benchmarks write."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, astuple, dataclass

_TITLES = (
    "Operation", "Measured", "Of floor", "By CPU", "Median",
    "Web CPU", "Database CPU", "Must reach", "",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One operation: what was measured, what it must reach, and whether it does."""

    operation: str
    measured: str
    of_floor: str = ""
    by_cpu: str = ""
    median: str = ""
    web_cpu: str = ""
    database_cpu: str = ""
    must_reach: str = ""
    reached: bool | None = None

    @property
    def verdict(self) -> str:
        return {True: "passed", False: "FAILED", None: ""}[self.reached]

    @property
    def cells(self) -> tuple[str, ...]:
        return (*astuple(self)[:-1], self.verdict)

    @property
    def values(self) -> dict[str, object]:
        return asdict(self)


def table(rows: Iterable[Row]) -> str:
    """Set rows as a table that Markdown knows too."""
    return set_out(_TITLES, [row.cells for row in rows])


def set_out(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Set cells below their titles, as a table that Markdown knows too."""
    lines = [titles, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(titles))]
    rule = tuple("-" * width for width in widths)
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |"
        for line in (lines[0], rule, *lines[1:])
    )
