"""The main job in a browser, as people do it, against the running site and mock insurers."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from playwright.sync_api import Browser, FilePayload, Page, expect, sync_playwright

from docport.demo.certificates import certificate
from docport.tests.chromium import CHROMIUM_FLAGS, chromium
from docport.tests.running_site import CHECKOUT, RunningSite, eventually, start

pytestmark = pytest.mark.browser

# What the design promises from a commit to the insurer.
PROMISED_SECONDS = 5.0
# A page may take its time on a machine that is busy with other tests.
PATIENCE_MS = 30_000
PASSWORD = "tulsi copper lantern"
ERASED = """SELECT id FROM doctor_insurance_consent
            WHERE doctor_id = %(doctor)s AND erased_at IS NOT NULL"""
FIRST, OTHER = "Nila Health Insurance", "Kaveri General Insurance"


class Doctor:
    """Somebody who never saw DocPort before, at their browser."""

    def __init__(
        self, site: RunningSite, page: Page, *, email: str, name: str, number: str
    ) -> None:
        self.site, self.page = site, page
        self.email, self.name, self.number = email, name, number

    def press(self, label: str) -> None:
        self.page.get_by_role("button", name=label, exact=True).click()

    def follow(self, label: str) -> None:
        self.page.get_by_role("link", name=label, exact=True).first.click()

    def fill(self, **values: str) -> None:
        for label, value in values.items():
            self.page.get_by_label(label.replace("_", " "), exact=True).fill(value)

    def sees(self, text: str | re.Pattern[str]) -> None:
        expect(self.page.locator("main")).to_contain_text(text)

    def menu(self, label: str) -> None:
        navigation = self.page.get_by_role("navigation", name="Main")
        navigation.get_by_role("link", name=label, exact=True).click()

    @property
    def id(self) -> str:
        ((found,),) = self.site.rows(
            "SELECT id::text FROM doctors WHERE email = %(email)s", email=self.email
        )
        return str(found)

    def sign_up(self) -> None:
        self.page.goto(self.site.url)
        self.follow("Create a doctor's account")
        self.fill(Email=self.email, Password=PASSWORD)
        self.press("Create account")
        self.sees("0 of 7 done")
        assert self.email in self.site.log, "the verification mail is shown in the log"

    def fill_in_the_profile(self) -> None:
        self.follow("Your details")
        self.follow("Change name, languages and fee")
        self.fill(Full_name=self.name, Years_of_experience="9", Consultation_fee_in_rupees="650")
        self.page.get_by_label("English", exact=True).check()
        self.page.get_by_label("Kannada", exact=True).check()
        self.press("Save")
        self.follow("Change practice")
        self.page.get_by_label("Specialization").select_option(label="Dermatology")
        self.press("Save")
        self.follow("Change phone")
        self.fill(Phone=f"60001 {self.number}")
        self.press("Save")
        self.follow("Change registration")
        self.page.get_by_label("Medical council").select_option(label="Karnataka Medical Council")
        self.fill(Registration_number=self.number)
        self.press("Save")
        self.sees(f"KMC-{self.number}")

    def add_a_place(self) -> None:
        self.page.goto(f"{self.site.url}/setup/")
        self.follow("Place of work")
        self.fill(
            Name_of_the_place="Ashoka Skin Clinic",
            Street_and_area="14, Margosa Road, Malleshwaram",
            City="Bengaluru",
            PIN_code="560003",
        )
        self.page.get_by_label("State or territory").select_option(label="Karnataka")
        self.press("Add place")
        self.sees("Ashoka Skin Clinic was added.")

    def upload_a_certificate(self) -> None:
        self.page.goto(f"{self.site.url}/setup/")
        self.follow("Degree certificate")
        self.fill(
            Degree_or_title="MD Dermatology",
            **{"University,_college_or_council": "Mysore Medical College"},
            Year_it_was_given="2016",
        )
        content = certificate("SYNTHETIC", f"Dr {self.name}", "MD Dermatology, 2016")
        file = FilePayload(name="degree.pdf", mimeType="application/pdf", buffer=content)
        self.page.get_by_label("Certificate", exact=True).set_input_files(file)
        self.press("Upload")
        self.sees("Your certificate was uploaded.")

    def send_the_profile(self) -> None:
        self.page.goto(f"{self.site.url}/setup/")
        self.follow("Check your answers and send")
        self.page.get_by_label(re.compile("I confirm")).check()
        self.press("Send to be checked")
        self.page.goto(f"{self.site.url}/setup/")
        self.sees("Being checked")

    def set_hours(self) -> None:
        self.menu("Hours")
        self.fill(Minutes_for_each_visit="30")
        self._add_period("period 1", "09:00", "13:00")
        self._add_period("period 2", "17:00", "19:30")
        self.page.get_by_text("Fill or copy Monday").click()
        copied = self.page.get_by_role("group", name="Copy Monday to")
        for day in ("Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"):
            copied.get_by_label(day).check()
        self.press("Copy Monday to these days")
        expect(self.page.get_by_label("From Sunday, period 2")).to_have_value("17:00")
        self.press("Save hours")
        expect(self.page.get_by_role("status").first).to_be_visible()

    def _add_period(self, title: str, start: str, end: str) -> None:
        self.press("Add hours to Monday")
        self.page.get_by_label(f"From Monday, {title}").fill(start)
        self.page.get_by_label(f"To Monday, {title}").fill(end)

    def see_the_week(self) -> None:
        self.menu("Calendar")
        self.follow("Next week")
        self.sees("0 booked, 13 free")
        expect(
            self.page.get_by_role("link", name=re.compile("Monday .*9:30am: free"))
        ).to_be_visible()

    def opt_in(self, insurer: str) -> None:
        self.menu("Insurers")
        self.follow(f"Turn on {insurer}")
        for box in self.page.get_by_role("checkbox").all():
            box.check()
        self.press("Check what is shared")
        self.sees(self.name)
        self.press("Give consent")
        self.sees("Consent receipt")
        self.sees("Signature valid")

    def see_the_visit(self, day: str) -> None:
        self.menu("Today")
        self.sees("booked by Nila Health Insurance")
        self.menu("Calendar")
        line = self.page.get_by_role("listitem").filter(has_text=day)
        if not line.count():
            self.follow("Next week")
        expect(line).to_contain_text("1 booked, 12 free")
        expect(self.page.get_by_role("link", name=f"{day}, 10:30am: booked")).to_be_visible()

    def cancel_the_visit(self) -> None:
        self.menu("Today")
        self.follow("Open appointment")
        self.follow("Cancel this appointment")
        self.page.get_by_label("The doctor is on leave").check()
        self.press("Cancel the appointment")
        self.sees("The doctor is on leave")

    def opt_out(self, insurer: str) -> None:
        self.menu("Insurers")
        self.follow(f"Withdraw from {insurer}")
        self.sees("Appointments to come: 1")
        self.page.get_by_label("Cancel all").check()
        self.press("Withdraw now")
        self.sees("can read nothing more about you")
        self.page.get_by_role("link", name=re.compile("^Receipt ")).first.click()
        self.sees("Withdrawn, version 2")
        self.sees("Signature valid")


class Mock:
    """A mock insurer as its page and its JSON show it."""

    def __init__(self, site: RunningSite, number: int) -> None:
        self.site, self.url = site, site.mock(number)
        self.key = site.demo["insurers"][number - 1]["api_key"]

    def get(self, path: str) -> Any:
        return requests.get(f"{self.url}{path}", timeout=20).json()

    def ask(self, path: str) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.key}"}
        return requests.get(f"{self.site.url}/api/v1{path}", headers=headers, timeout=20)

    def holds(self, doctor: str) -> dict[str, Any] | None:
        held = [row for row in self.get("/mirror.json")["doctors"] if row["id"] == doctor]
        whole = bool(held) and held[0]["profile"] and held[0]["availability"]
        return held[0] if whole else None

    def heard(self, doctor: str) -> set[str]:
        events = self.get("/events.json")["events"]
        return {e["type"] for e in events if e["body"]["data"].get("doctor_id") == doctor}

    def cancelled(self, doctor: str) -> set[str]:
        """Give the reasons for which bookings with a doctor were cancelled."""
        bookings = [row["body"] for row in self.get("/bookings.json")["bookings"]]
        return {b["cancel_reason"] for b in bookings if b["doctor_id"] == doctor} - {None}

    def book(self, doctor: str, start_time: str) -> requests.Response:
        wanted = {"doctor_id": doctor, "start": start_time}
        return requests.post(f"{self.url}/book.json", json=wanted, timeout=20)


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        yield opened
        opened.close()


@contextmanager
def a_page(browser: Browser, site: RunningSite, *, javascript: bool) -> Iterator[Page]:
    """Open a browser of somebody's own; what goes wrong bears a picture and the end of the log."""
    context = browser.new_context(java_script_enabled=javascript, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    page = context.new_page()
    try:
        yield page
    except BaseException as error:
        # Outside the test's own directory, which goes with the test.
        picture = CHECKOUT / "var" / "main_job_failed.png"
        page.screenshot(path=picture, full_page=True)
        picture.with_suffix(".log").write_text(site.log, encoding="utf-8")
        error.add_note(f"At {page.url}, see {picture} and the log beside it, which ends with:")
        error.add_note(site.end_of_log)
        raise
    finally:
        context.close()


def test_the_main_job(browser: Browser, tmp_path: Path) -> None:
    with ExitStack() as stack:
        site = start(tmp_path / "site", stack)
        for javascript, name, number in [
            (True, "Leela Hegde", "71301"),
            (False, "Omar Bhat", "71302"),
        ]:
            email = f"{name.split()[0].lower()}@example.org"
            with a_page(browser, site, javascript=javascript) as page:
                doctor = Doctor(site, page, email=email, name=name, number=number)
                main_job(browser, site, doctor)
        children = site.children()
        if Path("/proc").is_dir():
            # Web, worker, beat and three insurers; their workers, and private servers if any.
            assert len(children) > 6

        code = site.interrupt()

        assert code == 0, site.end_of_log
        eventually(lambda: not site.children(), within=20, what=f"all of {children} have ended")


def main_job(browser: Browser, site: RunningSite, doctor: Doctor) -> None:
    """Do it all, from signing up to opting out."""
    first, other = Mock(site, 1), Mock(site, 2)
    doctor.sign_up()
    doctor.fill_in_the_profile()
    doctor.add_a_place()
    doctor.upload_a_certificate()
    doctor.send_the_profile()
    with a_page(browser, site, javascript=True) as page:
        verify_and_activate(page, site, doctor)
    doctor.set_hours()
    doctor.see_the_week()
    doctor.opt_in(FIRST)
    held = eventually(
        lambda: first.holds(doctor.id), within=PROMISED_SECONDS, what="the insurer holds the doctor"
    )
    assert held["profile"]["full_name"] == doctor.name
    assert len(held["availability"]["windows"]) == 14
    eventually(
        lambda: "consent.granted" in first.heard(doctor.id),
        within=PROMISED_SECONDS,
        what="the insurer heard of the consent",
    )
    doctor.opt_in(OTHER)
    with a_page(browser, site, javascript=True) as page:
        day, start_time = book_on_the_mocks_page(page, first, doctor)
    slot_is_gone_for(other, doctor, start_time)
    doctor.see_the_visit(day)
    doctor.cancel_the_visit()
    eventually(
        lambda: "doctor_leave" in first.cancelled(doctor.id),
        within=2 * PROMISED_SECONDS,
        what="the insurer heard of the cancellation and asked how the appointment stands",
    )
    assert first.book(doctor.id, start_time).status_code == 201, "the time is free again"
    doctor.opt_out(FIRST)
    assert first.ask(f"/doctors/{doctor.id}").status_code == 404
    assert other.ask(f"/doctors/{doctor.id}").status_code == 200
    eventually(
        lambda: not any(row["id"] == doctor.id for row in first.get("/mirror.json")["doctors"]),
        within=PROMISED_SECONDS,
        what="the insurer erased the doctor",
    )
    eventually(
        lambda: (
            {"consent.revoked", "appointment.cancelled"} <= first.heard(doctor.id)
            and "consent_withdrawn" in first.cancelled(doctor.id)
            and site.rows(ERASED, doctor=doctor.id)
        ),
        within=2 * PROMISED_SECONDS,
        what="the insurer heard of the doctor's leaving and the visit, and said that it erased",
    )
    the_audit_log_has_it_all(site, doctor)


def verify_and_activate(page: Page, site: RunningSite, doctor: Doctor) -> None:
    page.goto(f"{site.url}/admin/")
    page.get_by_label("Email").fill(site.demo["admin"]["email"])
    page.get_by_label("Password").fill(site.demo["admin"]["password"])
    page.locator("#login-form, main form").get_by_role("button", name="Sign in").or_(
        page.get_by_role("button", name="Log in")
    ).first.click()
    page.goto(f"{site.url}/admin/")
    page.get_by_role("link", name="Doctors", exact=True).first.click()
    page.get_by_role("link", name=doctor.name).click()
    link = page.get_by_role("link", name="Open certificate")
    opened = page.request.get(f"{site.url}{link.get_attribute('href')}")
    assert opened.headers["content-type"] == "application/pdf"
    assert opened.body().startswith(b"%PDF")
    page.get_by_role("button", name=re.compile("Verify certificate")).click()
    page.get_by_role("button", name="Activate").click()
    expect(page.locator("body")).to_contain_text(f"{doctor.name} is active")


def book_on_the_mocks_page(page: Page, mock: Mock, doctor: Doctor) -> tuple[str, str]:
    """Book a time after today; give the day in words and the start as the API has it."""
    page.goto(mock.url)
    row = page.get_by_role("row", name=re.compile(doctor.name))
    expect(row).to_contain_text("Dermatology")
    expect(row).to_contain_text("Bengaluru")
    expect(row).to_contain_text("Monday 9am to 1pm, 5pm to 7:30pm")
    row.get_by_role("link", name=doctor.name).click()
    button = page.get_by_role("button", name=re.compile("^Book 10:30am, ")).nth(1)
    label = button.get_attribute("aria-label") or ""
    start_time = (button.get_attribute("value") or "").split()[0]
    button.click()
    expect(page.get_by_role("heading", name="Appointment")).to_be_visible()
    expect(page.locator("main")).to_contain_text("Booked")
    return label.split(", ")[1].rpartition(" ")[0], start_time


def slot_is_gone_for(other: Mock, doctor: Doctor, start_time: str) -> None:
    day = start_time[:10]
    free = other.ask(f"/doctors/{doctor.id}/slots?from={day}T00:00:00Z&to={day}T23:59:59Z").json()
    starts = {slot["start"] for slot in free["items"]}
    assert starts
    assert start_time not in starts
    refused = other.book(doctor.id, start_time)
    assert (refused.status_code, refused.json()["code"]) == (409, "slot_taken")
    assert refused.json()["next_free"]


def the_audit_log_has_it_all(site: RunningSite, doctor: Doctor) -> None:
    found = site.rows(
        "SELECT action FROM audit_logs WHERE doctor_id = %(doctor)s", doctor=doctor.id
    )
    assert {action for (action,) in found} >= {
        "doctor.signed_up", "doctor.updated", "place.added", "credential.added",
        "doctor.submitted", "credential.opened", "credential.verified", "doctor.activated",
        "availability.updated", "consent.given", "appointment.booked", "appointment.cancelled",
        "consent.withdrawn",
    }  # fmt: skip
    for sql in ("UPDATE audit_logs SET action = 'x'", "DELETE FROM audit_logs"):
        with pytest.raises(psycopg.errors.IntegrityError, match="append-only"):
            site.rows(sql)
