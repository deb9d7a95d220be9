"""The rows that decide a doctor's slots, in one statement, as the values that `slots` takes.

One row a doctor, its lists as JSON: PostgreSQL writes them and orjson reads them faster than a
driver makes a Python object of each column of hundreds of rows. What is taken is the longest, so
that each of its columns is one list.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from registry.models import Doctor
from registry.statements import ask
from scheduling import slots
from scheduling.models import AvailabilityException, BookingRules
from scheduling.slots import Closure, Extra, Rules, Schedule, Taken, Terms, Window

# Zone and whether it is in use, by the place's id.
_Places = dict[str, tuple[str, bool]]

_DAY = timedelta(days=1)
# No local day begins longer before an instant that it holds: one of them has 25 hours.
_LONGEST_DAY = timedelta(hours=25)

# Each list asks its table by doctor and time, for which there are indexes. A hold that has run
# out takes no place; nor does the appointment that is to be moved.
_SCHEDULES = """SELECT
        doctor.id,
        doctor.timezone,
        rules.lead_time_minutes,
        rules.horizon_days,
        rules.most_per_day,
        (
            -- A registration without an end is valid for good.
            SELECT CASE WHEN every(valid_until IS NOT NULL) THEN max(valid_until) END
            FROM doctor_credentials
            WHERE doctor_id = doctor.id AND kind = 'REGISTRATION' AND verified
                AND replaced_by_id IS NULL
        ),
        (
            SELECT json_object_agg(id, json_build_array(timezone, is_active))::text
            FROM doctor_locations
            WHERE doctor_id = doctor.id
        ),
        (
            SELECT json_agg(json_build_array(
                day_of_week, start_time, end_time, valid_from, valid_to,
                location_id, slot_duration_minutes, buffer_minutes, capacity, mode
            ))::text
            FROM doctor_availability
            WHERE doctor_id = doctor.id AND is_active AND valid_from <= %(last_date)s
                AND (valid_to IS NULL OR valid_to > %(first_date)s)
        ),
        (
            SELECT json_agg(json_build_array(
                kind, starts_at, ends_at,
                location_id, slot_duration_minutes, buffer_minutes, capacity, mode
            ))::text
            FROM availability_exceptions
            WHERE doctor_id = doctor.id
                AND starts_at < %(exceptions_until)s AND ends_at > %(exceptions_from)s
        ),
        (
            SELECT json_build_array(
                array_agg(appointment_time), array_agg(ends_at), array_agg(local_date),
                array_agg(location_id), array_agg(lane)
            )::text
            FROM appointments
            WHERE doctor_id = doctor.id
                AND appointment_time > CASE WHEN rules.most_per_day IS NULL
                    THEN %(near_from)s ELSE %(days_from)s END
                AND appointment_time < CASE WHEN rules.most_per_day IS NULL
                    THEN %(near_until)s ELSE %(days_until)s END
                AND status <> 'CANCELLED' AND (status <> 'HELD' OR hold_expires_at > %(at)s)
                AND id IS DISTINCT FROM %(ignoring)s::uuid
            HAVING count(*) > 0
        )
    FROM doctors AS doctor
    LEFT JOIN booking_rules AS rules ON rules.doctor_id = doctor.id
    WHERE doctor.id = ANY(%(doctors)s)
