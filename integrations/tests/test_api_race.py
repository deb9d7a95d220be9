"""Many at once, over HTTP, against processes as they run in earnest."""

import json
import time as clock
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from threading import Barrier
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
import requests
from django.db import connection, transaction
from django.utils.timezone import now

from consent.tests.factories import make_consent
from integrations.models import IdempotencyRecord
from integrations.tests.factories import make_api_key
from integrations.tests.web import running_web
from registry.models import AuditLog, Doctor, InsuranceProvider, OutboxEvent
from registry.tests.factories import make_doctor, make_location, make_provider
from scheduling import diary
from scheduling.models import Appointment, DayOfWeek
from scheduling.tests.factories import make_window

pytestmark = pytest.mark.django_db(transaction=True)

MANY = 20
RIVALS = 8
SLOTS = 200
# Without its guards the database shows what it held back sooner.
SLOTS_WITHOUT_GUARDS = 40
# A token belongs to one slot and lane, so that each of the two would refuse a second sale.
_GUARDS = [
    one
    for one in Appointment._meta.constraints
    if one.name in {"appointment_lane_once", "appointment_token_once"}
]


@pytest.fixture(scope="module")
def web(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    with django_db_blocker.unblock(), running_web() as base_url:
        yield base_url


class Race:
    """One doctor, open every day; insurers who all want the day after tomorrow at ten."""

    def __init__(self, base_url: str) -> None:
        self.url = f"{base_url}/api/v1/appointments"
        zone = ZoneInfo("Asia/Kolkata")
        day = now().astimezone(zone).date() + timedelta(days=2)
        self.start = datetime.combine(day, time(10), tzinfo=zone).isoformat()
        self.doctor = self._doctor(day)
        # One insurer's bookings with a doctor come one by one: only different ones race.
        self.keys = [self._key() for _ in range(MANY)]

    def _doctor(self, day: date) -> Doctor:
        doctor = make_doctor()
        place = make_location(doctor)
        for weekday in DayOfWeek.values:
            make_window(doctor, place, day_of_week=weekday, valid_from=day)
        return doctor

    def _key(self) -> str:
        provider: InsuranceProvider = make_provider()
        make_consent(
            doctor=self.doctor,
            insurance_provider=provider,
            granted_at=now() - timedelta(hours=1),
        )
        _, key = make_api_key(insurance_provider=provider, expires_at=now() + timedelta(days=1))
        return key

    def book(self, number: int, *, idempotency_key: str, key: str) -> requests.Response:
        return requests.post(
            self.url,
            json={
                "doctor_id": str(self.doctor.pk),
                "start": self.start,
                "external_appointment_id": f"V-{number}",
                "patient_reference": f"member-{number}",
            },
            headers={"Authorization": f"Bearer {key}", "Idempotency-Key": idempotency_key},
            timeout=60,
        )

    def book_each(self, number: int) -> requests.Response:
        return self.book(number, idempotency_key=str(uuid4()), key=self.keys[number])


class SlotRace:
    """Insurers who all want each of one doctor's slots at the same instant, slot after slot."""

    def __init__(self, base_url: str) -> None:
        self._url = f"{base_url}/api/v1/appointments"
        tomorrow = now().date() + timedelta(days=1)
        self._doctor = make_doctor()
        place = make_location(self._doctor)
        for weekday in DayOfWeek.values:
            make_window(self._doctor, place, day_of_week=weekday, end_time=time(17))
        self._keys = [self._key() for _ in range(RIVALS)]
        found = diary.free_slots(
            doctor=self._doctor,
            starts_at=datetime.combine(tomorrow, time(0), tzinfo=UTC),
            ends_at=datetime.combine(tomorrow + timedelta(days=8), time(0), tzinfo=UTC),
            at=now(),
        )
        self._starts = [slot.starts_at.isoformat() for slot in found]

    def _key(self) -> str:
        provider = make_provider(max_open_bookings_per_day=100)
        granted = now() - timedelta(hours=1)
        make_consent(doctor=self._doctor, insurance_provider=provider, granted_at=granted)
        _, key = make_api_key(insurance_provider=provider, expires_at=now() + timedelta(days=1))
        return key

    def run(self, slots: int) -> list[Counter[int]]:
        """Let them race for so many slots; give the answers for each."""
        assert slots <= len(self._starts)
        together = Barrier(RIVALS)
        with ThreadPoolExecutor(RIVALS) as pool:
            answers = pool.map(lambda key: self._want(key, slots, together), self._keys)
            return [Counter(of_slot) for of_slot in zip(*answers, strict=True)]

    def _want(self, key: str, slots: int, together: Barrier) -> list[int]:
        answers = []
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {key}"
            for number, start in enumerate(self._starts[:slots]):
                body = {
                    "doctor_id": str(self._doctor.pk),
                    "start": start,
                    "external_appointment_id": f"V-{number}",
                    "patient_reference": f"member-{number}",
                }
                headers = {"Idempotency-Key": str(uuid4())}
                together.wait(60)
                answer = session.post(self._url, json=body, headers=headers, timeout=60)
                answers.append(answer.status_code)
        return answers


def at_once(number: int, call: Callable[[int], requests.Response]) -> list[requests.Response]:
    start = Barrier(number)

    def run(which: int) -> requests.Response:
        start.wait()
        return call(which)

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(run, range(number)))


