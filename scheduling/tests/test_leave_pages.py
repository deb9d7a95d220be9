import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from guardian.shortcuts import assign_perm
from pytest_django import DjangoAssertNumQueries
from pytest_django.asserts import assertContains, assertNotContains

from registry.models import Doctor, DoctorLocation, InsuranceProvider, User
from registry.tests.factories import NOW, make_doctor, make_location, make_provider, make_user
from scheduling.models import Appointment, AvailabilityException
from scheduling.tests.factories import TUESDAY_AT_9, make_appointment, make_exception, make_window

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]

LEAVE, ADD, EXTRA = "/leave/", "/leave/add/", "/leave/extra/"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# Midnight in India at the start of Tuesday 24 November.
TUESDAY = TUESDAY_AT_9 - 9 * HOUR
ONE_DAY = {"first": "2026-11-24"}
EXTRA_HOURS = {
    "date": "2026-11-25",
    "starts": "10pm",
    "ends": "2am",
    "slot_duration_minutes": "20",
    "capacity": "2",
    "buffer_minutes": "0",
    "mode": "TELE",
}


@pytest.fixture
def insurer() -> InsuranceProvider:
    return make_provider(name="Acme")


def make_extra(doctor: Doctor, place: DoctorLocation, **given: Any) -> AvailabilityException:
    return make_exception(doctor, kind="EXTRA", location=place, **given)


def answer(
    listed: list[Appointment], each: dict[Appointment, str] | None = None, **words: str
) -> dict[str, str]:
    """Give what the page of decisions sends."""
    return {
        "decision-for": " ".join(str(one.pk) for one in listed),
        **{f"decision-{name}": value for name, value in words.items()},
        **{f"decision-{one.pk}-what": value for one, value in (each or {}).items()},
    }


def words_of(page: bytes) -> str:
    return " ".join(re.sub("<[^>]*>", " ", page.decode()).split())


def standing() -> list[tuple[datetime, datetime]]:
    return list(AvailabilityException.objects.values_list("starts_at", "ends_at"))


# Who may open them.


