"""Many insurers' processes want the same slots at once; the database decides."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import time, timedelta
from threading import Barrier

import pytest
from django.db import connection, transaction

from consent.models import Consent
from consent.tests.factories import make_consent
from registry.models import Doctor, DoctorLocation, InsuranceProvider, OutboxEvent
from registry.tests.factories import NOW, make_doctor, make_location
from scheduling import actions
from scheduling.models import Appointment
from scheduling.tests.factories import TUESDAY_AT_9, make_appointment, make_window
from scheduling.tests.races import wait_until_waiting

pytestmark = pytest.mark.django_db(transaction=True)
CLIENTS = 6
QUARTER = timedelta(minutes=15)
STARTS = [TUESDAY_AT_9 + count * QUARTER for count in range(12)]

# A token belongs to one slot and lane, so that each of the two would refuse a second sale.
GUARDS = [
    one
    for one in Appointment._meta.constraints
    if one.name in {"appointment_lane_once", "appointment_token_once"}
]


def bookable_doctor(capacity: int = 1) -> tuple[Doctor, list[InsuranceProvider]]:
    doctor = make_doctor()
    make_window(doctor, make_location(doctor), end_time=time(12), capacity=capacity)
    providers = [make_consent(doctor=doctor).insurance_provider for _ in range(CLIENTS)]
    InsuranceProvider.objects.update(max_open_bookings_per_day=100)
    return doctor, list(InsuranceProvider.objects.filter(pk__in=[one.pk for one in providers]))


def race(doctor: Doctor, providers: list[InsuranceProvider], external_id: str = "") -> Counter[str]:
    """Let all insurers book all of `STARTS`, each start at the same moment."""
    together = Barrier(len(providers), timeout=60)

    def client(number: int) -> list[str]:
        outcomes = []
        for start in STARTS:
            together.wait()
            try:
                actions.book(
                    provider=providers[number],
                    doctor=doctor,
                    start=start,
                    location=None,
                    external_appointment_id=external_id or f"{number} {start}",
                    patient_reference="member",
                    mode=None,
                    visit_type="",
                    at=NOW,
                )
                outcomes.append("booked")
            except (actions.SlotTaken, actions.ExternalIdUsed) as refusal:
                outcomes.append(type(refusal).__name__)
        connection.close()
        return outcomes

    with ThreadPoolExecutor(len(providers)) as pool:
        return Counter(
            outcome for outcomes in pool.map(client, range(len(providers))) for outcome in outcomes
        )


def test_each_slot_is_sold_once() -> None:
    doctor, providers = bookable_doctor()

    outcomes = race(doctor, providers)

    assert outcomes == {"booked": len(STARTS), "SlotTaken": len(STARTS) * (CLIENTS - 1)}
    assert Appointment.objects.count() == len(STARTS)
    assert OutboxEvent.objects.filter(type="appointment.booked").count() == len(STARTS)


def test_each_slot_is_sold_as_often_as_it_has_places() -> None:
    doctor, providers = bookable_doctor(capacity=3)

    outcomes = race(doctor, providers)

    assert outcomes["booked"] == 3 * len(STARTS)
    assert len(set(Appointment.objects.values_list("appointment_time", "lane"))) == 36
    assert len(set(Appointment.objects.values_list("token_number", flat=True))) == 36


def test_a_lane_above_a_lowered_capacity_leaves_one_place_less() -> None:
    """Lanes 0 and 1 are empty, but all who book are offered lane 0 alone, and so they meet."""
    doctor, providers = bookable_doctor(capacity=2)
    place = DoctorLocation.objects.get(doctor=doctor)
    for start in STARTS:
        make_appointment(doctor, providers[0], place, appointment_time=start, lane=2, capacity=3)

    outcomes = race(doctor, providers)

    assert outcomes == {"booked": len(STARTS), "SlotTaken": len(STARTS) * (CLIENTS - 1)}
    assert Appointment.objects.count() == 2 * len(STARTS)


def test_without_the_constraint_slots_are_sold_twice() -> None:
    """The twin: it shows that the race is real and that the constraint is what decides it."""
    doctor, providers = bookable_doctor()
    with connection.schema_editor() as editor:
        for guard in GUARDS:
            editor.remove_constraint(Appointment, guard)
    try:
        outcomes = race(doctor, providers)
    finally:
        Appointment.objects.all().delete()
        with connection.schema_editor() as editor:
            for guard in GUARDS:
                editor.add_constraint(Appointment, guard)

    assert outcomes["booked"] > len(STARTS)


def test_one_id_at_many_slots_at_once_is_used_once() -> None:
    doctor, providers = bookable_doctor()

    outcomes = race(doctor, [providers[0]] * CLIENTS, external_id="A-1")

    assert outcomes["booked"] == 1
    assert outcomes["ExternalIdUsed"] + outcomes["SlotTaken"] == len(STARTS) * CLIENTS - 1


def test_a_booking_waits_for_a_withdrawal_and_then_finds_no_doctor() -> None:
    doctor, providers = bookable_doctor()
    started = Barrier(2, timeout=60)

    def book() -> str:
        started.wait()
        try:
            actions.book(
                provider=providers[0],
                doctor=doctor,
                start=TUESDAY_AT_9,
                location=None,
                external_appointment_id="A-1",
                patient_reference="member",
                mode=None,
                visit_type="",
                at=NOW,
            )
        except actions.NotVisible:
            return "not visible"
        finally:
            connection.close()
        return "booked"

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            consent = Consent.objects.select_for_update().get(insurance_provider=providers[0])
            waiting = pool.submit(book)
            started.wait()
            wait_until_waiting(1)
            consent.consent_status, consent.revoked_at = Consent.Status.REVOKED, NOW
            consent.save()
        assert waiting.result(timeout=60) == "not visible"
