"""What differs from the weekly hours for once: leave, and extra hours."""

from scheduling.actions.exceptions.extra import (
    DoesNotFit,
    ExtraHoursOverlap,
    OpensNothing,
    VisitTerms,
    add_extra_hours,
    change_extra_hours,
    remove_extra_hours,
)
from scheduling.actions.exceptions.leave import (
    LONGEST_REASON,
    ReasonTooLong,
    change_leave,
    remove_leave,
    take_leave,
)
from scheduling.actions.exceptions.periods import (
    LONGEST_EXTRA_HOURS,
    LONGEST_LEAVE,
    BeginsBeforeToday,
    EndsBeforeStart,
    HasBegun,
    IsOver,
    LastsTooLong,
    PeriodRefused,
    TooFarAhead,
)
from scheduling.actions.exceptions.saving import ChangedMeanwhile, NoLongerThere, Saved

__all__ = [
    "LONGEST_EXTRA_HOURS",
    "LONGEST_LEAVE",
    "LONGEST_REASON",
    "BeginsBeforeToday",
    "ChangedMeanwhile",
    "DoesNotFit",
    "EndsBeforeStart",
    "ExtraHoursOverlap",
    "HasBegun",
    "IsOver",
    "LastsTooLong",
    "NoLongerThere",
    "OpensNothing",
    "PeriodRefused",
    "ReasonTooLong",
    "Saved",
    "TooFarAhead",
    "VisitTerms",
    "add_extra_hours",
    "change_extra_hours",
    "change_leave",
    "remove_extra_hours",
    "remove_leave",
    "take_leave",
]
