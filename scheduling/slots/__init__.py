"""When a doctor can be booked: plain values and an instant go in, slots come out.

Nothing here reads a clock or a database. Weekly hours are wall time in the zone of their place;
everything else is an instant. A slot exists when every wall minute of it does, so it never spans
a clock change forward; a wall time that comes twice counts the first time.
"""

from scheduling.slots.answers import (
    free_slots,
    is_open,
    slot_and_reasons,
    slot_at,
    slots_between,
    why_not_free,
)
from scheduling.slots.summary import open_days
from scheduling.slots.values import (
    LONGEST_SLOT,
    MAX_DATES,
    MAX_RANGE,
    MAX_SLOTS,
    YEARS,
    BadRange,
    Closure,
    Extra,
    OpenDay,
    Reason,
    Rules,
    Schedule,
    Slot,
    Taken,
    Terms,
    TooManySlots,
    Window,
    check_dates,
    check_instants,
    check_range,
)

__all__ = [
    "LONGEST_SLOT",
    "MAX_DATES",
    "MAX_RANGE",
    "MAX_SLOTS",
    "YEARS",
    "BadRange",
    "Closure",
    "Extra",
    "OpenDay",
    "Reason",
    "Rules",
    "Schedule",
    "Slot",
    "Taken",
    "Terms",
    "TooManySlots",
    "Window",
    "check_dates",
    "check_instants",
    "check_range",
    "free_slots",
    "is_open",
    "open_days",
    "slot_and_reasons",
    "slot_at",
    "slots_between",
    "why_not_free",
]
