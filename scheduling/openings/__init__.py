"""Which of a doctor's days are open: kept with every change, so that a search finds the earliest.

`slots.open_days` decides what a row says; each change of hours or appointments brings the rows of
its dates in line in its own transaction. A head for each doctor tells which dates are kept.
"""

from scheduling.openings.keeping import build, refresh, refresh_all
from scheduling.openings.search import earliest
from scheduling.openings.wanted import Found, Near, Wanted

__all__ = ["Found", "Near", "Wanted", "build", "earliest", "refresh", "refresh_all"]
