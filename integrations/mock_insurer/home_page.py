"""The insurer's first page: its copy of DocPort's doctors, its bookings, and what it heard."""

from typing import Any

from integrations.mock_insurer import words
from integrations.mock_insurer.client import Answer
from integrations.mock_insurer.consent_pages import ask_form
from integrations.mock_insurer.desk_pages import find_form
from integrations.mock_insurer.markup import Markup, tag, text
from integrations.mock_insurer.pages import name_of, page, zone_of


def home(
    name: str,
    *,
    connection: Answer | str,
    doctors: list[dict[str, Any]],
    events: list[dict[str, Any]],
    bookings: list[dict[str, Any]],
    form_key: str,
) -> str:
    """Show the mirror, what was heard, and what was booked."""
    return page(
        name,
        "Our copy of DocPort",
        _connection(connection),
        find_form(doctors, {}),
        ask_form(form_key),
        _table(
            "Doctors",
            "What DocPort pushed to us.",
            ["Name", "Specialization", "City", "Weekly hours", "Version", "Held since"],
            [_doctor_row(doctor) for doctor in doctors],
        ),
        _table(
            "Bookings",
            "Appointments of our members.",
            ["When", "Doctor", "State", "Our number"],
            [_booking_row(booking, doctors) for booking in bookings],
        ),
        _table(
            "Events",
            "What DocPort told us by webhook, newest first.",
            ["Received", "Number", "Type", "About"],
            [_event_row(event) for event in events],
        ),
    )


def _connection(answer: Answer | str) -> Markup:
    if isinstance(answer, str):
        state = tag("p", answer, class_="bad")
    elif answer.accepted:
        scopes = ", ".join(answer.body.get("scopes", []))
        state = tag("p", tag("span", "Connected", class_="good"), f". Our key may: {scopes}.")
    else:
        detail = answer.body.get("detail") or answer.body.get("title")
        state = tag("p", f"DocPort refuses our key: {detail}", class_="bad")
    return tag("section", tag("h2", "Connection to DocPort"), state, class_="card")


def _table(title: str, caption: str, columns: list[str], rows: list[list[Markup]]) -> Markup:
    head = tag("thead", tag("tr", [tag("th", column, scope="col") for column in columns]))
    body = tag("tbody", [tag("tr", [tag("td", cell) for cell in row]) for row in rows])
    table = tag("table", tag("caption", caption), head, body)
    scroller = tag("div", table, class_="scroll", tabindex=0, role="region", aria_label=title)
    none = tag("p", "None yet.", class_="muted")
    return tag(
        "section", tag("h2", f"{title} ({len(rows)})"), scroller if rows else none, class_="card"
    )


def _doctor_row(held: dict[str, Any]) -> list[Markup]:
    profile = held["profile"] or {}
    cities = sorted({place["city"] for place in profile.get("locations", [])})
    windows = (held["availability"] or {}).get("windows", [])
    return [
        tag("a", name_of(held), href=f"/doctors/{held['id']}"),
        text(words.label(profile.get("specialization"))),
        text(", ".join(cities)),
        text("; ".join(f"{day} {periods}" for day, periods in words.hours(windows))),
        text(held["profile_version"]),
        text(words.received(held["since"])),
    ]


def _booking_row(booking: dict[str, Any], doctors: list[dict[str, Any]]) -> list[Markup]:
    body = booking["body"]
    held = next((doctor for doctor in doctors if doctor["id"] == body["doctor_id"]), None)
    when = words.when(body["start"], zone_of(held, body["location_id"]))
    state = words.label(body["status"])
    if body["cancel_reason"]:
        state += f": {words.label(body['cancel_reason']).lower()}"
    return [
        tag("a", when, href=f"/appointments/{body['id']}"),
        text(name_of(held)),
        text(state),
        text(body["external_appointment_id"]),
    ]


def _event_row(event: dict[str, Any]) -> list[Markup]:
    return [
        text(words.received(event["received_at"])),
        text(event["feed_seq"]),
        text(event["type"]),
        text(event["subject"]),
    ]