@pytest.mark.parametrize("path", [LEAVE, ADD, EXTRA])
def test_a_stranger_signs_in_first(client: Client, path: str) -> None:
    assert client.get(path)["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("name", ["exception_edit", "exception_remove"])
def test_another_doctors_leave_is_not_found(page: Client, name: str) -> None:
    address = reverse(f"scheduling:{name}", args=[make_exception(make_doctor()).pk])

    assert page.get(address).status_code == 404
    assert page.post(address).status_code == 404
    assert AvailabilityException.objects.count() == 1


def test_a_stranger_does_not_reach_a_row(client: Client, doctor: Doctor) -> None:
    row = make_exception(doctor)

    for name in ("exception_edit", "exception_remove"):
        assert client.get(reverse(f"scheduling:{name}", args=[row.pk])).status_code == 302
    assert client.post("/leave/today/").status_code == 302


def test_a_receptionist_needs_the_right_to_it(client: Client, place: DoctorLocation) -> None:
    receptionist = make_user(doctor=place.doctor, role=User.Role.DELEGATE)
    client.force_login(receptionist)
    assert {client.get(path).status_code for path in (LEAVE, ADD, EXTRA)} == {404}
    assert client.post(ADD, ONE_DAY).status_code == 404
    assert client.post("/leave/today/").status_code == 404

    assign_perm("manage_schedule", receptionist, place.doctor)
    assert {client.get(path).status_code for path in (LEAVE, ADD, EXTRA)} == {200}


# The list.


def test_without_leave_the_next_step_is_named(page: Client, place: DoctorLocation) -> None:
    response = page.get(LEAVE)

    assertContains(response, "your weekly hours hold every day")
    assertContains(response, EXTRA)
    assertNotContains(response, "Past leave")


def test_the_list_says_when_where_and_how(
    page: Client, doctor: Doctor, place: DoctorLocation
) -> None:
    make_exception(doctor, starts_at=TUESDAY, ends_at=TUESDAY + DAY, reason="Wedding")
    make_extra(
        doctor,
        place,
        starts_at=TUESDAY_AT_9 + 2 * DAY,
        ends_at=TUESDAY_AT_9 + 2 * DAY + HOUR,
        capacity=3,
        buffer_minutes=5,
    )
    make_exception(doctor, starts_at=NOW - 9 * DAY, ends_at=NOW - 8 * DAY, location=place)
    make_exception(make_doctor(), reason="Somebody else's")

    text = words_of(page.get(LEAVE).content)

    assert "Tuesday 24 November, all day All places Private note: Wedding" in text
    assert (
        "Thursday 26 November, 9am to 10am Jayanagar Clinic, visits of 15 minutes, "
        "3 patients at a time, 5 minutes of break between, in person"
    ) in text
    assert text.index("Thursday 26 November, 9am") < text.index("Past leave and extra hours")
    assert "Saturday 14 November" in text[text.index("Past leave") :]
    assert "Somebody else" not in text


def test_the_list_takes_few_queries(
    page: Client,
    doctor: Doctor,
    place: DoctorLocation,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for week in range(-4, 8):
        starts_at = TUESDAY + week * 7 * DAY
        make_exception(doctor, starts_at=starts_at, ends_at=starts_at + DAY, location=place)

    with django_assert_max_num_queries(8):
        page.get(LEAVE)


@pytest.mark.parametrize(
    ("at", "label", "first", "last"),
    [
        (NOW, "Today", "2026-11-23", "2026-11-23"),
        (NOW, "Tomorrow", "2026-11-24", "2026-11-24"),
        (NOW, "This week", "2026-11-23", "2026-11-29"),
        (NOW + 6 * DAY, "Next week", "2026-11-30", "2026-12-06"),
    ],
)
def test_one_tap_takes_leave(
    page: Client, monkeypatch: pytest.MonkeyPatch, at: datetime, label: str, first: str, last: str
) -> None:
    monkeypatch.setattr("scheduling.views.leave.now", lambda: at)
    shown = page.get(LEAVE).content.decode()
    forms = re.findall(
        r'name="first" value="(.*?)">.*?value="(.*?)">.*?submit">(.*?) <', shown, re.DOTALL
    )
    assert (first, last, label) in forms

    response = page.post(ADD, {"first": first, "last": last}, follow=True)

    assertContains(response, "Leave saved: ")
    ((starts_at, ends_at),) = standing()
    assert (
        starts_at.astimezone(UTC)
        .isoformat()
        .startswith((datetime.fromisoformat(first) - DAY).date().isoformat() + "T18:30")
    )
    assert ends_at - starts_at == datetime.fromisoformat(last) - datetime.fromisoformat(first) + DAY


# Adding and changing.


@pytest.mark.parametrize(
    ("given", "starts_at", "ends_at"),
    [
        ({}, TUESDAY, TUESDAY + DAY),
        ({"last": "2026-11-26"}, TUESDAY, TUESDAY + 3 * DAY),
        ({"starts": "2pm", "ends": "17.00"}, TUESDAY + 14 * HOUR, TUESDAY + 17 * HOUR),
        ({"starts": "1400"}, TUESDAY + 14 * HOUR, TUESDAY + DAY),
        ({"ends": "noon"}, TUESDAY, TUESDAY + 12 * HOUR),
        ({"starts": "22:00", "ends": "2am"}, TUESDAY + 22 * HOUR, TUESDAY + 26 * HOUR),
        (
            {"last": "2026-11-25", "starts": "14", "ends": "10"},
            TUESDAY + 14 * HOUR,
            TUESDAY + DAY + 10 * HOUR,
        ),
    ],
)
def test_leave_is_whole_days_or_parts_of_them(
    page: Client, given: dict[str, str], starts_at: datetime, ends_at: datetime
) -> None:
    response = page.post(ADD, ONE_DAY | given)

    assert response.headers["Location"] == LEAVE
    assert standing() == [(starts_at, ends_at)]


def test_leave_at_one_place_keeps_its_zone_and_note(page: Client, doctor: Doctor) -> None:
    make_location(doctor)
    dubai = make_location(doctor, name="Dubai", timezone="Asia/Dubai")

    page.post(ADD, ONE_DAY | {"place": str(dubai.pk), "reason": "Fair"})

    row = AvailabilityException.objects.get()
    assert (row.location, row.reason) == (dubai, "Fair")
    assert row.starts_at == datetime(2026, 11, 23, 20, tzinfo=UTC)
    edit = page.get(reverse("scheduling:exception_edit", args=[row.pk]))
    assertContains(edit, f'<option value="{dubai.pk}" selected>Dubai</option>', html=True)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"first": ""}, "First day: This field is required."),
        ({"first": "2026-02-30"}, "Enter a valid date"),
        ({"first": "9999-12-31"}, "It can be within two years from today."),
        ({"first": "2026-11-20"}, "It can begin today at the earliest."),
        ({"last": "2026-11-23"}, "The last day cannot be before the first day."),
        ({"last": "2026-11-24", "starts": "5pm", "ends": "2pm"}, "The end must be after the start"),
        ({"last": "2028-01-01"}, "Leave lasts a year at most."),
        ({"starts": "soon"}, "Enter a time, such as 9am or 17:30."),
        ({"place": "elsewhere"}, "Choose one of your places."),
        ({"reason": "x" * 201}, "at most 200"),
    ],
)
def test_mistakes_are_named_and_nothing_typed_is_lost(
    page: Client, doctor: Doctor, place: DoctorLocation, given: dict[str, str], text: str
) -> None:
    make_location(doctor, name="Apollo")
    values = ONE_DAY | {"reason": "Trip", "place": str(place.pk)} | given

    response = page.post(ADD, values)

    assertContains(response, text, status_code=422)
    assertContains(response, "<title>Error: ", status_code=422)
    for value in (values["reason"], values["first"]):
        assertContains(response, f'value="{value}"', status_code=422)
    assert standing() == []