"""


class _Row(NamedTuple):
    doctor_id: UUID
    timezone: str
    lead_time_minutes: int | None
    horizon_days: int | None
    most_per_day: int | None
    valid_until: date | None
    places: str | None
    windows: str | None
    exceptions: str | None
    taken: str | None


def load(
    *,
    doctor: Doctor,
    starts_at: datetime,
    ends_at: datetime,
    at: datetime,
    ignoring: UUID | None = None,
) -> Schedule:
    """Load what decides the doctor's slots in `[starts_at, ends_at)`.

    Args:
        at: aware instant of the question; a hold that has run out by then takes no place.
        ignoring: a hold or appointment that is to be had itself or moved: it takes no place.
    """
    found = _ask([doctor.pk], starts_at, ends_at, at, ignoring)()
    return found[doctor.pk]


def ask_for(
    *,
    doctor_id: UUID,
    starts_at: datetime,
    ends_at: datetime,
    at: datetime,
    ignoring: UUID | None = None,
) -> Callable[[], Schedule]:
    """Ask as `load`, `together` with other questions; what is given reads the answer."""
    read = _ask([doctor_id], starts_at, ends_at, at, ignoring)
    return lambda: read()[doctor_id]


def load_many(
    *, doctor_ids: Sequence[UUID], starts_at: datetime, ends_at: datetime, at: datetime
) -> dict[UUID, Schedule]:
    """Load what decides the slots of several doctors, as `load`; who is unknown is left out."""
    return _ask(doctor_ids, starts_at, ends_at, at, None)()


def rules_of(doctor: Doctor) -> Rules:
    """Give how a doctor wants to be booked; without a row of rules, as the defaults say."""
    rules = BookingRules.objects.filter(doctor=doctor)
    row = rules.values_list("lead_time_minutes", "horizon_days", "most_per_day").first()
    return _rules(*row) if row else Rules()


def _ask(
    doctor_ids: Sequence[UUID],
    starts_at: datetime,
    ends_at: datetime,
    at: datetime,
    ignoring: UUID | None,
) -> Callable[[], dict[UUID, Schedule]]:
    answer = ask(
        _SCHEDULES,
        {
            "doctors": list(doctor_ids),
            "at": at,
            "ignoring": ignoring,
            # Tokens count from the morning of the local day in which the period begins, and
            # a night of the day before may reach into that.
            "first_date": starts_at.astimezone(UTC).date() - 3 * _DAY,
            "last_date": ends_at.astimezone(UTC).date() + 2 * _DAY,
            "exceptions_from": starts_at - 2 * _DAY,
            "exceptions_until": ends_at + 2 * _DAY,
            # Nobody has a place longer than a slot. Most a day counts whole local days.
            "near_from": starts_at - slots.LONGEST_SLOT,
            "near_until": ends_at,
            "days_from": starts_at - _LONGEST_DAY - slots.LONGEST_SLOT,
            "days_until": ends_at + _LONGEST_DAY,
        },
    )

    def read() -> dict[UUID, Schedule]:
        rows = map(_Row._make, answer.fetchall())
        return {row.doctor_id: _schedule(row) for row in rows}

    return read


def _schedule(row: _Row) -> Schedule:
    places = orjson.loads(row.places or "{}")
    exceptions = [_exception(places, *values) for values in orjson.loads(row.exceptions or "[]")]
    return Schedule(
        windows=tuple([_window(places, *values) for values in orjson.loads(row.windows or "[]")]),
        extras=tuple([one for one in exceptions if isinstance(one, Extra)]),
        closures=tuple([one for one in exceptions if isinstance(one, Closure)]),
        taken=_taken(*orjson.loads(row.taken)) if row.taken else (),
        closed_places=frozenset(
            [UUID(place) for place, (_, is_active) in places.items() if not is_active]
        ),
        rules=_rules(row.lead_time_minutes, row.horizon_days, row.most_per_day),
        credential_until=_credential_until(row.valid_until, ZoneInfo(row.timezone)),
    )


def _window(
    places: _Places,
    weekday: int,
    start: str,
    end: str,
    valid_from: str,
    valid_to: str | None,
    place: str,
    *cut: Any,
) -> Window:
    return Window(
        weekday,
        time.fromisoformat(start),
        time.fromisoformat(end),
        date.fromisoformat(valid_from),
        date.fromisoformat(valid_to) if valid_to else None,
        _terms(place, places[place][0], *cut),
    )


def _exception(
    places: _Places, kind: str, starts_at: str, ends_at: str, place: str | None, *cut: Any
) -> Extra | Closure:
    period = datetime.fromisoformat(starts_at), datetime.fromisoformat(ends_at)
    if place is not None and kind == AvailabilityException.Kind.EXTRA:
        return Extra(*period, _terms(place, places[place][0], *cut))
    return Closure(*period, UUID(place) if place else None)


# The same for all windows of most doctors; the size is that of some hundred doctors.
@lru_cache(maxsize=4096)
def _terms(place: str, zone: str, *cut: Any) -> Terms:
    return Terms(UUID(place), ZoneInfo(zone), *cut)


def _taken(
    starts: list[str],
    ends: list[str],
    local_dates: list[str],
    places: list[str],
    lanes: list[int],
) -> tuple[Taken, ...]:
    instant, day = datetime.fromisoformat, date.fromisoformat
    periods = map(instant, starts), map(instant, ends)
    return tuple(map(Taken, *periods, map(day, local_dates), map(_place, places), lanes))


# Many patients, few places; making a UUID takes longest of all.
_place = lru_cache(maxsize=4096)(UUID)


def _rules(
    lead_time_minutes: int | None, horizon_days: int | None, most_per_day: int | None
) -> Rules:
    if lead_time_minutes is None or horizon_days is None:
        return Rules()
    return Rules(timedelta(minutes=lead_time_minutes), timedelta(days=horizon_days), most_per_day)


def _credential_until(valid_until: date | None, zone: ZoneInfo) -> datetime | None:
    """Give the end of the last day on which the doctor's registration is valid."""
    if valid_until is None:
        return None
    return datetime.combine(valid_until + _DAY, time(0), tzinfo=zone).astimezone(UTC)
