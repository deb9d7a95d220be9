import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries
from pytest_django.asserts import assertContains, assertNotContains

from registry.models import Doctor, DoctorLocation, InsuranceProvider
from registry.tests.factories import make_doctor, make_provider
from scheduling.models import Appointment
from scheduling.tests.factories import TUESDAY_AT_9, make_appointment
from scheduling.tests.leave import (
    ADD,
    EXTRA_HOURS,
    HOUR,
    ONE_DAY,
    answer,
    make_extra,
    standing,
    words_of,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]


@pytest.fixture
def insurer() -> InsuranceProvider:
    return make_provider(name="Acme")


def test_nothing_is_saved_before_each_appointment_is_decided_on(
    page: Client, doctor: Doctor, place: DoctorLocation, insurer: InsuranceProvider
) -> None:
    one = make_appointment(doctor, insurer, place)

    response = page.post(ADD, ONE_DAY | {"reason": "Trip <b>"})

    assert response.status_code == 200
    text = words_of(response.content)
    assert "1 appointment to decide on" in text
    assert "Leave on Tuesday 24 November, all day" in text
    assert "Tuesday 24 November 2026, 9am to 9:15am" in text
    assert f"Jayanagar Clinic. Acme, its reference {one.external_appointment_id}." in text
    assertContains(response, '<input type="hidden" name="reason" value="Trip &lt;b&gt;">')
    assertNotContains(response, " checked")
    assertNotContains(response, "All of them")
    assert standing() == []

    again = page.post(ADD, ONE_DAY | answer([one]))
    assertContains(again, "Choose whether to keep or to cancel it.", status_code=422)
    assert standing() == []


def test_appointments_are_kept_and_cancelled_as_decided(
    page: Client, doctor: Doctor, place: DoctorLocation, insurer: InsuranceProvider
) -> None:
    kept, also_kept, gone = (
        make_appointment(doctor, insurer, place, appointment_time=TUESDAY_AT_9 + hour * HOUR)
        for hour in range(3)
    )
    decided = answer([kept, also_kept, gone], {gone: "cancel"}, what="keep", reason="other")
    decided[f"decision-{gone.pk}-note"] = "Please call them"

    response = page.post(ADD, ONE_DAY | decided, follow=True)

    assertContains(
        response,
        "Leave saved: Tuesday 24 November, all day. 2 appointments kept, 1 cancelled; "
        "Acme is told within seconds.",
    )
    gone.refresh_from_db()
    assert (gone.status, gone.cancel_reason, gone.cancel_note) == (
        "CANCELLED",
        "other",
        "Please call them",
    )
    assert set(Appointment.objects.exclude(pk=gone.pk).values_list("status", flat=True)) == {
        "BOOKED"
    }


def test_all_can_be_cancelled_at_once(
    page: Client, doctor: Doctor, place: DoctorLocation, insurer: InsuranceProvider
) -> None:
    rows = [
        make_appointment(doctor, provider, place, appointment_time=TUESDAY_AT_9 + hour * HOUR)
        for hour, provider in enumerate([insurer, make_provider(name="Best"), insurer])
    ]
    asked = page.post(ADD, ONE_DAY)
    assertContains(asked, "All 3 at once")
    assertContains(asked, "checked", 1)

    response = page.post(ADD, ONE_DAY | answer(rows, what="cancel"), follow=True)

    assertContains(response, "3 appointments cancelled; Acme and Best are told within seconds.")
    reasons = set(Appointment.objects.values_list("cancel_reason", flat=True))
    assert reasons == {"doctor_leave"}