def test_a_time_that_the_clocks_skip_is_refused(page: Client) -> None:
    abroad = make_doctor(timezone="America/New_York")
    page.force_login(make_user(doctor=abroad))

    response = page.post(ADD, {"first": "2027-03-14", "starts": "2:30"})

    assertContains(response, "2:30am does not exist on Sunday 14 March 2027", status_code=422)


def test_a_link_brings_its_time_along(page: Client, doctor: Doctor, place: DoctorLocation) -> None:
    other = make_location(doctor, name="Apollo")
    make_window(doctor, place, slot_duration_minutes=20, capacity=4)
    query = {"date": "2026-11-25", "from": "14:00", "to": "17:00", "place": str(other.pk)}

    for path, name in ((ADD, "first"), (EXTRA, "date")):
        response = page.get(path, query)
        assertContains(response, f'name="{name}" value="2026-11-25"')
        assertContains(response, 'name="starts" value="14:00"')
        assertContains(response, f'<option value="{other.pk}" selected>Apollo</option>', html=True)
    assertContains(response, 'name="capacity" value="4"')
    assertContains(response, 'name="slot_duration_minutes" value="20"')


@pytest.mark.parametrize("path", [ADD, EXTRA])
def test_forms_take_few_queries(
    page: Client,
    place: DoctorLocation,
    path: str,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_max_num_queries(6):
        page.get(path)


def test_overlapping_leave_is_joined_and_said(page: Client) -> None:
    page.post(ADD, ONE_DAY | {"starts": "2pm", "ends": "5pm"})

    response = page.post(ADD, ONE_DAY, follow=True)

    assertContains(response, "Leave saved: Tuesday 24 November, all day.")
    assertContains(response, "It was joined with your leave on Tuesday 24 November, 2pm to 5pm.")
    assert standing() == [(TUESDAY, TUESDAY + DAY)]


def test_leave_is_changed(page: Client, doctor: Doctor) -> None:
    row = make_exception(doctor, starts_at=TUESDAY + 22 * HOUR, ends_at=TUESDAY + 26 * HOUR)
    address = reverse("scheduling:exception_edit", args=[row.pk])
    shown = page.get(address)
    assertContains(shown, 'name="starts" value="22:00"')
    assertContains(shown, 'name="ends" value="02:00"')
    assertContains(shown, 'name="first" value="2026-11-24"')
    assertNotContains(shown, 'name="last" value="')

    page.post(address, {"first": "2026-11-24", "last": "2026-11-27"})

    assert standing() == [(TUESDAY, TUESDAY + 4 * DAY)]
    assertContains(page.get(address), 'name="last" value="2026-11-27"')
    response = page.post(address, {"first": "2026-11-24", "last": "2026-11-20"})
    assertContains(response, "cannot be before", status_code=422)


def test_what_has_begun_changes_only_at_its_end(page: Client, doctor: Doctor) -> None:
    row = make_exception(doctor, starts_at=NOW - HOUR, ends_at=NOW + HOUR)
    address = reverse("scheduling:exception_edit", args=[row.pk])
    assertContains(page.get(address), "It has begun")

    early = {"first": "2026-11-23", "starts": "7am", "ends": "11"}
    assertContains(page.post(address, early), "only its end can change", status_code=422)
    page.post(address, early | {"starts": "8am"})

    assert standing() == [(NOW - HOUR, NOW + 2 * HOUR)]


def test_what_is_over_stays(page: Client, doctor: Doctor) -> None:
    row = make_exception(doctor, starts_at=NOW - 2 * HOUR, ends_at=NOW - HOUR)

    response = page.get(reverse("scheduling:exception_edit", args=[row.pk]), follow=True)
    assertContains(response, "This is over, so it stays as it was.")
    response = page.post(reverse("scheduling:exception_remove", args=[row.pk]), follow=True)
    assertContains(response, "This time is over already.")
    assert AvailabilityException.objects.count() == 1


# Extra hours.


def test_extra_hours_may_last_over_midnight(page: Client, place: DoctorLocation) -> None:
    response = page.post(EXTRA, EXTRA_HOURS, follow=True)

    assertContains(response, "Extra hours saved: Wednesday 25 November, 10pm to 2am next day.")
    row = AvailabilityException.objects.get()
    assert (row.location, row.slot_duration_minutes, row.capacity) == (place, 20, 2)
    assert (row.starts_at, row.ends_at) == (TUESDAY + 46 * HOUR, TUESDAY + 50 * HOUR)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"ends": "10pm"}, "The end must differ from the start."),
        ({"ends": "22:30"}, "10 minutes would be left over"),
        ({"starts": ""}, "Enter when it starts, such as 9am."),
        ({"date": "2026-11-20"}, "It can begin today at the earliest."),
        ({"capacity": "99"}, "less than or equal to 50"),
    ],
)
def test_extra_hours_that_cannot_be_are_named(
    page: Client, place: DoctorLocation, given: dict[str, str], text: str
) -> None:
    response = page.post(EXTRA, EXTRA_HOURS | given)

    assertContains(response, text, status_code=422)
    assertContains(response, 'name="slot_duration_minutes" value="20"', status_code=422)
    assert standing() == []


