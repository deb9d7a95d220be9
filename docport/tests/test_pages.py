"""Every page in a real browser: nothing axe finds, nothing the CSP stops, no sideways scroll."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from django.utils.timezone import now
from playwright.sync_api import ConsoleMessage, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from consent.actions import give
from consent.models import ConsentEvent, DataClass
from docport.tests.chromium import CHROMIUM_FLAGS, chromium
from integrations.models import ProviderDoctorSync
from integrations.tests.factories import make_sync
from registry.models import DoctorLocation, InsuranceProvider, User
from registry.tests.factories import (
    PASSWORD,
    make_admin,
    make_credential,
    make_doctor,
    make_draft_doctor,
    make_location,
    make_provider,
    make_user,
    make_verified_credential,
)
from scheduling.models import Appointment, AvailabilityException
from scheduling.tests.factories import make_appointment, make_exception, make_window

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ALL_RULES: dict[str, Any] = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "rules": {"target-size": {"enabled": True}},
}
# In the dark only the colours differ.
COLOURS: dict[str, Any] = {
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
}
# At 320 px, which is 400 % zoom of 1280, a page must still not scroll sideways.
SCREENS: list[tuple[int, Literal["light", "dark"], dict[str, Any] | None]] = [
    (320, "light", None),
    (390, "light", ALL_RULES),
    (390, "dark", COLOURS),
    (1280, "dark", COLOURS),
    (1280, "light", ALL_RULES),
]


@dataclass
class Cast:
    """Who opens the pages, and the paths that their rows give."""

    user: User
    paths: list[str]


@contextmanager
def new_page() -> Iterator[Page]:
    """Open a browser's page on which nothing moves, so that colours stand still."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        yield browser.new_context(reduced_motion="reduce").new_page()
        browser.close()


