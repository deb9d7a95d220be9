"""What must be true after a history: each function names what is not."""

from collections import ChainMap, Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain, pairwise
from typing import Any
from uuid import UUID

from django.db import connection

from integrations.tests.history.doctor import DoctorsSide
from integrations.tests.history.insurer import Client
from integrations.tests.history.world import MOST_OPEN_A_DAY, MOST_PER_DAY, State, World
from registry.models import AuditLog, OutboxEvent
from scheduling import openings
from scheduling.models import Appointment

# Asked of the database in words of its own: neither models nor querysets take part.
_SHARED_LANES = """
    SELECT a.id, b.id FROM appointments AS a JOIN appointments AS b
        ON a.doctor_id = b.doctor_id AND a.lane = b.lane AND a.id < b.id
        AND a.appointment_time < b.ends_at AND b.appointment_time < a.ends_at
    WHERE a.status <> 'CANCELLED' AND b.status <> 'CANCELLED'
        AND coalesce(a.hold_expires_at, 'infinity') > %(at)s
        AND coalesce(b.hold_expires_at, 'infinity') > %(at)s
"""
_SHARED_TOKENS = """
    SELECT location_id, local_date, token_number, count(*) FROM appointments
    WHERE status <> 'CANCELLED' GROUP BY 1, 2, 3 HAVING count(*) > 1
"""
_WRONG_DATES = """
    SELECT a.id, a.local_date FROM appointments AS a JOIN doctor_locations AS p
        ON p.id = a.location_id
    WHERE a.local_date <> (a.appointment_time AT TIME ZONE p.timezone)::date
"""
_OPEN_BY_INSURER = """
    SELECT doctor_id, local_date, insurance_provider_id, count(*) FROM appointments
    WHERE status = 'BOOKED' OR status = 'HELD' AND hold_expires_at > %(at)s
    GROUP BY 1, 2, 3 HAVING count(*) > %(most)s
"""
_OCCUPYING_BY_DAY = """
    SELECT doctor_id, local_date, count(*) FROM appointments
    WHERE status <> 'CANCELLED' AND coalesce(hold_expires_at, 'infinity') > %(at)s
        AND doctor_id = ANY(%(doctors)s)
    GROUP BY 1, 2 HAVING count(*) > %(most)s
"""


def nothing_is_taken_twice(*, at: datetime) -> Iterator[str]:
    """Check lanes, tokens and dates.

    Args:
        at: aware instant at which holds count that have not run out.
    """
    for lane in _rows(_SHARED_LANES, at=at):
        yield f"two share a lane: {lane}"
    for token in _rows(_SHARED_TOKENS):
        yield f"two share a token: {token}"
    for row in _rows(_WRONG_DATES):
        yield f"wrong local date: {row}"


def limits_held(world: World, sides: list[DoctorsSide], *, at: datetime) -> Iterator[str]:
    """Check the limits of insurers and of the doctor whose rules nobody changed."""
    filled = set().union(*(side.filled_days for side in sides))
    for doctor, day, *row in _rows(_OPEN_BY_INSURER, at=at, most=MOST_OPEN_A_DAY):
        if (doctor, day) not in filled:
            yield f"more open bookings than an insurer may have: {doctor} {day} {row}"
    constant = [one.doctor.pk for one in world.practices if one.keeps_rules]
    for doctor, day, *row in _rows(_OCCUPYING_BY_DAY, at=at, most=MOST_PER_DAY, doctors=constant):
        if (doctor, day) not in filled:
            yield f"more patients than the doctor sees a day: {doctor} {day} {row}"


