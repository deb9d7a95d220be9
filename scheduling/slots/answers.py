from collections import Counter, deque
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from uuid import UUID

from scheduling.slots.plan import Planned, planned_slots
from scheduling.slots.values import (
    Reason,
    Schedule,
    Slot,
    Taken,
    check_instants,
    check_range,
)

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)


def slots_between(
    schedule: Schedule, *, starts_at: datetime, ends_at: datetime, at: datetime
) -> list[Slot]:
    """List all slots that start in `[starts_at, ends_at)`, each with what is against it.

    Args:
        at: aware instant of the question; lead time and horizon count from it.

    Raises:
        BadRange: the period is naive, empty, longer than `MAX_RANGE` or not of our time.
        TooManySlots: it holds more than `MAX_SLOTS`.
    """
    check_range(starts_at, ends_at, at)
    tokens: Counter[tuple[UUID, date]] = Counter()
    slots = []
    for planned, lanes in _with_lanes(planned_slots(schedule, starts_at, ends_at), schedule.taken):
        terms = planned.terms
        day = (terms.location_id, planned.local_date)
        if starts_at <= planned.starts_at < ends_at:
            free = _free_lanes(terms.capacity, lanes)
            reasons = tuple(_reasons(schedule, planned, at))
            slots.append(
                Slot(
                    *planned,
                    first_token=tokens[day] + 1,
                    free_lanes=free,
                    reasons=reasons if free else _in_order({*reasons, Reason.TAKEN}),
                )
            )
        tokens[day] += terms.capacity
    return slots


def free_slots(
    schedule: Schedule, *, starts_at: datetime, ends_at: datetime, at: datetime
) -> list[Slot]:
    """List the slots that start in `[starts_at, ends_at)` and can be booked at the instant `at`.

    Raises:
        BadRange, TooManySlots: as `slots_between`.
    """
    every = slots_between(schedule, starts_at=starts_at, ends_at=ends_at, at=at)
    return [slot for slot in every if not slot.reasons]


def slot_at(
    schedule: Schedule, *, starts_at: datetime, at: datetime, location_id: UUID | None = None
) -> Slot | None:
    """Give the slot that starts at an instant, at one place or (`None`) at whichever is best.

    Raises:
        BadRange: the instant is naive or not of our time.
    """
    check_instants(starts_at)
    found = [
        slot
        for slot in slots_between(schedule, starts_at=starts_at, ends_at=starts_at + _MINUTE, at=at)
        if slot.starts_at == starts_at and location_id in {None, slot.location_id}
    ]
    return min(found, key=lambda slot: len(slot.reasons), default=None)


def why_not_free(
    schedule: Schedule,
    *,
    starts_at: datetime,
    at: datetime,
    location_id: UUID | None = None,
    mode: str | None = None,
) -> tuple[Reason, ...]:
    """Name everything against a booking that starts at an instant; nothing when it is free.

    Raises:
        BadRange: the instant is naive or not of our time.
    """
    slot = slot_at(schedule, starts_at=starts_at, at=at, location_id=location_id)
    if slot is not None:
        wrong_mode = {Reason.WRONG_MODE} if mode not in {None, slot.mode} else set()
        return _in_order({*slot.reasons, *wrong_mode})
    against = set(_reasons_of_time(schedule, starts_at, at))
    open_then = is_open(schedule, starts_at, location_id)
    against.add(Reason.BETWEEN_SLOTS if open_then else Reason.OUTSIDE_HOURS)
    if location_id in schedule.closed_places:
        against.add(Reason.PLACE_CLOSED)
    if any(
        closure.starts_at <= starts_at < closure.ends_at
        for closure in schedule.closures
        if location_id is None or closure.location_id in {None, location_id}
    ):
        against.add(Reason.ON_LEAVE)
    return _in_order(against)


def _free_lanes(capacity: int, taken: set[int]) -> tuple[int, ...]:
    """Give the lowest lanes that can still be had.

    Not more than there are places left: after the capacity was lowered, somebody may have a lane
    above it, and a low lane that is empty is then no place.
    """
    empty = [lane for lane in range(capacity) if lane not in taken]
    return tuple(empty[: max(0, capacity - len(taken))])


def _in_order(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    return tuple(sorted(reasons, key=list(Reason).index))


def _reasons(schedule: Schedule, slot: Planned, at: datetime) -> Iterator[Reason]:
    """Give what is against a slot, its lanes aside, in the order of `Reason`."""
    if any(
        closure.starts_at < slot.ends_at and slot.starts_at < closure.ends_at
        for closure in schedule.closures
        if closure.location_id in {None, slot.terms.location_id}
    ):
        yield Reason.ON_LEAVE
    if slot.terms.location_id in schedule.closed_places:
        yield Reason.PLACE_CLOSED
    if slot.local_date in schedule.full_days:
        yield Reason.DAY_FULL
    yield from _reasons_of_time(schedule, slot.starts_at, at)


def _reasons_of_time(schedule: Schedule, starts_at: datetime, at: datetime) -> Iterator[Reason]:
    if starts_at < at + schedule.rules.lead_time:
        yield Reason.TOO_SOON
    if starts_at >= at + schedule.rules.horizon:
        yield Reason.BEYOND_HORIZON
    if schedule.credential_until is not None and starts_at >= schedule.credential_until:
        yield Reason.CREDENTIAL_EXPIRED
    if not schedule.is_consented:
        yield Reason.NOT_CONSENTED


def is_open(schedule: Schedule, instant: datetime, location_id: UUID | None) -> bool:
    """Tell whether an instant is in the weekly or extra hours, whatever closes them."""
    for window in schedule.windows:
        wall = instant.astimezone(window.terms.zone).replace(tzinfo=None)
        begins = window.dates(wall.date() - _DAY, wall.date())
        periods = (window.on(day) for day in begins)
        if location_id in {None, window.terms.location_id} and any(
            opens <= wall < closes for opens, closes in periods
        ):
            return True
    return any(
        extra.starts_at <= instant < extra.ends_at
        for extra in schedule.extras
        if location_id in {None, extra.terms.location_id}
    )


def _with_lanes(
    slots: list[Planned], taken: tuple[Taken, ...]
) -> Iterator[tuple[Planned, set[int]]]:
    """Give each slot the lanes that somebody has during any of its time."""
    waiting = deque(sorted(taken, key=lambda one: one.starts_at))
    near: list[Taken] = []
    for slot in slots:
        while waiting and waiting[0].starts_at < slot.ends_at:
            near.append(waiting.popleft())
        near = [one for one in near if one.ends_at > slot.starts_at]
        yield slot, {one.lane for one in near if one.starts_at < slot.ends_at}
