"""What a clerk does at the desk: find a time, hold it, book it, move and cancel appointments."""

import uuid
from http import HTTPStatus
from typing import Any

from integrations.mock_insurer import bookings, desk_pages, pages, words
from integrations.mock_insurer.asking import accepted, asked, new_reference, status_of
from integrations.mock_insurer.client import Answer
from integrations.mock_insurer.markup import Markup
from integrations.mock_insurer.server import Handler, Refused

FILTERS = ("specialization", "city", "mode")


def find(handler: Handler) -> None:
    """Show the earliest times of all doctors."""
    query = handler.query()
    _show_found(handler, {name: query[name] for name in FILTERS if query.get(name)}, HTTPStatus.OK)


def hold(handler: Handler) -> None:
    """Hold the time whose button was pressed."""
    form = handler.form()
    names = ("doctor_id", "start", "location_id", "mode")
    wanted = dict(zip(names, form.get("slot", "").split(" "), strict=False))
    form_key = form.get("form_key", "")
    if len(wanted) < len(names) or not form_key:
        raise Refused(HTTPStatus.BAD_REQUEST, "Choose a time.")
    # Pressed twice, or reloaded, it is the same hold.
    key = f"hold-{form_key}-{wanted['doctor_id']}-{wanted['start']}"
    answer = asked(lambda: handler.insurer.docport().hold(wanted, key=key))
    if not accepted(answer):
        _show_found(handler, {}, status_of(answer), _refusal(answer))
        return
    _show_held(handler, answer.body, HTTPStatus.OK)


def renew(handler: Handler, hold_id: str) -> None:
    """Let the hold last longer."""
    answer = asked(lambda: handler.insurer.docport().renew(hold_id))
    if not accepted(answer):
        _show_found(handler, {}, status_of(answer), _refusal(answer))
        return
    _show_held(handler, answer.body, HTTPStatus.OK)


def release(handler: Handler, hold_id: str) -> None:
    """Give the time back."""
    answer = asked(lambda: handler.insurer.docport().release(hold_id))
    if not accepted(answer):
        _show_found(handler, {}, status_of(answer), _refusal(answer))
        return
    handler.redirect("/find")


def book_held(handler: Handler, hold_id: str) -> None:
    """Book the time that is held."""
    form, insurer = handler.form(), handler.insurer
    names = ("doctor_id", "start", "location_id", "patient_reference", "form_key")
    given = {name: form.get(name, "") for name in names}
    if not all(given.values()):
        raise Refused(HTTPStatus.BAD_REQUEST, "Give a patient reference.")
    key = f"book-{given.pop('form_key')}"
    answer = asked(
        lambda: bookings.book(
            insurer.docport(),
            insurer.store,
            **given,
            hold_id=hold_id,
            key=key,
            at=insurer.clock(),
        )
    )
    if not accepted(answer):
        _show_found(handler, {}, status_of(answer), _refusal(answer))
        return
    handler.redirect(f"/appointments/{answer.body['id']}")


def appointment(handler: Handler, appointment_id: str) -> None:
    """Show one booking."""
    _show_appointment(handler, appointment_id, HTTPStatus.OK)


def move(handler: Handler, appointment_id: str) -> None:
    """Give the booking the time that was chosen."""
    form, insurer = handler.form(), handler.insurer
    names = ("start", "location_id", "mode")
    wanted = dict(zip(names, form.get("slot", "").split(" "), strict=False))
    version = form.get("version", "")
    if len(wanted) < len(names) or not (version.isascii() and version.isdecimal()):
        raise Refused(HTTPStatus.BAD_REQUEST, "Choose a time.")
    answer = asked(
        lambda: bookings.move(
            insurer.docport(),
            insurer.store,
            appointment_id,
            wanted=wanted,
            version=int(version),
            at=insurer.clock(),
        )
    )
    _told(handler, appointment_id, answer)


def cancel(handler: Handler, appointment_id: str) -> None:
    """Cancel the booking."""
    insurer, reason = handler.insurer, handler.form().get("reason", "")
    answer = asked(
        lambda: bookings.cancel(
            insurer.docport(), insurer.store, appointment_id, reason=reason, at=insurer.clock()
        )
    )
    _told(handler, appointment_id, answer)


def _told(handler: Handler, appointment_id: str, answer: Answer | str) -> None:
    if accepted(answer):
        handler.redirect(f"/appointments/{appointment_id}")
        return
    _show_appointment(handler, appointment_id, status_of(answer), _refusal(answer))


def _show_found(
    handler: Handler, chosen: dict[str, str], status: int, outcome: Markup | None = None
) -> None:
    insurer = handler.insurer
    doctors = insurer.store.doctors()
    answer = asked(lambda: insurer.docport().find(chosen))
    html = desk_pages.found(
        insurer.name,
        desk_pages.find_form(doctors, chosen),
        answer,
        {held["id"]: held for held in doctors},
        form_key=str(uuid.uuid4()),
        outcome=outcome,
    )
    handler.page(status, html)


def _show_held(handler: Handler, hold: dict[str, Any], status: int) -> None:
    insurer = handler.insurer
    html = desk_pages.held(
        insurer.name,
        hold,
        insurer.store.doctor(hold["doctor_id"]),
        patient_reference=new_reference(),
        form_key=str(uuid.uuid4()),
    )
    handler.page(status, html)


def _show_appointment(
    handler: Handler, appointment_id: str, status: int, outcome: Markup | None = None
) -> None:
    insurer = handler.insurer
    booking = insurer.store.booking(appointment_id)
    if booking is None:
        raise Refused(HTTPStatus.NOT_FOUND, "We hold no such appointment.")
    body = booking["body"]
    held, slots = insurer.store.doctor(body["doctor_id"]), None
    if body["status"] == "BOOKED":
        slots = asked(
            lambda: bookings.free_slots(insurer.docport(), body["doctor_id"], at=insurer.clock())
        )
    html = desk_pages.appointment(insurer.name, booking, held, slots=slots, outcome=outcome)
    handler.page(status, html)


def _refusal(answer: Answer | str) -> Markup:
    return pages.refusal(answer, words.INDIA)