def test_extra_hours_on_leave_are_refused_for_the_whole_form(
    page: Client, place: DoctorLocation
) -> None:
    page.post(ADD, {"first": "2026-11-25", "last": "2026-11-26"})

    response = page.post(EXTRA, EXTRA_HOURS)

    assertContains(response, "You are on leave then", 2, status_code=422)


def test_extra_hours_need_a_place(page: Client) -> None:
    assertContains(page.get(EXTRA), reverse("registry:place_add"))


def test_extra_hours_are_changed(page: Client, doctor: Doctor, place: DoctorLocation) -> None:
    row = make_extra(doctor, place)
    address = reverse("scheduling:exception_edit", args=[row.pk])
    assertContains(page.get(address), 'name="ends" value="10:00"')

    page.post(address, EXTRA_HOURS | {"date": "2026-11-24", "starts": "9", "ends": "11"})

    row.refresh_from_db()
    assert (row.ends_at, row.mode) == (TUESDAY_AT_9 + 2 * HOUR, "TELE")


# Decisions.


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


# Removing.


def test_leave_is_removed_after_a_question(page: Client, doctor: Doctor) -> None:
    row = make_exception(doctor)
    address = reverse("scheduling:exception_remove", args=[row.pk])
    assertContains(page.get(address), "Remove this leave?")

    response = page.post(address, {"next": "https://elsewhere.example/"}, follow=True)

    assertContains(response, "Leave removed: Tuesday 24 November, 9am to 10am.")
    assert response.redirect_chain == [(LEAVE, 302)]
    assert standing() == []
    assert page.post(address).status_code == 404


def test_leave_that_has_begun_ends_now(page: Client, doctor: Doctor) -> None:
    row = make_exception(doctor, starts_at=NOW - HOUR, ends_at=NOW + HOUR)
    address = reverse("scheduling:exception_remove", args=[row.pk])
    assertContains(page.get(address), "End this leave now?")

    assertContains(page.post(address, follow=True), "Leave ended now")
    assert standing() == [(NOW - HOUR, NOW)]


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
