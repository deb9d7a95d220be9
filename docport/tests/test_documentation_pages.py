"""The insurers' documentation in a browser: without fault to read, and to try calls out."""

import pytest
from django.urls import reverse
from playwright.sync_api import ConsoleMessage, expect
from pytest_django.live_server_helper import LiveServer

from docport.tests.browser import faults, new_page
from integrations.api.guides import guides
from integrations.tests.factories import make_api_key

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_guides_have_no_fault(live_server: LiveServer) -> None:
    paths = [reverse("integrations:guide", args=[slug]) for slug in guides()]

    with new_page() as page:
        found = [fault for path in paths for fault in faults(page, f"{live_server.url}{path}")]

    assert not found, "\n".join(found)


def test_a_call_is_tried_out_with_a_key_and_nothing_is_forbidden(live_server: LiveServer) -> None:
    _, key = make_api_key()
    said: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            said.append(message.text)

    with new_page() as page:
        page.on("console", heard)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"{live_server.url}{reverse('integrations:try')}")
        page.get_by_role("button", name="Authorize").click()
        page.get_by_label("auth-bearer-value").fill(key)
        page.get_by_role("button", name="Apply credentials").first.click()
        page.get_by_role("button", name="Close").first.click()
        call = page.locator("#operations-Account-me")
        call.locator(".opblock-summary-control").click()
        call.get_by_role("button", name="Try it out").click()
        call.get_by_role("button", name="Execute").click()
        expect(call.locator(".live-responses-table .response-col_status").last).to_contain_text(
            "200", timeout=20_000
        )
        shown = call.locator(".live-responses-table").inner_text()

    assert "appointments:write" in shown
    assert not said, "\n".join(said)
