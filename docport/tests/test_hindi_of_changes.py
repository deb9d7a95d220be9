"""What a doctor who reads Hindi is asked, told and refused while hours and visits change."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from docport.tests.english import english_on
from registry.models import Doctor, DoctorLocation, InsuranceProvider
from registry.tests.factories import (
    NOW,
    make_doctor,
    make_draft_doctor,
    make_location,
    make_provider,
    make_user,
)
from scheduling.forms import HolidaysForm
from scheduling.holidays import Suggestion
from scheduling.models import Appointment, AvailabilityException
from scheduling.tests.factories import TUESDAY_AT_9, make_appointment, make_window
from scheduling.tests.leave import EXTRA_HOURS, answer
from scheduling.views import appointments, calendar, hours, leave, moving, rules, why

pytestmark = pytest.mark.django_db
DAY, QUARTER = timedelta(days=1), timedelta(minutes=15)
ON_TUESDAY = date(2026, 11, 24)
TUESDAY = {"first": "2026-11-24"}
USUAL = {
    "effective_from": "2026-11-23",
    "slot_duration_minutes": "15",
    "capacity": "1",
    "buffer_minutes": "0",
    "mode": "IN_PERSON",
}


class Reader:
    """A doctor's browser, which notes what English it meets."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.met: set[str] = set()

    def get(self, address: str) -> str:
        return self._read(self.client.get(address, follow=True))

    def post(self, address: str, given: dict[str, Any]) -> str:
        return self._read(self.client.post(address, given, follow=True))

    def _read(self, response: Any) -> str:
        html: str = response.content.decode()
        assert '<html lang="hi"' in html
        path = response.request["PATH_INFO"]
        self.met |= {f"{path}: {word}" for word in english_on(html)}
        return html


@pytest.fixture(autouse=True)
def _at_nine(monkeypatch: pytest.MonkeyPatch) -> None:
    for views in (appointments, calendar, hours, leave, moving, rules, why):
        monkeypatch.setattr(views, "now", lambda: NOW)


@pytest.fixture
def doctor() -> Doctor:
    return make_doctor(full_name="आशा राव")


@pytest.fixture
def place(doctor: Doctor) -> DoctorLocation:
    place = make_location(doctor, name="सिटी क्लिनिक", address="12 एमजी रोड", city="जयपुर")
    make_window(doctor, place, capacity=2)
    return place


@pytest.fixture
def nila() -> InsuranceProvider:
    return make_provider(name="नीला")


@pytest.fixture
def visit(doctor: Doctor, place: DoctorLocation, nila: InsuranceProvider) -> Appointment:
    return make_appointment(doctor, nila, place, patient_reference="")


@pytest.fixture
def reader(client: Client, doctor: Doctor) -> Reader:
    client.force_login(make_user(doctor=doctor, language="hi"))
    return Reader(client)


def of(name: str, *args: object) -> str:
    return reverse(f"scheduling:{name}", args=args)


def why_on(day: date, time: str = "09:00") -> str:
    return f"{of('why', day)}?time={time}"


def test_leave_that_falls_on_a_visit(reader: Reader, visit: Appointment) -> None:
    add = of("leave_add")

    for given in ({}, {"first": "2026-11-20"}, {"first": "2031-01-01"}, TUESDAY):
        reader.post(add, given)
    reader.post(add, TUESDAY | answer([visit]))
    kept = reader.post(add, TUESDAY | answer([visit], what="keep"))
    joined = reader.post(add, TUESDAY | {"last": "2026-11-25"})
    reader.get(of("day", ON_TUESDAY))
    reader.get(why_on(ON_TUESDAY))
    row = AvailabilityException.objects.get()
    reader.get(of("exception_edit", row.pk))
    reader.get(of("exception_remove", row.pk))
    gone = reader.post(of("exception_remove", row.pk), {})

    assert "1 अपॉइंटमेंट रखा गया." in kept
    assert "इसे आपकी इस छुट्टी के साथ जोड़ा गया: मंगलवार 24 नवंबर, पूरा दिन." in joined
    assert "छुट्टी हटा" in gone
    assert reader.met == set()


def test_extra_hours(reader: Reader, place: DoctorLocation) -> None:
    add = of("extra_add")

    for given in ({}, EXTRA_HOURS | {"ends": "10:10pm"}, EXTRA_HOURS | {"ends": "10:50pm"}):
        reader.post(add, given)
    saved = reader.post(add, EXTRA_HOURS)
    reader.get(f"{of('week')}?week=2026-11-25")
    row = AvailabilityException.objects.get()
    reader.get(of("exception_edit", row.pk))
    reader.get(of("exception_remove", row.pk))
    reader.post(of("exception_remove", row.pk), {})

    assert "अतिरिक्त समय सहेजा गया: बुधवार 25 नवंबर" in saved
    assert reader.met == set()


def test_hours_that_leave_a_visit_outside(reader: Reader, visit: Appointment) -> None:
    wrong = {"1-0-start_time": "9", "1-0-end_time": "9:10", "1-1-start_time": "9"}
    late = {"1-0-start_time": "10", "1-0-end_time": "13", "place": str(visit.location_id)}

    for given in (wrong, wrong | {"1-1-end_time": "9:20"}, late | {"preset": "2-both"}, late):
        reader.post(of("hours"), USUAL | given)
    reader.post(of("hours"), USUAL | {"effective_from": "2026-11-01"})
    decided = answer([visit], what="cancel", reason="doctor_unavailable")
    saved = reader.post(of("hours"), USUAL | late | decided)

    assert "मंगलवार अब सुबह 10 बजे से दोपहर 1 बजे है." in saved
    assert "1 अपॉइंटमेंट रद्द; नीला को कुछ सेकंड में बताया जाता है." in saved
    assert reader.met == set()


