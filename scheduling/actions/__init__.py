"""Every change of hours and appointments."""

from scheduling.actions.booking import (
    AppointmentsNotShared,
    ExternalIdUsed,
    NotVisible,
    SlotRefused,
    SlotTaken,
    TooManyBookings,
    book,
)
from scheduling.actions.cancelling import NotCancellable, cancel
from scheduling.actions.hours import (
    MOST_AHEAD,
    HoursProblem,
    HoursRefused,
    HoursWindow,
    PlaceClosed,
    StartsInThePast,
    StartsTooLate,
    set_weekly_hours,
)

__all__ = [
    "MOST_AHEAD",
    "AppointmentsNotShared",
    "ExternalIdUsed",
    "HoursProblem",
    "HoursRefused",
    "HoursWindow",
    "NotCancellable",
    "NotVisible",
    "PlaceClosed",
    "SlotRefused",
    "SlotTaken",
    "StartsInThePast",
    "StartsTooLate",
    "TooManyBookings",
    "book",
    "cancel",
    "set_weekly_hours",
]