def every_answer_was_true(
    clients: list[Client], sides: list[DoctorsSide], *, at: datetime
) -> Iterator[str]:
    """Check that all is as last told, and that nothing is there that was refused."""
    rows = {row.pk: row for row in Appointment.objects.all()}
    inside = ChainMap(*(side.told for side in sides))
    for client in clients:
        for appointment, states in client.told.items():
            row = rows.get(appointment)
            if row is None or row.external_appointment_id != client.external_ids[appointment]:
                yield f"booked, but not there: {appointment} {states[-1]}"
            else:
                told = [*states, *inside.get(appointment, ())]
                yield from _is_as_told(row, told)
        yield from _holds(client, rows, at)
    refused = set().union(*(client.refused_ids for client in clients))
    known = set().union(*(client.external_ids.values() for client in clients))
    for row in rows.values():
        if row.external_appointment_id in refused:
            yield f"refused, but there: {row.pk}"
        elif row.external_appointment_id is not None and row.external_appointment_id not in known:
            yield f"nobody was told of it: {row.pk}"


def _is_as_told(row: Appointment, told: list[State]) -> Iterator[str]:
    of_version = defaultdict(set)
    for state in told:
        of_version[state.version].add(state)
    for version, states in of_version.items():
        if len(states) > 1:
            yield f"version {version} of {row.pk} was told as {states}"
    latest = max(told, key=lambda state: state.version)
    standing = State(
        row.version, row.status, row.appointment_time, row.location_id, row.token_number
    )
    if standing.version < latest.version:
        yield f"a change was lost: told {latest}, is {standing}"
    elif standing.version == latest.version and standing != latest:
        yield f"told {latest}, is {standing}"
    elif standing.version > latest.version:
        yield from _was_cancelled_with_hours(row, latest)


def _was_cancelled_with_hours(row: Appointment, latest: State) -> Iterator[str]:
    """Check that what came after the last answer is the one change that is told to nobody."""
    reason = Appointment.CancelReason.DOCTOR_LEAVE
    if (row.version, row.status, row.cancel_reason) != (latest.version + 1, "CANCELLED", reason):
        yield f"changed by nobody: told {latest}, is version {row.version} {row.status}"


def _holds(client: Client, rows: Mapping[UUID, Appointment], at: datetime) -> Iterator[str]:
    for hold_id in client.released & rows.keys():
        yield f"released, but there: {hold_id}"
    for held in client.holds.values():
        if held.expires_at > at and held.id not in rows:
            yield f"held, but not there: {held}"


def every_change_is_on_record() -> Iterator[str]:
    """Check that each version has its line in the audit log and, once booked, its event."""
    lines = Counter(
        AuditLog.objects.filter(entity_type="appointment").values_list("entity_id", flat=True)
    )
    events = defaultdict(list)
    told = OutboxEvent.objects.filter(subject__startswith="appointment/").order_by("id")
    for subject, version, name in told.values_list("subject", "subject_version", "type"):
        events[subject].append((version, name))
    for row in Appointment.objects.all():
        if lines[row.pk] != row.version:
            yield f"{row.pk} is version {row.version} and has {lines[row.pk]} lines of audit"
        yield from _events_fit(row, events.pop(f"appointment/{row.pk}", []))
    for subject in events:
        yield f"events of what is not there: {subject}"


def _events_fit(row: Appointment, events: list[tuple[int, str]]) -> Iterator[str]:
    if row.status == Appointment.Status.HELD:
        if events:
            yield f"a hold has events: {row.pk} {events}"
        return
    versions = [version for version, _ in events]
    if not events or events[0][1] != "appointment.booked" or versions[-1] != row.version:
        yield f"{row.pk} is version {row.version} and has the events {events}"
    if any(later != earlier + 1 for earlier, later in pairwise(versions)):
        yield f"versions with gaps, or out of order: {row.pk} {events}"


def open_days_are_true(world: World) -> Iterator[str]:
    for one in world.practices:
        for difference in openings.differences(doctor_ids=[one.doctor.pk]):
            yield f"open days differ: {difference}"


def nothing_went_wrong(parties: Iterable[Client | DoctorsSide]) -> Iterator[str]:
    yield from chain.from_iterable(party.wrong for party in parties)


def _rows(sql: str, **values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())
