"""The insurer's pages. Each function takes plain values and gives a whole page."""

from datetime import datetime
from typing import Any

from integrations.mock_insurer import words
from integrations.mock_insurer.client import Answer
from integrations.mock_insurer.markup import Markup, tag


def page(name: str, title: str, *content: Markup | None) -> str:
    """Give a whole document; `name` is the insurer's."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{title} | {name}"),
        tag("link", rel="stylesheet", href="/style.css"),
    )
    top = tag(
        "header",
        tag("a", name, href="/"),
        tag("span", "Mock insurer, beside DocPort. Nothing here is real.", class_="muted"),
    )
    body = tag("body", top, tag("main", tag("h1", title), *content))
    return f"<!doctype html>{tag('html', head, body, lang='en')}"


def doctor(
    name: str,
    held: dict[str, Any],
    *,
    slots: Answer | str,
    patient_reference: str,
    form_key: str,
    outcome: Markup | None = None,
) -> str:
    """Show one doctor of the mirror, with the free times that DocPort gives just now."""
    profile = held["profile"] or {}
    places = {place["id"]: place for place in profile.get("locations", [])}
    windows = (held["availability"] or {}).get("windows", [])
    facts = [
        ("Specialization", words.label(profile.get("specialization"))),
        ("Registration", profile.get("registration_number")),
        ("Languages", ", ".join(profile.get("languages", []))),
        ("Fee", _money(profile.get("fee"))),
        *(("Place", _address(place)) for place in places.values()),
        *((day, periods) for day, periods in words.hours(windows)),
        ("Version of profile", held["profile_version"]),
        ("Version of hours", held["availability_version"]),
    ]
    return page(
        name,
        profile.get("full_name") or "A doctor who shares no profile",
        outcome,
        tag("section", tag("h2", "Our copy"), facts_list(facts), class_="card"),
        _free_times(held["id"], slots, places, patient_reference, form_key),
    )


def refusal(answer: Answer | str, zone_name: str | None) -> Markup:
    """Show why DocPort did not do what was asked, and the next free times if it names any."""
    problem: dict[str, Any] = answer.body if isinstance(answer, Answer) else {"title": answer}
    times = problem.get("next_free") or []
    following = tag(
        "p", "Next free: ", "; ".join(words.when(slot["start"], zone_name) for slot in times), "."
    )
    status = f"{answer.status} " if isinstance(answer, Answer) else ""
    return tag(
        "section",
        tag("h2", f"DocPort refused: {status}{problem.get('title', '')}", class_="bad"),
        tag("p", problem.get("detail")),
        following if times else None,
        class_="card notice refused",
        role="alert",
    )


def problem(name: str, status: int, detail: str) -> str:
    """Show that something cannot be shown."""
    return page(name, f"Error {status}", tag("p", detail, class_="card"))


def _free_times(
    doctor_id: str,
    answer: Answer | str,
    places: dict[str, dict[str, Any]],
    patient_reference: str,
    form_key: str,
) -> Markup:
    title = tag("h2", "Free times, asked of DocPort just now")
    if isinstance(answer, str):
        return tag("section", title, tag("p", answer, class_="bad"), class_="card")
    if not answer.accepted:
        detail = answer.body.get("detail") or answer.body.get("title")
        return tag("section", title, tag("p", detail, class_="bad"), class_="card")
    if not answer.body["items"]:
        none = tag("p", "No free time in the next 14 days.", class_="muted")
        return tag("section", title, none, class_="card")
    by_day: dict[str, list[Markup]] = {}
    for slot in answer.body["items"]:
        place = places.get(slot["location_id"], {})
        moment = words.local(slot["start"], place.get("timezone"))
        by_day.setdefault(words.day(moment), []).append(_book_button(slot, moment, place))
    days = [
        tag("section", tag("h3", day), tag("ul", buttons, class_="slots"))
        for day, buttons in by_day.items()
    ]
    key = tag("input", type="hidden", name="form_key", value=form_key)
    action = f"/doctors/{doctor_id}/book"
    reference = patient_field(patient_reference)
    return tag("form", title, reference, key, days, method="post", action=action, class_="card")


def patient_field(reference: str) -> Markup:
    """Ask for what we call the patient."""
    field = tag(
        "input",
        id="patient_reference",
        name="patient_reference",
        value=reference,
        required=True,
        maxlength=120,
        autocomplete="off",
        aria_describedby="patient_hint",
    )
    hint = tag("p", "Opaque: DocPort must not learn who the patient is.", id="patient_hint")
    label = tag("label", "Patient reference", for_="patient_reference")
    return tag("div", label, hint, field, class_="field")


def _book_button(slot: dict[str, Any], moment: datetime, place: dict[str, Any]) -> Markup:
    time = words.clock(moment.time())
    where = place.get("name", "at the doctor's")
    button = tag(
        "button",
        f"Book {time}",
        name="slot",
        value=f"{slot['start']} {slot['location_id']}",
        aria_label=f"Book {time}, {words.day(moment)}, {where}",
    )
    return tag("li", button)


def facts_list(facts: list[tuple[str, Any]]) -> Markup:
    """Show names and values; one that is empty is left out."""
    return tag("dl", [[tag("dt", word), tag("dd", fact)] for word, fact in facts if fact])


def name_of(held: dict[str, Any] | None) -> str:
    """Give the name to show of a mirrored doctor."""
    if held is None:
        return "A doctor who left us"
    return (held["profile"] or {}).get("full_name") or "Shares no profile"


def zone_of(held: dict[str, Any] | None, location_id: str) -> str | None:
    """Give the zone of one of a mirrored doctor's places."""
    profile = (held or {}).get("profile") or {}
    places = profile.get("locations", [])
    return next((place["timezone"] for place in places if place["id"] == location_id), None)


def _address(place: dict[str, Any]) -> str:
    return f"{place['name']}, {place['address']}, {place['city']} {place['pin']}"


def _money(fee: dict[str, Any] | None) -> str:
    return f"{fee['currency']} {fee['amount']}" if fee else ""
