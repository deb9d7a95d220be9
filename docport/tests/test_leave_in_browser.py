"""Leave over bookings and a change of hours, tapped by somebody whose browser runs no script."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from django.utils.timezone import now
from playwright.sync_api import Locator, Page, ViewportSize, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from docport.tests.browser import faults_shown, new_page, sign_in
from docport.tests.chromium import CHROMIUM_FLAGS, chromium
from registry.models import DoctorLocation
from registry.tests.factories import make_doctor, make_location, make_provider, make_user
from scheduling.models import Appointment, Availability, AvailabilityException
from scheduling.tests.factories import make_appointment, make_window

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
INDIA = ZoneInfo("Asia/Kolkata")


class Taps:
    """A browser without scripts, which counts what is tapped."""

    def __init__(self, page: Page) -> None:
        self.page, self.count = page, 0

    def tap(self, what: Locator) -> None:
        what.click()
        self.count += 1

    def button(self, name: str) -> None:
        self.tap(self.page.locator("main").get_by_role("button", name=name, exact=True))

    def link(self, name: str) -> None:
        self.tap(self.page.locator("main").get_by_role("link", name=name, exact=True))

    def sees(self, text: str) -> None:
        expect(self.page.locator("main")).to_contain_text(text)


@pytest.fixture
def place() -> DoctorLocation:
    place = make_location(make_doctor())
    for weekday in range(7):
        make_window(place.doctor, place, day_of_week=weekday)
    return place


@contextmanager
def tapping(server: LiveServer, place: DoctorLocation) -> Iterator[Taps]:
    """Open Today on a phone of the doctor's; rows are made before, and read after."""
    user = make_user(doctor=place.doctor)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        screen = ViewportSize(width=390, height=844)
        page = browser.new_context(java_script_enabled=False, viewport=screen).new_page()
        sign_in(page, server, user)
        page.goto(f"{server.url}/")
        yield Taps(page)
        browser.close()


def days_ahead(days: int) -> date:
    return now().astimezone(INDIA).date() + timedelta(days=days)


def book(place: DoctorLocation, days: int, hour: int, insurer: str = "Acme") -> Appointment:
    starts_at = datetime.combine(days_ahead(days), time(hour), tzinfo=INDIA)
    provider = make_provider(name=insurer)
    return make_appointment(place.doctor, provider, place, appointment_time=starts_at)


def test_leave_over_bookings_is_taken_without_scripts(
    live_server: LiveServer, place: DoctorLocation
) -> None:
    kept, gone = book(place, 1, 9), book(place, 1, 10, "Best")

    with tapping(live_server, place) as taps:
        taps.link("Leave and extra hours")
        taps.tap(taps.page.get_by_role("button", name="Tomorrow"))
        taps.sees("2 appointments to decide on")
        choices = taps.page.locator(".decision")
        taps.tap(choices.nth(0).get_by_label("Keep it"))
        taps.tap(choices.nth(1).get_by_label("Cancel it"))
        taps.tap(taps.page.locator(".savebar").get_by_role("button", name="Save leave"))
        taps.sees("1 appointment kept, 1 cancelled; Best is told within seconds.")

    kept.refresh_from_db()
    gone.refresh_from_db()
    assert (kept.status, gone.status) == ("BOOKED", "CANCELLED")
    assert AvailabilityException.objects.count() == 1


def test_today_is_leave_in_two_taps_and_is_taken_back(
    live_server: LiveServer, place: DoctorLocation
) -> None:
    with tapping(live_server, place) as taps:
        taps.button("Mark the rest of today as leave")
        taps.sees("On leave:")
        needed = taps.count
        taps.button("Undo this leave")
        taps.sees("Leave")

    assert needed <= 2


def test_one_days_hours_change_in_four_taps(live_server: LiveServer, place: DoctorLocation) -> None:
    with tapping(live_server, place) as taps:
        taps.link("Change hours")
        taps.tap(taps.page.get_by_text("Fill or copy Wednesday"))
        taps.button("Closed on Wednesday")
        taps.tap(taps.page.locator(".savebar").get_by_role("button", name="Save hours"))
        taps.sees("Wednesday is closed now.")

    assert taps.count <= 4
    closed = Availability.objects.get(location=place, day_of_week=2)
    assert closed.valid_to is not None


def test_the_questions_have_no_fault(live_server: LiveServer, place: DoctorLocation) -> None:
    for hour in (9, 10, 11):
        book(place, 1, hour)
    add = f"{live_server.url}{reverse('scheduling:leave_add')}"
    user = make_user(doctor=place.doctor)

    with new_page() as page:
        sign_in(page, live_server, user)
        page.goto(add)
        page.get_by_label("First day").fill(days_ahead(1).isoformat())
        page.locator("main").get_by_role("button", name="Save leave").click()
        expect(page.get_by_role("heading", name="3 appointments to decide on")).to_be_visible()
        found = faults_shown(page)
        page.locator(".savebar").get_by_role("button", name="Save leave").click()
        expect(page.locator("[data-error-summary]")).to_be_focused()
        found += faults_shown(page)
        page.goto(add)
        page.locator("main").get_by_role("button", name="Save leave").click()
        expect(page.locator("[data-error-summary]")).to_be_focused()
        found += faults_shown(page)

    assert not found, "\n".join(found)
