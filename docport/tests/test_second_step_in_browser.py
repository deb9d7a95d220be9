"""Two-step sign-in as a person turns it on, uses it and turns it off, in a real browser."""

import pytest
from django.urls import reverse
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from docport.tests.browser import faults, new_page, sign_in
from registry.models import User
from registry.tests.factories import PASSWORD, make_user
from registry.tests.test_second_step import code_of, recovery_codes, turn_on

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def faults_of(page: Page, server: LiveServer, *names: str) -> list[str]:
    return [fault for name in names for fault in faults(page, f"{server.url}{reverse(name)}")]


def confirm(page: Page, server: LiveServer, field: str, words: str) -> None:
    way = "mfa_reauthenticate" if field == "Code" else "account_reauthenticate"
    page.goto(f"{server.url}{reverse(way)}")
    page.get_by_label(field).fill(words)
    page.get_by_role("button", name="Go on").click()


def test_it_is_turned_on_from_the_menu_and_its_pages_have_no_fault(
    live_server: LiveServer,
) -> None:
    user = make_user()
    with new_page() as page:
        sign_in(page, live_server, user)
        page.get_by_role("link", name="Account security").click()
        page.get_by_role("link", name="Turn on two-step sign-in").click()
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Go on").click()
        page.get_by_label("Authenticator code").fill(code_of(page.locator("code").inner_text()))
        page.get_by_role("button", name="Turn on").click()

        assert page.locator("li code").count() == 10
        found = faults_of(
            page,
            live_server,
            "mfa_index",
            "mfa_view_recovery_codes",
            "mfa_generate_recovery_codes",
            "mfa_deactivate_totp",
            "mfa_reauthenticate",
        )
        assert found == []


def test_the_page_with_the_qr_code_has_no_fault(live_server: LiveServer) -> None:
    user = make_user()
    with new_page() as page:
        sign_in(page, live_server, user)
        confirm(page, live_server, "Password", PASSWORD)

        assert faults_of(page, live_server, "mfa_index", "mfa_activate_totp") == []
        assert page.locator(".qr").evaluate("image => image.naturalWidth") > 0


def person_with_it() -> tuple[User, str]:
    user = make_user()
    browser, _ = turn_on(user)
    return user, recovery_codes(browser)[0]


def test_the_second_step_has_no_fault_and_takes_a_recovery_code(live_server: LiveServer) -> None:
    user, code = person_with_it()
    with new_page() as page:
        sign_in(page, live_server, user)
        found = faults_of(page, live_server, "mfa_authenticate")
        page.get_by_label("Code").fill(code)
        page.get_by_role("main").get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{live_server.url}{reverse('docport:home')}")

        assert found == []
