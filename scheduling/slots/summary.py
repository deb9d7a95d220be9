from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from scheduling.slots.answers import free_slots
from scheduling.slots.values import OpenDay, Rules, Schedule, Slot

_DAY = timedelta(days=1)
_FIVE_MINUTES = timedelta(minutes=5)


def open_days(schedule: Schedule, *, first: date, last: date) -> list[OpenDay]:
    """Sum up what is free on the local dates from `first` to `last`, both included.

    Lead time, horizon, credential, consent and places not in use are left aside: they change
    with the clock or elsewhere, and whoever asks for slots asks for them then.
    """
    lasting = replace(
        schedule,
        rules=Rules(timedelta(0), timedelta(days=400), schedule.rules.most_per_day),
        closed_places=frozenset(),
        credential_until=None,
        is_consented=True,
    )
    days: dict[tuple[UUID, str, date], list[Slot]] = defaultdict(list)
    for day in (first + count * _DAY for count in range((last - first).days + 1)):
        # No zone is 15 hours off.
        starts_at = datetime.combine(day, time(0), tzinfo=UTC) - timedelta(hours=15)
        for slot in free_slots(
            lasting, starts_at=starts_at, ends_at=starts_at + timedelta(hours=54), at=starts_at
        ):
            if slot.local_date == day:
                days[slot.location_id, slot.mode, day].append(slot)
    return [_open_day(free) for free in days.values()]


def _open_day(free: list[Slot]) -> OpenDay:
    first = free[0]
    starts = {(slot.starts_at - first.starts_at) // _FIVE_MINUTES for slot in free}
    return OpenDay(
        first.location_id,
        first.mode,
        first.local_date,
        first.starts_at,
        free[-1].starts_at,
        sum(slot.free for slot in free),
        sum(1 << start for start in starts),
    )
