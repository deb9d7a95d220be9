from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.test import Client
from guardian.shortcuts import assign_perm
from pytest_django import DjangoAssertNumQueries
from pytest_django.asserts import assertContains, assertNotContains

from registry import ledger
from registry.models import Doctor, OutboxEvent, User
from registry.tests.factories import NOW, make_doctor, make_location, make_provider, make_user
from scheduling import actions
from scheduling.models import Appointment
from scheduling.tests.factories import TUESDAY_AT_9, make_appointment, make_window

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]
NINE = timedelta(minutes=9)


@pytest.fixture
def user(doctor: Doctor) -> User:
    return make_user(doctor=doctor)


@pytest.fixture
def page(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


@pytest.fixture
def booked(doctor: Doctor) -> Appointment:
    provider = make_provider(name="Arogya")
    row = make_appointment(doctor, provider, make_location(doctor), external_appointment_id="A-77")
    ledger.record("appointment.booked", subject=row, by=provider, at=NOW)
    return row


def address(appointment: Appointment) -> str:
    return f"/appointments/{appointment.pk}/"


def test_a_stranger_signs_in_first(client: Client, booked: Appointment) -> None:
    for path in ("", "cancel/", "mark/", "undo/"):
        assert client.get(address(booked) + path)["Location"].startswith("/accounts/login/")


def test_someone_elses_appointment_is_not_found(page: Client, doctor: Doctor) -> None:
    held = make_appointment(doctor, make_provider(), status=Appointment.Status.HELD)
    for path in (address(make_appointment(make_doctor(), make_provider())), address(held)):
        assert page.get(path).status_code == 404
        assert page.get(path + "cancel/").status_code == 404
        assert page.post(path + "cancel/", {"reason": "other"}).status_code == 404
        assert page.post(path + "mark/", {"status": "ARRIVED"}).status_code == 404
        assert page.post(path + "undo/").status_code == 404
    assert page.get(f"/appointments/{uuid4()}/").status_code == 404
    assert not OutboxEvent.objects.exists()


def test_the_page_shows_who_when_and_what_happened(
    page: Client, booked: Appointment, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(6):
        response = page.get(address(booked))

    for text in (
        "Tuesday 24 November 2026, 9am to 9:15am",
        "India Standard Time",
        "Jayanagar Clinic, Bengaluru",
        "Arogya",
        "A-77",
        "patient-7731",
        "Booked by Arogya",
        "Monday 23 November 2026 at 9am",
        address(booked) + "cancel/",
    ):
        assertContains(response, text)


def test_a_receptionist_sees_no_patient(client: Client, booked: Appointment) -> None:
    receptionist = make_user(doctor=booked.doctor, role=User.Role.DELEGATE)
    client.force_login(receptionist)
    assert client.get(address(booked)).status_code == 404

    assign_perm("manage_appointments", receptionist, booked.doctor)
    assertNotContains(client.get(address(booked)), "patient-7731")


def test_cancelling_asks_why(page: Client, booked: Appointment) -> None:
    response = page.get(address(booked) + "cancel/")
    assertContains(response, "The doctor is on leave")
    assertNotContains(response, "consent_withdrawn")

    response = page.post(address(booked) + "cancel/", {"note": "Back on Friday"})

    assertContains(response, "Choose why you cancel", 2, 422)
    assertContains(response, 'href="#id_reason_0"', status_code=422)
    assertContains(response, "Back on Friday", status_code=422)
    assert Appointment.objects.get().status == Appointment.Status.BOOKED


@pytest.mark.parametrize(
    "given",
    [
        {"reason": "consent_withdrawn"},
        {"reason": "nonsense"},
        {"reason": "other", "note": "x" * 501},
    ],
)
def test_what_the_page_does_not_offer_is_refused(
    page: Client, booked: Appointment, given: dict[str, str]
) -> None:
    assert page.post(address(booked) + "cancel/", given).status_code == 422
    assert not OutboxEvent.objects.exists()


def test_cancelling_is_shown_with_its_history(page: Client, booked: Appointment) -> None:
    response = page.post(
        address(booked) + "cancel/",
        {"reason": "doctor_leave", "note": "Back on Friday"},
        follow=True,
    )

    for text in (
        "Cancelled. Arogya is told within seconds.",
        "The doctor is on leave",
        "Back on Friday",
        "Cancelled by you",
    ):
        assertContains(response, text)
    assertNotContains(response, address(booked) + "cancel/")
    assert OutboxEvent.objects.get().type == "appointment.cancelled"


def test_cancelling_twice_changes_nothing(
    page: Client, booked: Appointment, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    actions.cancel(appointment=booked, reason="other", by=user, at=NOW)

    for answer in (
        page.get(address(booked) + "cancel/", follow=True),
        page.post(address(booked) + "cancel/", {"reason": "other"}, follow=True),
    ):
        assertContains(answer, "This appointment cannot be cancelled: cancelled.")
    assert OutboxEvent.objects.count() == 1


def test_what_has_begun_offers_no_cancelling(page: Client, doctor: Doctor) -> None:
    begun = make_appointment(doctor, make_provider(), appointment_time=NOW)

    assertNotContains(page.get(address(begun)), address(begun) + "cancel/")
    for answer in (
        page.get(address(begun) + "cancel/", follow=True),
        page.post(address(begun) + "cancel/", {"reason": "other"}, follow=True),
    ):
        assertContains(answer, "It has begun, so it cannot be cancelled any more.")
    assert Appointment.objects.get().status == Appointment.Status.BOOKED
    assert not OutboxEvent.objects.exists()


@pytest.mark.parametrize(
    ("status", "later", "offered"),
    [
        ("BOOKED", timedelta(days=-1), []),
        ("BOOKED", timedelta(hours=-1), ["ARRIVED"]),
        ("BOOKED", timedelta(0), ["ARRIVED", "COMPLETED", "NO_SHOW"]),
        ("BOOKED", timedelta(days=3), ["ARRIVED", "COMPLETED", "NO_SHOW"]),
        ("ARRIVED", timedelta(hours=-1), []),
        ("ARRIVED", timedelta(0), ["COMPLETED"]),
        ("COMPLETED", timedelta(0), []),
        ("NO_SHOW", timedelta(0), []),
        ("CANCELLED", timedelta(0), []),
    ],
)
def test_the_marks_offered_are_those_that_the_actions_take(
    page: Client,
    doctor: Doctor,
    user: User,
    status: str,
    later: timedelta,
    offered: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = make_appointment(doctor, make_provider(), status=status)
    at = row.appointment_time + later
    monkeypatch.setattr("scheduling.views.appointments.now", lambda: at)

    html = page.get(address(row)).text

    assert [mark for mark in ("ARRIVED", "COMPLETED", "NO_SHOW") if f'"{mark}"' in html] == offered
    for mark in ("ARRIVED", "COMPLETED", "NO_SHOW"):
        page.post(address(row) + "mark/", {"status": mark})
        row.refresh_from_db()
        assert (row.status == mark) == (mark in offered or row.status == status == mark)
        Appointment.objects.filter(pk=row.pk).update(status=status, previous_status="")


@pytest.mark.parametrize(
    ("mark", "said", "told", "event"),
    [
        ("ARRIVED", "Marked: arrived.", "Marked as arrived by you", "appointment.arrived"),
        ("COMPLETED", "Marked: completed.", "Marked as completed by you", "appointment.completed"),
        ("NO_SHOW", "Marked: did not come.", "Marked as not come by you", "appointment.no_show"),
    ],
)
def test_marking_is_shown_with_its_history_and_can_be_undone(
    page: Client,
    booked: Appointment,
    mark: str,
    said: str,
    told: str,
    event: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at = booked.appointment_time
    monkeypatch.setattr("scheduling.views.appointments.now", lambda: at)

    marked = page.post(address(booked) + "mark/", {"status": mark}, follow=True)

    for text in (said, told, address(booked) + "undo/", "10 minutes left"):
        assertContains(marked, text)
    assert OutboxEvent.objects.get().type == event

    undone = page.post(address(booked) + "undo/", follow=True)

    assertContains(undone, "Undone: it is booked again. Arogya is told.")
    label = Appointment.Status(mark).label
    assertContains(undone, f"\u201c{label}\u201d undone by you")
    assertNotContains(undone, address(booked) + "undo/")


def set_clock(monkeypatch: pytest.MonkeyPatch, at: datetime) -> None:
    monkeypatch.setattr("scheduling.views.appointments.now", lambda: at)


def test_the_time_to_undo_runs_out(
    page: Client, booked: Appointment, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = booked.appointment_time
    actions.mark_no_show(appointment=booked, by=user, at=at)
    for later, left in ((timedelta(minutes=8, seconds=59), "2 minutes"), (NINE, "1 minute")):
        set_clock(monkeypatch, at + later)
        assertContains(page.get(address(booked)), f"{left} left")

    set_clock(monkeypatch, at + Appointment.UNDO_WITHIN)

    assertNotContains(page.get(address(booked)), "undo/")
    answer = page.post(address(booked) + "undo/", follow=True)
    assertContains(answer, "within 10 minutes")
    assert Appointment.objects.get().status == "NO_SHOW"


def test_cancelling_can_be_undone(page: Client, booked: Appointment) -> None:
    cancelled = page.post(address(booked) + "cancel/", {"reason": "duplicate"}, follow=True)
    assertContains(cancelled, "You can undo this for 10 minutes.")
    assertContains(cancelled, "Cancelled by you: booked twice")

    undone = page.post(address(booked) + "undo/", follow=True)

    assertContains(undone, "Undone: it is booked again.")
    assert Appointment.objects.get().status == "BOOKED"


def test_a_cancelled_time_that_somebody_else_has_stays_cancelled(
    page: Client, booked: Appointment
) -> None:
    page.post(address(booked) + "cancel/", {"reason": "duplicate"})
    make_appointment(booked.doctor, make_provider(), booked.location)

    answer = page.post(address(booked) + "undo/", follow=True)

    assertContains(answer, "Somebody else has this time now")
    booked.refresh_from_db()
    assert booked.status == "CANCELLED"


@pytest.mark.parametrize("asked", [{}, {"status": "BOOKED"}, {"status": "CANCELLED"}])
def test_no_other_mark_can_be_given(
    page: Client, booked: Appointment, asked: dict[str, str]
) -> None:
    assert page.post(address(booked) + "mark/", asked).status_code == 400
    assert page.get(address(booked) + "mark/").status_code == 405
    assert page.get(address(booked) + "undo/").status_code == 405
    assert not OutboxEvent.objects.exists()


def test_a_receptionist_may_mark_and_undo(
    client: Client, booked: Appointment, monkeypatch: pytest.MonkeyPatch
) -> None:
    receptionist = make_user(doctor=booked.doctor, role=User.Role.DELEGATE)
    client.force_login(receptionist)
    at = booked.appointment_time
    monkeypatch.setattr("scheduling.views.appointments.now", lambda: at)
    for path in ("mark/", "undo/"):
        assert client.post(address(booked) + path, {"status": "ARRIVED"}).status_code == 404

    assign_perm("manage_appointments", receptionist, booked.doctor)
    client.post(address(booked) + "mark/", {"status": "ARRIVED"})

    booked.refresh_from_db()
    assert (booked.status, booked.status_by) == ("ARRIVED", receptionist)


def test_the_history_says_what_moved_in_the_zone_of_the_place(
    page: Client, booked: Appointment, user: User
) -> None:
    make_window(booked.doctor, booked.location)
    make_window(booked.doctor, booked.location, day_of_week=2)
    for later in (timedelta(hours=1), timedelta(days=1)):
        start = TUESDAY_AT_9 + later
        actions.move(appointment=booked, start=start, by=user, at=NOW)

    answer = page.get(address(booked))

    assertContains(answer, "Moved from Tuesday 24 November, 9am to 10am by you")
    assertContains(
        answer, "Moved from Tuesday 24 November, 10am to Wednesday 25 November, 9am by you"
    )


def test_what_history_has_no_words_for_is_still_told(page: Client, booked: Appointment) -> None:
    ledger.record("appointment.renumbered", subject=booked, by=None, at=NOW)

    assertContains(page.get(address(booked)), "appointment.renumbered by DocPort")
