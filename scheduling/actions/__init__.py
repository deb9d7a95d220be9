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
    HoursProblem,
    HoursRefused,
    HoursWindow,
    PlaceClosed,
    StartsInThePast,
    set_weekly_hours,
)

__all__ = [
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
    "TooManyBookings",
    "book",
    "cancel",
    "set_weekly_hours",
]
