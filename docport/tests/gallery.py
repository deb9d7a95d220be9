"""Take a picture of every screen, to be looked at before a release: `make gallery`.

Starts a DocPort of its own with demo data and writes `var/gallery/index.html`: each screen at
390 and 1280 px, light and dark.
"""

import html
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from playwright.sync_api import Browser, Page, sync_playwright

from docport.tests import running_site
from docport.tests.chromium import CHROMIUM_FLAGS, chromium

FOLDER = running_site.CHECKOUT / "var" / "gallery"
SCREENS: list[tuple[int, Literal["light", "dark"]]] = [
    (390, "light"),
    (390, "dark"),
    (1280, "light"),
    (1280, "dark"),
]
STRANGER = {
    "welcome": "/",
    "sign-up": "/accounts/signup/",
    "sign-in": "/accounts/login/",
    "forgotten-password": "/accounts/password/reset/",
    "api": "/api/docs/",
    "api-guide": "/api/docs/guides/first-booking/",
    "api-guide-webhooks": "/api/docs/guides/webhooks/",
    "no-such-page": "/no-such-page/",
}
DOCTOR = {
    "today": "/",
    "set-up": "/setup/",
    "profile": "/profile/",
    "profile-history": "/profile/history/",
    "profile-registration": "/profile/registration/",
    "place": "/places/add/",
    "certificates": "/credentials/",
    "certificate-upload": "/credentials/add/",
    "hours": "/hours/",
    "booking-rules": "/hours/rules/",
    "leave": "/leave/",
    "leave-add": "/leave/add/",
    "extra-hours": "/leave/extra/",
    "holidays": "/leave/holidays/",
    "week": "/calendar/",
    "week-table": "/calendar/?table=1#all-week",
    "why": "/calendar/2026-01-01/why/?time=8pm",
    "insurers": "/insurers/",
    "insurer": "/insurers/nila/",
    "access": "/access/",
    "activity": "/activity/",
    "account-security": "/accounts/2fa/",
    "preview": "/insurers/nila/preview/?classes=credentials",
    "why-insurer": "/insurers/saral/why/",
    "give": "/insurers/saral/give/",
    "withdraw": "/insurers/nila/withdraw/",
}
# Pages whose address only the demo knows: links to follow from the list of tomorrow.
TOMORROW = f"/calendar/{datetime.now(ZoneInfo('Asia/Kolkata')).date() + timedelta(days=1)}/"
FOLLOWED = {
    "day": [],
    "appointment": [".visit-what > a"],
    "appointment-cancel": [".visit-what > a", "text=Cancel this appointment"],
    "appointment-move": [".visit-what > a", "text=Move it"],
    "appointment-move-confirm": [".visit-what > a", "text=Move it", ".times[open] .btn"],
    "why-refused": [".question .btn"],
}
# Of a doctor who has chosen no insurer, and whom one asks.
ASKED = {
    "today-asked": "/",
    "insurers-asked": "/insurers/",
    "insurer-asks": "/insurers/nila/",
    "give-asked": "/insurers/nila/give/",
}
# The same doctor as DOCTOR, who has chosen Hindi by then.
HINDI = {
    f"hindi-{name}": DOCTOR[name]
    for name in (
        "today", "profile", "insurers", "insurer", "give", "preview", "withdraw", "access",
        "activity",        "why-insurer",
    )
}  # fmt: skip
ADMIN = {
    "admin": "/admin/",
    "admin-doctors": "/admin/registry/doctor/",
    "admin-insurers": "/admin/registry/insuranceprovider/",
    "admin-sync": "/admin/integrations/providerdoctorsync/",
    "admin-push": "/admin/integrations/providerpush/",
    "admin-audit": "/admin/registry/auditlog/",
}


def pictures(browser: Browser, demo: dict[str, Any]) -> Iterator[Path]:
    """Open every screen in every size and give the file of each picture."""
    people: list[tuple[dict[str, str], dict[str, Any] | None]] = [
        (STRANGER, None),
        (DOCTOR, demo["doctors"][0]),
        (ASKED, demo["doctors"][1]),
        (ADMIN, demo["admin"]),
        (HINDI, demo["doctors"][0]),
    ]
    for screens, person in people:
        for width, colours in SCREENS:
            context = browser.new_context(
                base_url=demo["base_url"],
                viewport={"width": width, "height": 844},
                color_scheme=colours,
            )
            page = context.new_page()
            if person:
                _sign_in(page, person)
            if screens is HINDI:
                page.get_by_role("button", name="हिन्दी").click()
            for name, path in screens.items():
                page.goto(path)
                yield _picture(page, f"{name}-{width}-{colours}")
            for name, links in FOLLOWED.items() if screens is DOCTOR else []:
                page.goto(TOMORROW)
                for link in links:
                    page.locator(link).first.click()
                yield _picture(page, f"{name}-{width}-{colours}")
            context.close()


def _picture(page: Page, name: str) -> Path:
    file = FOLDER / f"{name}.png"
    page.screenshot(path=file, full_page=True)
    return file


def _sign_in(page: Page, person: dict[str, str]) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill(person["email"])
    page.get_by_label("Password", exact=True).fill(person["password"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_load_state()


def _index(files: list[Path]) -> str:
    figures = "".join(
        f"<figure><figcaption>{html.escape(file.stem)}</figcaption>"
        f'<a href="{file.name}"><img src="{file.name}" alt="" width="320" loading="lazy"></a>'
        "</figure>"
        for file in sorted(files)
    )
    return f'<!doctype html><html lang="en"><title>DocPort\'s screens</title>{figures}</html>'


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        own = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="docport-gallery-")))
        print("Starting a DocPort of its own …", flush=True)  # noqa: T201  A command speaks.
        demo = running_site.start(own / "var", stack).demo
        player = stack.enter_context(sync_playwright())
        browser = player.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        files = list(pictures(browser, demo))
        browser.close()
    (FOLDER / "index.html").write_text(_index(files), encoding="utf-8")
    print(f"{len(files)} pictures: {FOLDER / 'index.html'}")  # noqa: T201  A command speaks.


if __name__ == "__main__":
    main()
