"""Which of a doctor's days are open: kept with every change, so that a search finds the earliest.

`slots.open_days` decides what a row says; each change of hours or appointments brings the rows of
its dates in line in its own transaction. A head for each doctor tells which dates are kept.
"""

from scheduling.openings.keeping import (
    BATCH,
    Change,
    ask_to_refresh,
    build,
    extend,
    overdue,
    refresh,
    refresh_all,
)
from scheduling.openings.proof import Difference, differences
from scheduling.openings.search import earliest
from scheduling.openings.wanted import Found, Near, Wanted

__all__ = [
    "BATCH",
    "Change",
    "Difference",
    "Found",
    "Near",
    "Wanted",
    "ask_to_refresh",
    "build",
    "differences",
    "earliest",
    "extend",
    "overdue",
    "refresh",
    "refresh_all",
]