def sign_in(page: Page, server: LiveServer, user: User) -> None:
    page.goto(f"{server.url}{reverse('account_login')}")
    page.get_by_label("Email").fill(user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{server.url}/**")


def faults(page: Page, url: str, *, status: int = 200) -> list[str]:
    """Open a page and list what is wrong with it: as it loads, then on every screen."""
    found: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        # The browser reports an error page's own status, which is what was asked for.
        if message.type in {"error", "warning"} and f"status of {status}" not in message.text:
            found.append(f"{url}: console: {message.text}")

    def broke(error: object) -> None:
        found.append(f"{url}: script: {error}")

    page.on("console", heard)
    page.on("pageerror", broke)
    answer = page.goto(url)
    page.remove_listener("console", heard)
    page.remove_listener("pageerror", broke)
    if answer is None or answer.status != status:
        found.append(f"{url}: answered {answer and answer.status}")
    # axe itself adds styles to look behind `@import`, which the CSP rightly stops.
    return found + faults_shown(page)


def faults_shown(page: Page) -> list[str]:
    """List what is wrong with the page as it stands, on every screen."""
    found = []
    for width, scheme, rules in SCREENS:
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(color_scheme=scheme)
        where = f"{page.url} at {width} px, {scheme}"
        violations = Axe().run(page, options=rules).response["violations"] if rules else []
        for violation in violations:
            nodes = [node["html"][:160] for node in violation["nodes"][:3]]
            found.append(f"{where}: {violation['id']}: {nodes}")
        if (scrolled := page.evaluate("document.documentElement.scrollWidth")) > width:
            found.append(f"{where}: scrolls sideways, {scrolled} px")
    return found


def check(server: LiveServer, paths: list[str], user: User | None = None) -> None:
    with new_page() as page:
        if user:
            sign_in(page, server, user)
        found = [fault for path in paths for fault in faults(page, f"{server.url}{path}")]
    assert not found, "\n".join(found)


def strangers_paths() -> list[str]:
    names = [
        "docport:home",
        "account_login",
        "account_signup",
        "account_reset_password",
        "account_reset_password_done",
        "account_reset_password_from_key_done",
        "account_email_verification_sent",
        "account_inactive",
    ]
    return [
        *(reverse(name) for name in names),
        reverse("account_confirm_email", args=["no-such-key"]),
    ]


def make_busy_doctor() -> Cast:
    """Add a doctor with a full day, whom one insurer sees, one fails to reach and one does not."""
    at = now()
    doctor = make_doctor(full_name="Asha Rao")
    user = make_user(doctor=doctor)
    place = make_location(doctor)
    make_verified_credential(doctor)
    for day in range(7):
        make_window(doctor, place, day_of_week=day)
    names = ["Arogya Health", "Bharat Suraksha", "Chirayu General Insurance Company of India"]
    seeing, failing, other = (make_provider(name=name) for name in names)
    for provider in (seeing, failing):
        give(
            doctor=doctor,
            provider=provider,
            data_classes=DataClass.values,
            expires_at=None,
            language="en",
            by=user,
            at=at,
        )
    Status = ProviderDoctorSync.Status  # noqa: N806
    make_sync(
        doctor=doctor, insurance_provider=seeing, sync_status=Status.IN_STEP, last_profile_sync=at
    )
    make_sync(
        doctor=doctor,
        insurance_provider=failing,
        sync_status=Status.FAILING,
        failing_since=at - timedelta(hours=2),
    )
    hour = at.replace(minute=0, second=0, microsecond=0)
    states = ["COMPLETED", "NO_SHOW", "CANCELLED", "ARRIVED", "BOOKED"]
    appointments = [
        make_appointment(
            doctor, seeing, place, appointment_time=hour + timedelta(hours=later), status=state
        )
        for later, state in enumerate(states, start=-2)
    ]
    return Cast(
        user,
        [
            *account_paths(),
            *registry_paths(place),
            *consent_paths(seeing, other),
            *scheduling_paths(appointments[-1], seeing),
            *calendar_paths(place, hour),
            *leave_paths(place, hour),
        ],
    )


def account_paths() -> list[str]:
    names = [
        "docport:home",
        "docport:setup",
        "account_email",
        "account_change_password",
        "account_logout",
        "account_reauthenticate",
    ]
    return [reverse(name) for name in names]


def registry_paths(place: DoctorLocation) -> list[str]:
    names = [
        "registry:profile",
        "registry:place_add",
        "registry:credential_list",
        "registry:credential_add",
        "registry:submit",
    ]
    sections = ["identity", "registration", "practice", "contact"]
    return [
        *(reverse(name) for name in names),
        *(reverse("registry:profile_edit", args=[section]) for section in sections),
        reverse("registry:place_edit", args=[place.pk]),
    ]


def consent_paths(seeing: InsuranceProvider, other: InsuranceProvider) -> list[str]:
    step = ConsentEvent.objects.filter(consent__insurance_provider=seeing).get()
    return [
        reverse("consent:list"),
        reverse("consent:detail", args=[seeing.slug]),
        reverse("consent:detail", args=[other.slug]),
        reverse("consent:give", args=[other.slug]),
        reverse("consent:receipt", args=[step.pk]),
    ]


def scheduling_paths(appointment: Appointment, seeing: InsuranceProvider) -> list[str]:
    return [
        reverse("scheduling:hours"),
        reverse("scheduling:week"),
        reverse("scheduling:day", args=[appointment.appointment_time.date()]),
        reverse("scheduling:appointment", args=[appointment.pk]),
        reverse("scheduling:appointment_cancel", args=[appointment.pk]),
        *moving_paths(appointment),
        reverse("scheduling:withdraw", args=[seeing.slug]),
    ]


def moving_paths(appointment: Appointment) -> list[str]:
    """Give the free times, and the question about one of them."""
    address = reverse("scheduling:appointment_move", args=[appointment.pk])
    start = appointment.appointment_time + timedelta(days=7)
    chosen = {
        "start": f"{start:%Y-%m-%dT%H:%MZ}",
        "place": appointment.location_id,
        "version": appointment.version,
        "seen": f"{appointment.appointment_time:%Y-%m-%dT%H:%MZ}",
    }
    return [address, f"{address}?{urlencode(chosen)}"]


def calendar_paths(place: DoctorLocation, hour: datetime) -> list[str]:
    """Add leave, extra hours and a hold to next week, and give the pages that show them."""
    day = (hour + timedelta(days=7)).astimezone(ZoneInfo(place.timezone))
    nine = day.replace(hour=9, minute=0)
    make_exception(
        place.doctor, starts_at=nine + timedelta(hours=1), ends_at=nine + timedelta(hours=2)
    )
    make_exception(
        place.doctor,
        kind="EXTRA",
        location=place,
        starts_at=nine + timedelta(hours=9),
        ends_at=nine + timedelta(hours=10),
    )
    hold = {"status": "HELD", "hold_expires_at": hour + timedelta(hours=2)}
    make_appointment(place.doctor, make_provider(), place, appointment_time=nine, **hold)
    why = reverse("scheduling:why", args=[day.date()])
    week = f"{reverse('scheduling:week')}?week={day.date()}"
    return [
        week,
        # On a phone the table waits until it is asked for.
        f"{week}&table=1#all-week",
        reverse("scheduling:day", args=[day.date()]),
        reverse("scheduling:day", args=[day.date() + timedelta(days=365)]),
        why,
        *(f"{why}?time={asked}" for asked in ("09:00", "10:00", "09:15", "09:07", "20:00")),
    ]


def leave_paths(place: DoctorLocation, hour: datetime) -> list[str]:
    """Add leave that has begun and leave with a note, and give the pages about them."""
    begun = make_exception(place.doctor, starts_at=hour, ends_at=hour + timedelta(hours=3))
    later = make_exception(
        place.doctor,
        starts_at=hour + timedelta(days=20),
        ends_at=hour + timedelta(days=24),
        location=place,
        reason="A family wedding in Udaipur",
    )
    extra = AvailabilityException.objects.get(doctor=place.doctor, kind="EXTRA")
    names = ["leave_list", "leave_add", "extra_add", "holidays", "booking_rules"]
    return [
        f"{reverse('docport:home')}?undo={begun.pk}",
        *(reverse(f"scheduling:{name}") for name in names),
        *(reverse("scheduling:exception_edit", args=[one.pk]) for one in (begun, later, extra)),
        *(reverse("scheduling:exception_remove", args=[one.pk]) for one in (begun, extra)),
    ]


def test_strangers_pages_have_no_fault(live_server: LiveServer) -> None:
    check(live_server, strangers_paths())


def test_doctors_pages_have_no_fault(live_server: LiveServer) -> None:
    cast = make_busy_doctor()

    check(live_server, cast.paths, cast.user)


def test_pages_of_a_new_doctor_have_no_fault(live_server: LiveServer) -> None:
    doctor = make_draft_doctor()
    make_credential(doctor, status="NEEDS_CHANGE", reason="The photo is too dark to read.")
    user = make_user(doctor=doctor)
    paths = [reverse("docport:home"), reverse("docport:setup")]

    check(live_server, paths, user)


def test_reference_of_the_api_has_no_fault(live_server: LiveServer) -> None:
    check(live_server, [reverse("integrations:docs")])


def test_front_page_of_the_admin_has_no_fault(live_server: LiveServer) -> None:
    check(live_server, [reverse("admin:index")], make_admin())


def test_page_of_an_insurers_person_has_no_fault(live_server: LiveServer) -> None:
    user = make_user(role=User.Role.INSURER)

    check(live_server, [reverse("docport:home")], user)


def test_missing_page_has_no_fault(live_server: LiveServer) -> None:
    with new_page() as page:
        found = faults(page, f"{live_server.url}/nothing-here/", status=404)

    assert not found, "\n".join(found)


def test_refused_form_moves_to_its_summary_and_has_no_fault(live_server: LiveServer) -> None:
    with new_page() as page:
        page.goto(f"{live_server.url}{reverse('account_signup')}")
        page.locator("main").get_by_role("button").click()
        focused = page.evaluate("document.activeElement.hasAttribute('data-error-summary')")
        found = faults_shown(page)

    assert not found, "\n".join(found)
    assert focused


def test_refusals_of_the_calendar_have_no_fault(live_server: LiveServer) -> None:
    cast = make_busy_doctor()
    day = now().date()
    booked = Appointment.objects.get(status="BOOKED")
    move, version = moving_paths(booked)[1], f"version={booked.version}"

    with new_page() as page:
        sign_in(page, live_server, cast.user)
        why = f"{live_server.url}{reverse('scheduling:why', args=[day])}?time=99"
        found = faults(page, why, status=422)
        stale = f"{live_server.url}{move.replace(version, 'version=99')}"
        found += faults(page, stale, status=409)

    assert not found, "\n".join(found)


def test_arrow_keys_move_in_the_week_and_one_cell_is_a_tab_stop(live_server: LiveServer) -> None:
    cast = make_busy_doctor()

    with new_page() as page:
        sign_in(page, live_server, cast.user)
        page.goto(f"{live_server.url}{reverse('scheduling:week')}")
        page.get_by_role("link", name="Next week").click()
        first = page.locator("[data-grid] td a").first
        first.focus()
        names = [first.get_attribute("aria-label")]
        for key in ("ArrowDown", "ArrowRight", "End", "Home", "ArrowUp"):
            page.keyboard.press(key)
            names.append(page.evaluate("document.activeElement.getAttribute('aria-label')"))
        stops = page.locator('[data-grid] td a[tabindex="0"]').count()

    assert names[0] == names[5]
    assert names[1] == names[4]
    assert len(set(names)) == 4
    assert stops == 1


def test_faults_are_found(live_server: LiveServer) -> None:
    with new_page() as page:
        page.goto(f"{live_server.url}{reverse('account_login')}")
        page.evaluate("""() => {
            const image = document.createElement("img");
            image.src = "/static/img/icon.svg";
            image.width = 2000;
            image.style.maxWidth = "none";
            document.querySelector("main").append(image);
        }""")
        found = " ".join(faults_shown(page))

    assert "image-alt" in found
    assert "scrolls sideways" in found
