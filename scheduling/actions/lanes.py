"""How an appointment or a hold gets its slot, its lane and its token number.

The exclusion constraint decides who gets a lane; a lock never does.

Source: docs/adr/0003-exclusion-constraint-with-lanes.md
"""

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime, time, timedelta
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction

from registry import ledger, rows
from registry.actions.refusals import Refused, constraint_of
from registry.statements import ask, together
from scheduling.actions import locks
from scheduling.actions.telling import ask_to_refresh_days
from scheduling.actions.wanted import SlotRefused, Wanted
from scheduling.models import Appointment
from scheduling.slots import LONGEST_SLOT, Slot

# In UTC, a local date begins up to 14 hours before and ends up to 12 hours after its own day.
_BEGINS_BEFORE, _ENDS_AFTER = timedelta(hours=14), timedelta(hours=24 + 12)
_IN_THE_WAY = {"appointment_lane_once", "appointment_at_one_place", "appointment_token_once"}

_ENDED_HOLD = """
    status = 'HELD' AND hold_expires_at <= %(at)s
    AND appointment_time < %(ends_at)s AND ends_at > %(starts_at)s
"""
# All that a booking must know of other appointments. By their time the database finds them.
_STANDING = f"""
    SELECT
        EXISTS (
            SELECT FROM appointments
            WHERE insurance_provider_id = %(provider)s
                AND external_appointment_id = %(external_id)s
        ) AS is_id_used,
        count(*) FILTER (
            WHERE insurance_provider_id = %(provider)s AND local_date = %(day)s
                AND (status = 'BOOKED' OR status = 'HELD' AND hold_expires_at > %(at)s)
        ) AS open_bookings,
        coalesce(bool_or({_ENDED_HOLD}), false) AS has_ended_holds,
        coalesce(
            array_agg(token_number) FILTER (
                WHERE location_id = %(place)s AND local_date = %(day)s
                    AND token_number IS NOT NULL AND NOT ({_ENDED_HOLD})
            ),
            '{{}}'
        ) AS tokens
    FROM appointments
    WHERE doctor_id = %(doctor)s AND appointment_time BETWEEN %(earliest)s AND %(latest)s
        AND status <> 'CANCELLED' AND id <> %(id)s
"""  # noqa: S608  Nothing of it comes from outside.
# The insurer has fewer than its most with the doctor that day.
_HAS_ROOM = """(
    SELECT count(*) FROM appointments
    WHERE insurance_provider_id = %s AND local_date = %s
        AND doctor_id = %s AND appointment_time BETWEEN %s AND %s
        AND (status = 'BOOKED' OR status = 'HELD' AND hold_expires_at > %s)
) < %s"""
_CLEAR = f"""
    DELETE FROM appointments
    WHERE doctor_id = %(doctor)s AND appointment_time BETWEEN %(earliest)s AND %(latest)s
        AND {_ENDED_HOLD}
    RETURNING id
"""  # noqa: S608  Our own condition.


class ExternalIdUsed(Refused):
    """The insurer has used this appointment id before; nothing was changed."""

    def __init__(self) -> None:
        super().__init__("This external_appointment_id already belongs to an appointment.")


class TooManyBookings(Refused):
    """The insurer has as many open bookings and holds with the doctor that day as it may."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"You already have {limit} open bookings with this doctor that day.")


class Standing(NamedTuple):
    """What stands already when an appointment wants a slot.

    Args:
        open_bookings: others of its insurer with the doctor that day, holds among them.
        has_ended_holds: holds that have run out still have lanes of the slot.
        tokens: given at the place that day.
    """

    is_id_used: bool
    open_bookings: int
    has_ended_holds: bool
    tokens: Collection[int]


def add(appointment: Appointment, wanted: Wanted) -> None:
    """Insert a new booking or hold in the slot that is wanted, and bring open days in line.

    Raises:
        NotVisible, AppointmentsNotShared: the doctor shares no appointments with the insurer.
        ExternalIdUsed: the insurer has an appointment of this id.
        TooManyBookings: it has as many with the doctor that day as it may.
        SlotTaken, SlotRefused: with the reasons and the next free times.
        slots.BadRange: the start is naive or not of our time.
    """
    try:
        _add(appointment, wanted)
    except SlotRefused:
        # Whoever books the same twice hears of that, and not of a slot that it has itself.
        if is_id_used(appointment):
            raise ExternalIdUsed from None
        raise


def _add(appointment: Appointment, wanted: Wanted) -> None:
    with together():
        check_pair = locks.ask_for_pair(
            doctor_id=appointment.doctor_id,
            provider=appointment.insurance_provider,
            at=wanted.at,
        )
        schedule = wanted.ask_for_schedule()
    check_pair()
    slot = wanted.slot_to_book(schedule())
    put(appointment, slot)
    places = places_of(slot)
    appointment.lane, appointment.token_number = places[0]
    with together():
        is_added = _ask_to_insert(appointment, wanted.at)
        refresh = ask_to_refresh_days(appointment)
    # Nothing stands in the way of most; what does is looked for only then.
    if is_added():
        refresh()
    else:
        _add_elsewhere(appointment, places, wanted)


def _add_elsewhere(
    appointment: Appointment, places: Iterable[tuple[int, int]], wanted: Wanted
) -> None:
    standing = standing_of(appointment, wanted.at)
    if standing.is_id_used:
        raise ExternalIdUsed
    check_limit(appointment, standing)
    if not take_lane(
        appointment,
        places,
        standing,
        at=wanted.at,
        write=lambda: _insert(appointment, wanted.at),
    ):
        raise wanted.refusal()
    with together():
        refresh = ask_to_refresh_days(appointment)
    refresh()


def _insert(appointment: Appointment, at: datetime) -> bool:
    return _ask_to_insert(appointment, at)()


def _ask_to_insert(appointment: Appointment, at: datetime) -> Callable[[], bool]:
    """Add it, unless a rule of the database or its insurer's most of the day is against it."""
    earliest, latest = _around(appointment)
    given = (
        appointment.insurance_provider_id,
        appointment.local_date,
        appointment.doctor_id,
        earliest,
        latest,
        at,
        appointment.insurance_provider.max_open_bookings_per_day,
    )
    return rows.ask_to_insert(appointment, when=_HAS_ROOM, given=given)


