"""Receptionists and insurers at the same instant; the doctor's row decides who comes first."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import connection, transaction

from registry.models import AuditLog
from registry.tests.races import at_once, outcomes
from scheduling import actions
from scheduling.actions import Decision
from scheduling.models import Appointment, AvailabilityException
from scheduling.slots import Reason
from scheduling.tests.clinic import QUARTER, WEEK
from scheduling.tests.factories import TUESDAY_AT_9, make_exception
from scheduling.tests.office import HOUR, Office

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 12


def test_leave_that_overlaps_is_joined_when_it_comes_at_once() -> None:
    office = Office()
    starts = [TUESDAY_AT_9 + count * WEEK for count in range(ROUNDS)]

    for start in starts:
        answers = at_once(
            partial(office.leave, start, 2 * HOUR, reason="Surgery"),
            partial(office.leave, start + HOUR, 2 * HOUR, reason="Travel"),
        )
        assert outcomes(answers) == ["done", "done"]

    assert office.standing() == [(start, 3 * HOUR, "Surgery; Travel") for start in starts]
    log = Counter(AuditLog.objects.values_list("action", flat=True))
    assert (log["leave.added"], log["leave.joined"]) == (2 * ROUNDS, ROUNDS)


def test_extra_hours_that_overlap_are_joined_when_they_come_at_once() -> None:
    office = Office()
    starts = [TUESDAY_AT_9 + 5 * HOUR + count * WEEK for count in range(ROUNDS)]

    for start in starts:
        answers = at_once(
            partial(office.extra, start, 2 * HOUR),
            partial(office.extra, start + HOUR, 2 * HOUR),
        )
        assert outcomes(answers) == ["done", "done"]

    assert office.standing() == [(start, 3 * HOUR, "") for start in starts]


def test_leave_and_a_booking_at_once_never_pass_each_other() -> None:
    office = Office()
    seen: Counter[tuple[str, ...]] = Counter()

    for count in range(ROUNDS):
        start = TUESDAY_AT_9 + (count % 7) * WEEK + QUARTER * (count // 7)
        steps = [
            partial(office.book, start),
            partial(office.leave, start, QUARTER),
        ]
        answers = at_once(*(steps if count % 2 else reversed(steps)))
        seen[tuple(sorted(outcomes(answers)))] += 1
        refusals = [one for one in answers if isinstance(one, actions.SlotRefused)]
        assert all(refusal.reasons == (Reason.ON_LEAVE,) for refusal in refusals)

    assert set(seen) <= {("Undecided", "done"), ("SlotRefused", "done")}
    booked = Appointment.objects.count()
    assert booked == seen["Undecided", "done"]
    assert AvailabilityException.objects.count() == seen["SlotRefused", "done"] == ROUNDS - booked


def test_two_decide_on_the_same_appointment_at_once() -> None:
    office = Office()
    booked = office.book()
    decided = {booked.pk: Decision(cancel=True, reason="doctor_leave")}

    answers = at_once(*[partial(office.leave, decisions=decided)] * 3)

    assert outcomes(answers) == ["done"] * 3
    booked.refresh_from_db()
    assert (booked.status, booked.version) == ("CANCELLED", 2)
    assert len(office.standing()) == 1


def test_what_was_written_without_the_lock_is_refused_in_words() -> None:
    office = Office()

    def leave() -> str:
        try:
            office.leave()
        except actions.ChangedMeanwhile:
            return "changed meanwhile"
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            make_exception(office.doctor)
            waiting = pool.submit(leave)
            wait_until_somebody_waits()
        assert waiting.result(timeout=60) == "changed meanwhile"
    assert len(office.standing()) == 1


def wait_until_somebody_waits() -> None:
    with connection.cursor() as cursor:
        for _ in range(500):
            cursor.execute("SELECT pg_stat_clear_snapshot(), pg_sleep(0.01)")
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0]:
                return
    raise AssertionError("Nobody waited.")
