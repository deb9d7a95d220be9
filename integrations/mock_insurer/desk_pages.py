"""Pages of the desk: times that were found, a time that is held, an appointment."""

from typing import Any

from integrations.mock_insurer import words
from integrations.mock_insurer.client import Answer
from integrations.mock_insurer.markup import Markup, tag
from integrations.mock_insurer.pages import facts_list, name_of, page, patient_field, zone_of

CANCEL_REASONS = ["patient_request", "insurer_request", "duplicate", "other"]
OPEN = {"BOOKED", "ARRIVED"}
MODES = [("IN_PERSON", "In person"), ("TELE", "By video or phone")]

Held = dict[str, Any] | None


def find_form(doctors: list[dict[str, Any]], chosen: dict[str, str]) -> Markup:
    """Ask what to look for, among what the mirrored doctors are."""
    profiles = [held["profile"] or {} for held in doctors]
    specializations = {one["specialization"] for one in profiles if one.get("specialization")}
    cities = {place["city"] for one in profiles for place in one.get("locations", [])}
    known = [(code, words.label(code)) for code in sorted(specializations)]
    return tag(
        "form",
        tag("h2", "Find the earliest time"),
        _choice("specialization", "Specialization", known, chosen),
        _choice("city", "City", [(city, city) for city in sorted(cities)], chosen),
        _choice("mode", "How they meet", MODES, chosen),
        tag("p", tag("button", "Find the earliest times", class_="main")),
        method="get",
        action="/find",
        class_="card",
    )


def found(
    name: str,
    form: Markup,
    answer: Answer | str,
    doctors: dict[str, dict[str, Any]],
    *,
    form_key: str,
    outcome: Markup | None = None,
) -> str:
    """Show the earliest times, each with a button that holds it."""
    return page(name, "Earliest times", outcome, form, _times(answer, doctors, form_key))


def held(
    name: str,
    hold: dict[str, Any],
    doctor: Held,
    *,
    patient_reference: str,
    form_key: str,
    outcome: Markup | None = None,
) -> str:
    """Show a time that is kept while the clerk types, and what can be done with it."""
    zone = zone_of(doctor, hold["location_id"])
    until = words.local(hold["expires_at"], zone)
    facts = [
        ("When", words.when(hold["start"], zone)),
        ("Doctor", name_of(doctor)),
        ("Held for us until", f"{until:%H:%M:%S}"),
        ("Token number", hold["token_number"]),
    ]
    carried = [
        tag("input", type="hidden", name=field, value=hold[field])
        for field in ("doctor_id", "start", "location_id")
    ]
    book = tag(
        "form",
        carried,
        tag("input", type="hidden", name="form_key", value=form_key),
        patient_field(patient_reference),
        tag("p", tag("button", "Book this time", class_="main")),
        method="post",
        action=f"/holds/{hold['id']}/book",
        class_="card",
    )
    return page(
        name,
        "A time is held",
        outcome,
        tag("section", facts_list(facts), class_="card"),
        book,
        _button("Keep it longer", f"/holds/{hold['id']}/renew"),
        _button("Give it back", f"/holds/{hold['id']}/release"),
    )


def appointment(
    name: str,
    booking: dict[str, Any],
    doctor: Held,
    *,
    slots: Answer | str | None,
    outcome: Markup | None = None,
) -> str:
    """Show one booking, with forms that move or cancel it.

    Args:
        slots: the doctor's free times; `None` when it cannot be moved.
    """
    body = booking["body"]
    facts = [
        ("When", words.when(body["start"], zone_of(doctor, body["location_id"]))),
        ("Doctor", name_of(doctor)),
        ("State", words.label(body["status"])),
        ("Reason", words.label(body["cancel_reason"])),
        ("Our number", body["external_appointment_id"]),
        ("DocPort's number", body["id"]),
    ]
    return page(
        name,
        "Appointment",
        outcome,
        tag("section", facts_list(facts), class_="card"),
        _move_form(body, doctor, slots),
        _cancel_form(body) if body["status"] in OPEN else None,
    )


def _times(answer: Answer | str, doctors: dict[str, dict[str, Any]], form_key: str) -> Markup:
    title = tag("h2", "Free times, asked of DocPort just now")
    if isinstance(answer, str):
        return tag("section", title, tag("p", answer, class_="bad"), class_="card")
    if not answer.accepted:
        detail = answer.body.get("detail") or answer.body.get("title")
        return tag("section", title, tag("p", detail, class_="bad"), class_="card")
    if not answer.body["items"]:
        none = tag("p", "No free time in the next 7 days. Ask for less.", class_="muted")
        return tag("section", title, none, class_="card")
    rows = [tag("li", _hold_button(slot, doctors)) for slot in answer.body["items"]]
    key = tag("input", type="hidden", name="form_key", value=form_key)
    times = tag("ul", rows, class_="slots")
    return tag("form", title, key, times, method="post", action="/hold", class_="card")


def _hold_button(slot: dict[str, Any], doctors: dict[str, dict[str, Any]]) -> Markup:
    doctor = doctors.get(slot["doctor_id"])
    when = words.when(slot["start"], zone_of(doctor, slot["location_id"]))
    value = " ".join(slot[field] for field in ("doctor_id", "start", "location_id", "mode"))
    who = name_of(doctor) if doctor else "A doctor whom we do not mirror"
    return tag("button", f"Hold {when}, {who}", name="slot", value=value)


def _move_form(body: dict[str, Any], doctor: Held, slots: Answer | str | None) -> Markup | None:
    if not isinstance(slots, Answer) or not slots.accepted or not slots.body["items"]:
        return None
    choices = [
        tag(
            "option",
            words.when(slot["start"], zone_of(doctor, slot["location_id"])),
            value=f"{slot['start']} {slot['location_id']} {slot['mode']}",
        )
        for slot in slots.body["items"]
    ]
    return tag(
        "form",
        tag("input", type="hidden", name="version", value=body["version"]),
        tag(
            "div",
            tag("label", "Another time", for_="slot"),
            tag("select", choices, id="slot", name="slot"),
            class_="field",
        ),
        tag("p", tag("button", "Move this appointment")),
        method="post",
        action=f"/appointments/{body['id']}/move",
        class_="card",
    )


def _cancel_form(body: dict[str, Any]) -> Markup:
    choices = [tag("option", words.label(code), value=code) for code in CANCEL_REASONS]
    return tag(
        "form",
        tag(
            "div",
            tag("label", "Reason", for_="reason"),
            tag("select", choices, id="reason", name="reason"),
            class_="field",
        ),
        tag("p", tag("button", "Cancel this appointment")),
        method="post",
        action=f"/appointments/{body['id']}/cancel",
        class_="card",
    )


def _choice(
    name: str, label: str, options: list[tuple[str, str]], chosen: dict[str, str]
) -> Markup:
    choices = [
        tag("option", text, value=value, selected=chosen.get(name, "") == value)
        for value, text in [("", "Any"), *options]
    ]
    select = tag("select", choices, id=name, name=name)
    return tag("div", tag("label", label, for_=name), select, class_="field")


def _button(text: str, action: str) -> Markup:
    return tag("form", tag("p", tag("button", text)), method="post", action=action)
