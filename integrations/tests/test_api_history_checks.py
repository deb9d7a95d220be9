"""The checks after a history see what is wrong, so that their silence means something."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.utils.timezone import now

from integrations import representations
from integrations.tests.history import checks
from integrations.tests.history.doctor import DoctorsSide
from integrations.tests.history.insurer import Client
from integrations.tests.history.world import MOST_OPEN_A_DAY, World, make_world
from scheduling import actions
from scheduling.models import Appointment

pytestmark = pytest.mark.django_db

NO_GUARDS = """
    ALTER TABLE appointments DROP CONSTRAINT appointment_lane_once;
    DROP INDEX appointment_token_once
"""


class History:
    """Two bookings with one doctor, as an insurer's client was told of them."""

    def __init__(self) -> None:
        self.world: World = make_world(at=now())
        self.client = Client(0, self.world, "http://nowhere.example", self.world.insurers[0])
        practice = self.world.practices[0]
        for number, (start, _) in enumerate(practice.starts[:2]):
            booked = actions.book(
                provider=self.client.provider,
                doctor=practice.doctor,
                start=start,
                location=None,
                external_appointment_id=f"V-{number}",
                patient_reference="patient-7731",
                mode=None,
                visit_type="",
                at=now(),
            )
            told = self.client.learn(representations.appointment(booked))
            self.client.external_ids[told] = f"V-{number}"

    def problems(self) -> Iterator[str]:
        sides = [DoctorsSide(practice) for practice in self.world.practices]
        at = now()
        yield from checks.nothing_is_taken_twice(at=at)
        yield from checks.limits_held(self.world, sides, at=at)
        yield from checks.every_answer_was_true([self.client], sides, at=at)
        yield from checks.every_change_is_on_record()
        yield from checks.open_days_are_true(self.world)


@pytest.fixture
def history() -> History:
    return History()


def spoil(sql: str) -> None:
    with connection.cursor() as cursor:
        # Constraints that wait for the commit would keep tables from being altered.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(sql)


def test_nothing_is_said_of_a_history_that_is_right(history: History) -> None:
    assert list(history.problems()) == []


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE appointments SET version = version + 1", "changed by nobody"),
        ("UPDATE appointments SET token_number = token_number + 50", "told"),
        ("UPDATE appointments SET external_appointment_id = id", "booked, but not there"),
        ("DELETE FROM outbox_events", "has the events []"),
        ("UPDATE outbox_events SET subject_version = 2", "has the events"),
        ("UPDATE open_days SET free = free + 1", "open days differ"),
    ],
)
def test_each_wrong_is_named(history: History, sql: str, said: str) -> None:
    spoil(sql)

    assert any(said in problem for problem in history.problems())


def test_a_shared_lane_and_token_are_named(history: History) -> None:
    spoil(NO_GUARDS)
    first, second = Appointment.objects.order_by("appointment_time")
    taken = {"appointment_time": first.appointment_time, "ends_at": first.ends_at}
    Appointment.objects.filter(pk=second.pk).update(token_number=first.token_number, **taken)

    problems = list(history.problems())

    assert any("share a lane" in problem for problem in problems)
    assert any("share a token" in problem for problem in problems)


def test_an_insurer_over_its_limit_is_named(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_OPEN_A_DAY > 1
    monkeypatch.setattr(checks, "MOST_OPEN_A_DAY", 1)

    assert any("more open bookings" in problem for problem in history.problems())


def test_what_was_refused_and_is_there_is_named(history: History) -> None:
    history.client.refused_ids.add("V-1")

    assert any("refused, but there" in problem for problem in history.problems())
