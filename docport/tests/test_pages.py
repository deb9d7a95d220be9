"""Every page in a real browser: nothing axe finds, nothing the CSP stops, no sideways scroll."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from django.utils.timezone import now
from playwright.sync_api import ConsoleMessage, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from consent.tests.factories import make_consent
from integrations.models import ProviderDoctorSync
from integrations.tests.factories import make_sync
from registry.models import User
from registry.tests.factories import (
    PASSWORD,
    make_credential,
    make_doctor,
    make_draft_doctor,
    make_location,
    make_provider,
    make_user,
    make_verified_credential,
)
from scheduling.tests.factories import make_appointment, make_window

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "rules": {"target-size": {"enabled": True}},
}
# At 320 px, which is 400 % zoom of 1280, a page must still not scroll sideways.
SCREENS = [
    (320, "light"),
    (390, "light"),
    (390, "dark"),
    (1280, "light"),
    (1280, "dark"),
]


@dataclass
class Cast:
    """Who opens the pages, and the paths that their rows give."""

    user: User
    paths: list[str]


def chromium() -> str:
    if CHROMIUM:
        return CHROMIUM
    if os.environ.get("CI") == "true":
        pytest.fail("Chromium is missing: put `chromium` on the PATH.")
    pytest.skip("Chromium is missing.")


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
    """Open a page and list what is wrong with it, on every screen."""
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
    if answer is None or answer.status != status:
        found.append(f"{url}: answered {answer and answer.status}")
    found += faults_shown(page)
    page.remove_listener("console", heard)
    page.remove_listener("pageerror", broke)
    return found


def faults_shown(page: Page) -> list[str]:
    """List what is wrong with the page as it stands, on every screen."""
    found = []
    for width, scheme in SCREENS:
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(color_scheme=scheme)
        where = f"{page.url} at {width} px, {scheme}"
        for violation in Axe().run(page, options=RULES).response["violations"]:
            nodes = [node["html"][:160] for node in violation["nodes"][:3]]
            found.append(f"{where}: {violation['id']}: {nodes}")
        if (scrolled := page.evaluate("document.documentElement.scrollWidth")) > width:
            found.append(f"{where}: scrolls sideways, {scrolled} px")
    return found


def faults_of_all(server: LiveServer, paths: list[str], user: User | None = None) -> list[str]:
    with new_page() as page:
        if user:
            sign_in(page, server, user)
        return [fault for path in paths for fault in faults(page, f"{server.url}{path}")]


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
    place = make_location(doctor)
    make_verified_credential(doctor)
    for day in range(7):
        make_window(doctor, place, day_of_week=day)
    first, second = make_provider(name="Arogya Health"), make_provider(name="Bharat Suraksha")
    third = make_provider(name="Chirayu General Insurance Company of India")
    given = {"granted_at": at - timedelta(days=1)}
    make_consent(doctor=doctor, insurance_provider=first, **given)
    make_consent(doctor=doctor, insurance_provider=second, **given)
    make_sync(
        doctor=doctor,
        insurance_provider=first,
        sync_status=ProviderDoctorSync.Status.IN_STEP,
        last_profile_sync=at,
    )
    make_sync(
        doctor=doctor,
        insurance_provider=second,
        sync_status=ProviderDoctorSync.Status.FAILING,
        failing_since=at - timedelta(hours=2),
    )
    hour = at.replace(minute=0, second=0, microsecond=0)
    states = ["COMPLETED", "NO_SHOW", "CANCELLED", "ARRIVED", "BOOKED"]
    appointments = [
        make_appointment(
            doctor, first, place, appointment_time=hour + timedelta(hours=later), status=state
        )
        for later, state in enumerate(states, start=-2)
    ]
    return Cast(make_user(doctor=doctor), doctors_paths(appointments[-1].pk, third.slug))


def doctors_paths(appointment_id: object, slug: str) -> list[str]:
    names = ["docport:home", "docport:setup", "account_email", "account_change_password"]
    return [
        *(reverse(name) for name in [*names, "account_logout", "account_reauthenticate"]),
    ]


def test_strangers_pages_have_no_fault(live_server: LiveServer) -> None:
    assert faults_of_all(live_server, strangers_paths()) == []


def test_doctors_pages_have_no_fault(live_server: LiveServer) -> None:
    cast = make_busy_doctor()

    assert faults_of_all(live_server, cast.paths, cast.user) == []


def test_pages_of_a_new_doctor_have_no_fault(live_server: LiveServer) -> None:
    doctor = make_draft_doctor()
    make_credential(doctor, status="NEEDS_CHANGE", reason="The photo is too dark to read.")
    user = make_user(doctor=doctor)
    paths = [reverse("docport:home"), reverse("docport:setup")]

    assert faults_of_all(live_server, paths, user) == []


def test_page_of_an_insurers_person_has_no_fault(live_server: LiveServer) -> None:
    user = make_user(role=User.Role.INSURER)

    assert faults_of_all(live_server, [reverse("docport:home")], user) == []


def test_missing_page_has_no_fault(live_server: LiveServer) -> None:
    with new_page() as page:
        found = faults(page, f"{live_server.url}/nothing-here/", status=404)

    assert found == []


def test_refused_form_moves_to_its_summary_and_has_no_fault(live_server: LiveServer) -> None:
    with new_page() as page:
        page.goto(f"{live_server.url}{reverse('account_signup')}")
        page.locator("main").get_by_role("button").click()
        focused = page.evaluate("document.activeElement.hasAttribute('data-error-summary')")
        found = faults_shown(page)

    assert found == []
    assert focused


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
