"""A page of a real browser, and what is wrong with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import ConsoleMessage, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from docport.tests.chromium import CHROMIUM_FLAGS, chromium
from registry.models import User
from registry.tests.factories import PASSWORD

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


@contextmanager
def new_page() -> Iterator[Page]:
    """Open a browser's page on which nothing moves, so that colours stand still."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        yield browser.new_context(reduced_motion="reduce").new_page()
        browser.close()


def sign_in(page: Page, server: LiveServer, user: User) -> None:
    """Sign a user in as a person does."""
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