@contextmanager
def nobody_inserts_before_all_have_looked() -> Iterator[None]:
    """Let readers of appointments pass and hold writers until `MANY` of them wait."""
    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(_hold_writers)
        yield
        holding.result()


def _hold_writers() -> None:
    deadline = clock.monotonic() + 20
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE appointments IN SHARE MODE")
            waiting = 0
            while waiting < MANY and clock.monotonic() < deadline:
                cursor.execute(
                    "SELECT count(*) FROM pg_locks WHERE NOT granted "
                    "AND relation = 'appointments'::regclass"
                )
                (waiting,) = cursor.fetchone() or (0,)
                clock.sleep(0.01)
    finally:
        connection.close()
    assert waiting == MANY


@contextmanager
def no_guards() -> Iterator[None]:
    with connection.schema_editor() as editor:
        for guard in _GUARDS:
            editor.remove_constraint(Appointment, guard)
    try:
        yield
    finally:
        Appointment.objects.all().delete()
        with connection.schema_editor() as editor:
            for guard in _GUARDS:
                editor.add_constraint(Appointment, guard)


def test_of_20_who_book_one_place_at_once_exactly_one_gets_it(web: str) -> None:
    race = Race(web)

    with nobody_inserts_before_all_have_looked():
        answers = at_once(MANY, race.book_each)

    assert Counter(one.status_code for one in answers) == {201: 1, 409: 19}
    assert {one.json().get("code") for one in answers if one.status_code == 409} == {"slot_taken"}
    assert Appointment.objects.count() == 1
    assert OutboxEvent.objects.filter(type="appointment.booked").count() == 1


def test_without_the_constraint_more_than_one_gets_it(web: str) -> None:
    race = Race(web)

    with no_guards():
        with nobody_inserts_before_all_have_looked():
            answers = at_once(MANY, race.book_each)
        booked = Appointment.objects.count()

    assert booked > 1
    assert Counter(one.status_code for one in answers)[201] == booked


def test_of_8_insurers_exactly_one_gets_each_of_200_slots(web: str) -> None:
    race = SlotRace(web)

    answers = race.run(SLOTS)

    assert answers == [Counter({201: 1, 409: RIVALS - 1})] * SLOTS
    assert Appointment.objects.count() == SLOTS
    assert OutboxEvent.objects.filter(type="appointment.booked").count() == SLOTS
    assert AuditLog.objects.filter(action="appointment.booked").count() == SLOTS


def test_without_the_guards_some_of_the_slots_are_sold_twice(web: str) -> None:
    race = SlotRace(web)

    with no_guards():
        answers = race.run(SLOTS_WITHOUT_GUARDS)
        booked = Appointment.objects.count()

    sold_twice = [of_slot for of_slot in answers if of_slot[201] > 1]
    assert sold_twice
    assert booked == sum(of_slot[201] for of_slot in answers)


def test_50_identical_requests_at_once_have_one_effect(web: str) -> None:
    race = Race(web)

    answers = at_once(50, lambda _: race.book(1, idempotency_key="one", key=race.keys[0]))

    assert Appointment.objects.count() == 1
    assert IdempotencyRecord.objects.count() == 1
    assert OutboxEvent.objects.filter(type="appointment.booked").count() == 1
    booked = [one for one in answers if one.status_code == 201]
    (body,) = {one.text for one in booked}
    assert json.loads(body)["id"] == str(Appointment.objects.get().pk)
    assert sum("Idempotency-Replayed" not in one.headers for one in booked) == 1
    for one in answers:
        if one.status_code != 201:
            assert (one.status_code, one.json()["code"]) == (409, "request_in_flight")
            assert one.headers["Retry-After"] == "1"
    again = race.book(1, idempotency_key="one", key=race.keys[0])
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