def is_id_used(appointment: Appointment) -> bool:
    """Tell whether the insurer has used the appointment's id for another one."""
    return (
        Appointment.objects.filter(
            insurance_provider_id=appointment.insurance_provider_id,
            external_appointment_id=appointment.external_appointment_id,
        )
        .exclude(external_appointment_id=None)
        .exists()
    )


def put(appointment: Appointment, slot: Slot) -> None:
    """Give an appointment the time and the terms of a slot."""
    appointment.appointment_time, appointment.ends_at = slot.starts_at, slot.ends_at
    appointment.local_date, appointment.location_id = slot.local_date, slot.location_id
    appointment.capacity, appointment.mode = slot.capacity, slot.mode


def places_of(slot: Slot) -> list[tuple[int, int]]:
    """List the free lanes of a slot, each with its token number."""
    return [(lane, slot.token(lane)) for lane in slot.free_lanes]


def standing_of(appointment: Appointment, at: datetime) -> Standing:
    """Read what stands already on the day and at the time of an appointment."""
    found = ask(_STANDING, _values(appointment, at)).fetchone()
    assert found is not None
    return Standing(*found)


def check_limit(appointment: Appointment, standing: Standing) -> None:
    """Refuse an insurer more of a doctor's day than its share.

    Raises:
        TooManyBookings: it has as many open bookings and holds as it may.
    """
    limit = appointment.insurance_provider.max_open_bookings_per_day
    if standing.open_bookings >= limit:
        raise TooManyBookings(limit)


def take_lane(
    appointment: Appointment,
    places: Iterable[tuple[int, int]],
    standing: Standing,
    *,
    at: datetime,
    write: Callable[[], bool],
) -> bool:
    """Write an appointment in the first lane that the database lets it have.

    Args:
        places: lanes, each with the token number that belongs to it.
        write: inserts or saves it, or tells that another one stood in its way.

    Returns:
        Whether there was one.
    """
    if standing.has_ended_holds:
        _clear_ended_holds(appointment, at)
    for lane, number in places:
        appointment.lane = lane
        if _write(appointment, number, standing.tokens, write):
            return True
    return False


def save_if_free(appointment: Appointment, changed: Collection[str]) -> bool:
    """Save an appointment elsewhere, unless another one stands in its way."""
    try:
        with transaction.atomic():
            appointment.save(update_fields=changed)
    except IntegrityError as error:
        if constraint_of(error) not in _IN_THE_WAY:
            raise
        return False
    return True


def _write(
    appointment: Appointment, number: int, given: Collection[int], write: Callable[[], bool]
) -> bool:
    """Write it under its lane's number, or under the next one if hours were edited since.

    A number that somebody else took at the same moment is no reason to lose the lane.
    """
    appointment.token_number = max(given) + 1 if number in given else number
    while not write():
        given = _tokens(appointment)
        if appointment.token_number not in given or _is_lane_taken(appointment):
            return False
        appointment.token_number = max(given) + 1
    return True


def _tokens(appointment: Appointment) -> set[int]:
    same_day = Appointment.objects.filter(
        location=appointment.location_id, local_date=appointment.local_date
    )
    others = same_day.exclude(status=Appointment.Status.CANCELLED).exclude(pk=appointment.pk)
    numbers = others.values_list("token_number", flat=True)
    return {number for number in numbers if number is not None}


def _is_lane_taken(appointment: Appointment) -> bool:
    others = Appointment.objects.filter(doctor=appointment.doctor_id, lane=appointment.lane)
    return (
        others.touching(appointment.appointment_time, appointment.ends_at)
        .exclude(status=Appointment.Status.CANCELLED)
        .exclude(pk=appointment.pk)
        .exists()
    )


def _clear_ended_holds(appointment: Appointment, at: datetime) -> None:
    """Remove holds that have run out, whoever had them, from where the appointment goes."""
    for (hold_id,) in ask(_CLEAR, _values(appointment, at)).fetchall():
        ended = Appointment(pk=hold_id)
        ledger.record("appointment.hold_ended", subject=ended, by=None, at=at)


def _values(appointment: Appointment, at: datetime) -> dict[str, Any]:
    earliest, latest = _around(appointment)
    return {
        "id": appointment.pk,
        "doctor": appointment.doctor_id,
        "provider": appointment.insurance_provider_id,
        "place": appointment.location_id,
        "external_id": appointment.external_appointment_id,
        "day": appointment.local_date,
        "starts_at": appointment.appointment_time,
        "ends_at": appointment.ends_at,
        "earliest": earliest,
        "latest": latest,
        "at": at,
    }


def _around(appointment: Appointment) -> tuple[datetime, datetime]:
    """Give between what all on its date begin, wherever they are, and all who share its time."""
    midnight = datetime.combine(appointment.local_date, time(0), tzinfo=UTC)
    return (
        min(midnight - _BEGINS_BEFORE, appointment.appointment_time - LONGEST_SLOT),
        max(midnight + _ENDS_AFTER, appointment.ends_at),
    )