def test_who_books_meanwhile_is_asked_about_and_not_cancelled_with_all(
    page: Client, doctor: Doctor, place: DoctorLocation, insurer: InsuranceProvider
) -> None:
    first = make_appointment(doctor, insurer, place)
    new = make_appointment(doctor, insurer, place, appointment_time=TUESDAY_AT_9 + HOUR)
    decided = answer([first], {first: "cancel"}, what="cancel", reason="other", note="Sorry")

    response = page.post(ADD, ONE_DAY | decided)

    assertContains(response, "Somebody booked while you were deciding", status_code=422)
    assertContains(response, '<span class="tag tag-warn">New</span>', 1, status_code=422)
    shown = response.content.decode()
    assert re.search(f'name="decision-{first.pk}-what" value="cancel"[^>]* checked', shown)
    assert not re.search(f'name="decision-{new.pk}-what"[^>]* checked', shown)
    assert 'value="Sorry"' in shown
    assert '<option value="other" selected>' in shown
    assert not Appointment.objects.filter(status="CANCELLED").exists()

    page.post(ADD, ONE_DAY | answer([first, new], {first: "cancel", new: "keep"}))
    assert list(Appointment.objects.order_by("appointment_time").values_list("status", flat=True))
    first.refresh_from_db()
    new.refresh_from_db()
    assert (first.status, new.status) == ("CANCELLED", "BOOKED")


def test_going_back_shows_what_was_typed(
    page: Client, doctor: Doctor, place: DoctorLocation, insurer: InsuranceProvider
) -> None:
    one = make_appointment(doctor, insurer, place)
    sent = ONE_DAY | {"reason": "Trip"} | answer([one], {one: "cancel"})

    response = page.post(ADD, sent | {"decision-back": "1"})

    assert response.status_code == 200
    assertContains(response, 'name="reason" value="Trip"')
    assertNotContains(response, "There is a problem")
    assert standing() == []


def test_another_doctors_appointment_and_nonsense_decide_nothing(
    page: Client, doctor: Doctor, place: DoctorLocation, insurer: InsuranceProvider
) -> None:
    mine = make_appointment(doctor, insurer, place)
    other = make_appointment(make_doctor(), insurer)
    sent = answer([mine, other], {mine: "perhaps", other: "cancel"})
    sent["decision-for"] += " nonsense"

    response = page.post(ADD, ONE_DAY | sent)

    assertContains(response, "Select a valid choice", status_code=422)
    assertNotContains(response, str(other.pk), status_code=422)
    other.refresh_from_db()
    assert other.status == "BOOKED"

    sent[f"decision-{mine.pk}-what"] = "keep"
    assertContains(page.post(ADD, ONE_DAY | sent, follow=True), "1 appointment kept.")


def test_many_appointments_share_one_reason_and_few_queries(
    page: Client,
    doctor: Doctor,
    place: DoctorLocation,
    insurer: InsuranceProvider,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    quarter = timedelta(minutes=15)
    for count in range(45):
        make_appointment(doctor, insurer, place, appointment_time=TUESDAY_AT_9 + count * quarter)

    with django_assert_max_num_queries(12):
        response = page.post(ADD, ONE_DAY)

    assertContains(response, "45 appointments to decide on")
    assertNotContains(response, "Another reason or note")
    assertContains(response, 'name="decision-reason"', 1)


def test_shorter_extra_hours_ask_first(
    page: Client, doctor: Doctor, place: DoctorLocation, insurer: InsuranceProvider
) -> None:
    row = make_extra(doctor, place)
    late = make_appointment(
        doctor, insurer, place, appointment_time=TUESDAY_AT_9 + timedelta(minutes=45)
    )
    address = reverse("scheduling:exception_edit", args=[row.pk])
    shorter = EXTRA_HOURS | {
        "date": "2026-11-24",
        "starts": "9",
        "ends": "9:30",
        "slot_duration_minutes": "15",
    }

    assertContains(page.post(address, shorter), "1 appointment to decide on")
    page.post(address, shorter | answer([late], {late: "cancel"}))

    late.refresh_from_db()
    row.refresh_from_db()
    assert late.cancel_reason == "doctor_unavailable"
    assert row.ends_at == TUESDAY_AT_9 + HOUR / 2


def test_removing_extra_hours_asks_about_who_is_booked(
    page: Client, doctor: Doctor, place: DoctorLocation, insurer: InsuranceProvider
) -> None:
    row, one = make_extra(doctor, place), make_appointment(doctor, insurer, place)
    address = reverse("scheduling:exception_remove", args=[row.pk])
    assertContains(page.post(address), "1 appointment to decide on")
    assertContains(page.post(address, {"decision-back": "1"}), "Remove these extra hours?")
    assert standing()

    response = page.post(address, answer([one], {one: "cancel"}), follow=True)

    assertContains(response, "1 appointment cancelled; Acme is told within seconds.")
    assert standing() == []
