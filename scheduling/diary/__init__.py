"""One doctor's diary: the rows that `slots` decides from, in one statement, and its answers."""

from scheduling.diary.days import (
    Entry,
    appointments_between,
    changes_of_hours,
    entries,
    weekly_hours,
)
from scheduling.diary.loading import ask_for, load, load_many, rules_of
from scheduling.diary.questions import (
    free_slots,
    free_slots_or_reasons,
    next_free,
    slot_and_reasons,
    slots_between,
    takes_bookings_of,
    why_not_free,
)

__all__ = [
    "Entry",
    "appointments_between",
    "ask_for",
    "changes_of_hours",
    "entries",
    "free_slots",
    "free_slots_or_reasons",
    "load",
    "load_many",
    "next_free",
    "rules_of",
    "slot_and_reasons",
    "slots_between",
    "takes_bookings_of",
    "weekly_hours",
    "why_not_free",
]
