"""Every change of hours and appointments."""

from scheduling.actions.booking import HoldMismatch, book
from scheduling.actions.cancelling import NotCancellable, cancel
from scheduling.actions.holding import AlreadyRenewed, HoldEnded, hold, release_hold, renew_hold
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
from scheduling.actions.lanes import ExternalIdUsed, SlotRefused, SlotTaken, TooManyBookings
from scheduling.actions.locks import AppointmentsNotShared, NotVisible
from scheduling.actions.moving import NotMovable, Stale, move
from scheduling.actions.visits import (
    NotMarkable,
    NotUndoable,
    mark_arrived,
    mark_completed,
    mark_no_show,
    undo,
)

__all__ = [
    "MOST_AHEAD",
    "AlreadyRenewed",
    "AppointmentsNotShared",
    "ExternalIdUsed",
    "HoldEnded",
    "HoldMismatch",
    "HoursProblem",
    "HoursRefused",
    "HoursWindow",
    "NotCancellable",
    "NotMarkable",
    "NotMovable",
    "NotUndoable",
    "NotVisible",
    "PlaceClosed",
    "SlotRefused",
    "SlotTaken",
    "Stale",
    "StartsInThePast",
    "StartsTooLate",
    "TooManyBookings",
    "book",
    "cancel",
    "hold",
    "mark_arrived",
    "mark_completed",
    "mark_no_show",
    "move",
    "release_hold",
    "renew_hold",
    "set_weekly_hours",
    "undo",
]
