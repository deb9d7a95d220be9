"""A doctor who reads Hindi chooses who sees what, without JavaScript: no English is left."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import now
from playwright.sync_api import Locator, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from consent.tests.factories import make_request
from docport.tests.browser import faults, new_page
from docport.tests.chromium import CHROMIUM_FLAGS, chromium
from docport.tests.english import english_on
from registry.models import InsuranceProvider, User
from registry.tests.factories import (
    PASSWORD,
    make_doctor,
    make_location,
    make_provider,
    make_user,
    make_verified_credential,
)
from scheduling.models import Appointment
from scheduling.tests.factories import make_appointment, make_window

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def make_clinic() -> tuple[User, InsuranceProvider, InsuranceProvider]:
    """Add a doctor with one insurer to choose and one that asks; all names in Hindi."""
    doctor = make_doctor(full_name="आशा राव")
    place = make_location(doctor, name="सिटी क्लिनिक", address="12 एमजी रोड", city="जयपुर")
    make_verified_credential(doctor, degree="एमबीबीएस", institution="एम्स")
    make_window(doctor, place, day_of_week=0)
    use = "सदस्यों की OPD मुलाक़ातों के लिए."
    nila = make_provider(name="नीला", information_use=use, contact_name="", contact_email="")
    asking = make_provider(name="सरल", information_use=use, contact_name="", contact_email="")
    make_request(doctor=doctor, insurance_provider=asking, message="नमस्ते")
    next_week = now().replace(minute=0, second=0, microsecond=0) + timedelta(days=7)
    make_appointment(doctor, nila, place, appointment_time=next_week, patient_reference="")
    return make_user(doctor=doctor, language="hi"), nila, asking


@contextmanager
def page_without_javascript() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        context = browser.new_context(java_script_enabled=False, locale="hi-IN")
        yield context.new_page()
        browser.close()


def sign_in_hindi(page: Page, server: LiveServer, user: User) -> None:
    page.goto(f"{server.url}{reverse('account_login')}")
    page.locator("#id_login").fill(user.email)
    page.locator("#id_password").fill(PASSWORD)
    follow(page, page.locator("main").get_by_role("button", name="साइन इन"))


def follow(page: Page, link: Locator) -> None:
    """Click, and wait for the page behind: a click alone returns while the old one is leaving."""
    with page.expect_navigation():
        link.click()


def left_on(page: Page) -> set[str]:
    """Give what is not Hindi on a page that must say that it is."""
    html = page.content()
    assert '<html lang="hi"' in html, page.url
    return {f"{page.url}: {word}" for word in english_on(html)}


def walk(page: Page, server: LiveServer, nila: InsuranceProvider) -> set[str]:
    """Give, review, confirm, change, preview and withdraw; give the English words met."""
    found = left_on(page)
    follow(page, page.get_by_role("link", name="बीमा कंपनियाँ", exact=True))
    found |= left_on(page)
    follow(page, page.get_by_role("link", name="चालू करें नीला"))
    found |= left_on(page)
    follow(page, page.get_by_role("button", name="देख लें कि क्या साझा होगा"))
    found |= left_on(page)
    follow(page, page.get_by_role("button", name="सहमति दें"))
    found |= left_on(page)
    follow(page, page.get_by_role("link", name="नीला पर वापस"))
    found |= left_on(page)
    follow(page, page.get_by_role("link", name="बदलें कि उसे क्या दिखता है"))
    page.get_by_label("उपलब्धता", exact=True).check()
    page.get_by_label("1 साल के लिए").check()
    follow(page, page.get_by_role("button", name="देख लें कि क्या साझा होगा"))
    found |= left_on(page)
    follow(page, page.get_by_role("button", name="यह बदलाव सहेजें"))
    found |= left_on(page)
    page.goto(f"{server.url}{reverse('docport:preview', args=[nila.slug])}?classes=credentials")
    found |= left_on(page)
    page.goto(f"{server.url}{reverse('docport:insurers')}")
    follow(page, page.get_by_role("link", name="सहमति वापस लें नीला से"))
    found |= left_on(page)
    follow(page, page.get_by_role("button", name="अभी सहमति वापस लें"))
    found |= left_on(page)
    follow(page, page.get_by_role("link", name="रसीद").first)
    return found | left_on(page)


def paths_around(nila: InsuranceProvider, asking: InsuranceProvider) -> list[str]:
    names = ["home", "setup", "insurers", "access", "activity"]
    return [
        *(reverse(f"docport:{name}") for name in names),
        *(reverse(f"docport:{name}", args=[nila.slug]) for name in ("insurer", "why_insurer")),
        reverse("docport:insurer", args=[asking.slug]),
        reverse("docport:why_insurer", args=[asking.slug]),
        reverse("consent:give", args=[asking.slug]),
        reverse("registry:profile"),
        reverse("registry:profile_history"),
        reverse("registry:credential_list"),
        "/no-such-page/",
    ]


def scheduling_paths() -> list[str]:
    """Give the pages of the calendar and the hours, around the one appointment there is."""
    visit = Appointment.objects.get()
    day = visit.local_time.date()
    names = ["hours", "booking_rules", "leave_list", "leave_add", "extra_add"]
    appointment = ["appointment", "appointment_cancel", "appointment_move"]
    why = reverse("scheduling:why", args=[day])
    return [
        f"{reverse('scheduling:week')}?week={day}&table=1",
        reverse("scheduling:day", args=[day]),
        *(f"{why}?time={time}" for time in ("04:07", f"{visit.local_time:%H:%M}", "99")),
        *(reverse(f"scheduling:{name}") for name in names),
        *(reverse(f"scheduling:{name}", args=[visit.pk]) for name in appointment),
    ]


def test_the_whole_choice_is_made_in_hindi_without_javascript(live_server: LiveServer) -> None:
    user, nila, asking = make_clinic()

    with page_without_javascript() as page:
        sign_in_hindi(page, live_server, user)
        found = walk(page, live_server, nila)
        for path in paths_around(nila, asking):
            page.goto(f"{live_server.url}{path}")
            found |= left_on(page)

    assert found == set()


def test_the_calendar_and_the_hours_are_in_hindi(live_server: LiveServer) -> None:
    user, _, _ = make_clinic()
    paths, found = scheduling_paths(), set()

    with page_without_javascript() as page:
        sign_in_hindi(page, live_server, user)
        for path in paths:
            page.goto(f"{live_server.url}{path}")
            found |= left_on(page)

    assert found == set()


def test_strangers_read_hindi_if_they_ask_for_it(live_server: LiveServer) -> None:
    found = set()
    with page_without_javascript() as page:
        for path in ("/", reverse("account_login"), reverse("account_signup")):
            page.goto(f"{live_server.url}{path}")
            found |= left_on(page)

    assert found == set()


def test_pages_in_hindi_have_no_fault(live_server: LiveServer) -> None:
    user, nila, asking = make_clinic()
    paths = [*paths_around(nila, asking)[:-1], reverse("consent:give", args=[nila.slug])]
    paths += [reverse("scheduling:hours"), scheduling_paths()[0]]

    with new_page() as page:
        sign_in_hindi_by_cookie(page, live_server, user)
        found = [fault for path in paths for fault in faults(page, f"{live_server.url}{path}")]

    assert found == []


def sign_in_hindi_by_cookie(page: Page, server: LiveServer, user: User) -> None:
    page.context.add_cookies([{"name": "django_language", "value": "hi", "url": server.url}])
    sign_in_hindi(page, server, user)