def test_booking_rules(reader: Reader, place: DoctorLocation) -> None:
    good = {"lead": "own", "lead_hours": "49.5", "horizon_days": "30", "most_per_day": "1"}

    for given in ({}, good | {"lead_hours": ""}, good | {"lead_hours": "720"}):
        reader.post(of("booking_rules"), given)
    saved = reader.post(of("booking_rules"), good)
    for day in (ON_TUESDAY, date(2027, 3, 2)):
        reader.get(why_on(day))

    assert "30 दिन पहले से मुलाक़ात से 49 घंटे 30 मिनट पहले तक" in saved
    assert reader.met == set()


def test_a_visit_is_cancelled_and_comes_back(reader: Reader, visit: Appointment) -> None:
    cancel, undo = of("appointment_cancel", visit.pk), of("appointment_undo", visit.pk)

    for given in ({}, {"reason": "doctor_leave"}, {"reason": "other"}):
        reader.post(cancel, given)
    reader.get(of("day", ON_TUESDAY))
    back = reader.post(undo, {})
    reader.post(undo, {})

    assert "वापस किया: फिर से “बुक है”. नीला को बताया जा रहा है." in back
    assert reader.met == set()


def test_a_visit_is_marked(
    reader: Reader, visit: Appointment, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = of("appointment_mark", visit.pk)

    for status in ("ARRIVED", "COMPLETED"):
        reader.post(mark, {"status": status})
    reader.post(mark, {"status": "NO_SHOW"})
    monkeypatch.setattr(appointments, "now", lambda: TUESDAY_AT_9 + QUARTER)
    for status in ("NO_SHOW", "ARRIVED"):
        reader.post(mark, {"status": status})
    reader.post(of("appointment_cancel", visit.pk), {"reason": "other"})

    assert reader.met == set()


def test_a_visit_moves(reader: Reader, visit: Appointment) -> None:
    move = of("appointment_move", visit.pk)
    given = {
        "start": "2026-11-24T04:30Z",
        "place": str(visit.location_id),
        "version": "1",
        "seen": "2026-11-24T03:30Z",
    }

    reader.get(
        f"{move}?start={given['start']}&place={given['place']}&version=1&seen={given['seen']}"
    )
    reader.post(move, given | {"start": "2026-11-24T01:00Z"})
    moved = reader.post(move, given)
    changed = reader.post(move, given)

    assert "समय बदल दिया गया" in moved
    assert "मंगलवार 24 नवंबर, सुबह 9 बजे से सुबह 10 बजे पर ले जाया गया" in changed
    assert reader.met == set()


def test_a_day_with_everything_on_it(
    reader: Reader, doctor: Doctor, place: DoctorLocation, nila: InsuranceProvider
) -> None:
    rows: dict[str, dict[str, Any]] = {
        "BOOKED": {"appointment_time": TUESDAY_AT_9},
        "HELD": {"appointment_time": TUESDAY_AT_9 + QUARTER},
        "CANCELLED": {"external_appointment_id": None, "patient_reference": None},
        "ARRIVED": {"appointment_time": TUESDAY_AT_9 + DAY},
    }
    for status, given in rows.items():
        make_appointment(doctor, nila, place, status=status, capacity=2, **given)
    cancelled = Appointment.objects.get(status="CANCELLED")

    reader.get(of("week"))
    for days in (-7, 0, 1):
        reader.get(of("day", ON_TUESDAY + days * DAY))
    for time in ("08:00", "09:00", "09:15", "09:20", "10:00"):
        reader.get(why_on(ON_TUESDAY, time))
    reader.get(f"{why_on(ON_TUESDAY)}&insurer={nila.slug}")
    place.is_active = False
    place.save()
    for page in (of("week"), of("day", ON_TUESDAY), why_on(ON_TUESDAY)):
        reader.get(page)

    assert "कोई नहीं" in reader.get(of("appointment", cancelled.pk))
    assert reader.met == set()


def test_a_holiday_of_one_place(place: DoctorLocation) -> None:
    holiday = Suggestion(ON_TUESDAY, "गुरु नानक जयंती", place, TUESDAY_AT_9, TUESDAY_AT_9 + DAY)

    with override("hi"):
        form = HolidaysForm(suggestions=[holiday])

    assert "मंगलवार 24 नवंबर 2026: गुरु नानक जयंती, सिटी क्लिनिक" in str(form)


def test_papers_that_are_refused_and_what_is_missing(client: Client) -> None:
    draft = make_draft_doctor()
    client.force_login(make_user(doctor=draft, language="hi", email="naya@example.org"))
    reader = Reader(client)

    for content in (b"nothing", b"%PDF-1.7 broken", b"\xff\xd8\xff broken"):
        file = SimpleUploadedFile("kagaz.pdf", content)
        given = {"kind": "DEGREE", "degree": "एमबीबीएस", "institution": "एम्स", "year": "2001"}
        reader.post(reverse("registry:credential_add"), given | {"certificate": file})
    page = reader.post(reverse("registry:submit"), {"attest": "on"})

    assert "पूरा नाम, फ़ोन, पंजीकरण नंबर, विशेषज्ञता, एक जगह" in page
    assert reader.met == set()
