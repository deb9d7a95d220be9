"""What the insurer serves: each function answers one kind of request."""

import json
import logging
import uuid
from http import HTTPStatus
from pathlib import Path
from typing import Any

from integrations.mock_insurer import (
    bookings,
    consents,
    control,
    desk,
    home_page,
    incoming,
    pages,
)
from integrations.mock_insurer.asking import accepted, asked, new_reference, status_of
from integrations.mock_insurer.client import Answer
from integrations.mock_insurer.server import ID, Handler, Refused, Route

EVENTS_SHOWN = 50
DOCTOR, APPOINTMENT = ID.format("doctor_id"), ID.format("appointment_id")
HOLD = ID.format("hold_id")
STYLE = (Path(__file__).parent / "style.css").read_bytes()

log = logging.getLogger(__name__)


# For people


def home(handler: Handler) -> None:
    insurer = handler.insurer
    html = home_page.home(
        insurer.name,
        connection=asked(lambda: insurer.docport().me()),
        doctors=insurer.store.doctors(),
        events=insurer.store.events(EVENTS_SHOWN),
        bookings=insurer.store.bookings(),
        form_key=str(uuid.uuid4()),
    )
    handler.page(HTTPStatus.OK, html)


def style(handler: Handler) -> None:
    handler.send(HTTPStatus.OK, STYLE, "text/css; charset=utf-8")


def doctor(handler: Handler, doctor_id: str) -> None:
    _show_doctor(handler, doctor_id, HTTPStatus.OK)


def book(handler: Handler, doctor_id: str) -> None:
    form = handler.form()
    start, _, location_id = form.get("slot", "").partition(" ")
    wanted = {"start": start, "location_id": location_id or None}
    reference, form_key = form.get("patient_reference", ""), form.get("form_key", "")
    if not (start and reference and form_key):
        raise Refused(HTTPStatus.BAD_REQUEST, "Choose a time and give a patient reference.")
    # One form offers many times: a key for each, and the same when the button is pressed twice.
    key = f"{form_key}-{start}-{location_id}"
    answer = _book(handler, doctor_id, wanted, reference, key)
    if accepted(answer):
        handler.redirect(f"/appointments/{answer.body['id']}")
        return
    _show_doctor(handler, doctor_id, status_of(answer), answer)


# For scripts


def healthz(handler: Handler) -> None:
    handler.json(HTTPStatus.OK, {"status": "ok", "insurer": handler.insurer.name})


def mirror_json(handler: Handler) -> None:
    handler.json(HTTPStatus.OK, {"doctors": handler.insurer.store.doctors()})


def events_json(handler: Handler) -> None:
    handler.json(HTTPStatus.OK, {"events": handler.insurer.store.events()})


def bookings_json(handler: Handler) -> None:
    handler.json(HTTPStatus.OK, {"bookings": handler.insurer.store.bookings()})


def book_json(handler: Handler) -> None:
    if handler.headers.get_content_type() != "application/json":
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send application/json.")
    try:
        wanted = json.loads(handler.body)
        doctor_id, start = str(wanted["doctor_id"]), str(wanted["start"])
    except (ValueError, TypeError, KeyError) as error:
        raise Refused(HTTPStatus.BAD_REQUEST, "Send doctor_id and start.") from error
    place = {"start": start, "location_id": wanted.get("location_id")}
    reference = str(wanted.get("patient_reference") or new_reference())
    key = str(wanted.get("key") or uuid.uuid4())
    answer = _book(handler, doctor_id, place, reference, key)
    if isinstance(answer, str):
        handler.json(status_of(answer), {"title": answer})
        return
    handler.json(answer.status, answer.body, {"Idempotency-Replayed": str(answer.replayed).lower()})


def _book(
    handler: Handler, doctor_id: str, wanted: dict[str, Any], reference: str, key: str
) -> Answer | str:
    insurer = handler.insurer
    answer = asked(
        lambda: bookings.book(
            insurer.docport(),
            insurer.store,
            doctor_id=doctor_id,
            **wanted,
            patient_reference=reference,
            key=key,
            at=insurer.clock(),
        )
    )
    log.info("Asked for a booking: %s", status_of(answer))
    return answer


def _show_doctor(
    handler: Handler, doctor_id: str, status: int, refused: Answer | str | None = None
) -> None:
    insurer = handler.insurer
    held = insurer.store.doctor(doctor_id)
    if held is None:
        raise Refused(HTTPStatus.NOT_FOUND, "We hold no such doctor.")
    slots = asked(lambda: bookings.free_slots(insurer.docport(), doctor_id, at=insurer.clock()))
    outcome = pages.refusal(refused, (held["profile"] or {}).get("timezone")) if refused else None
    html = pages.doctor(
        insurer.name,
        held,
        slots=slots,
        patient_reference=new_reference(),
        form_key=str(uuid.uuid4()),
        outcome=outcome,
    )
    handler.page(status, html)


ROUTES = (
    *incoming.ROUTES,
    *control.ROUTES,
    Route("GET", "/", home),
    Route("GET", r"/style\.css", style),
    Route("GET", f"/doctors/{DOCTOR}", doctor),
    Route("POST", f"/doctors/{DOCTOR}/book", book),
    Route("GET", "/find", desk.find),
    Route("POST", "/ask", consents.ask),
    Route("POST", "/hold", desk.hold),
    Route("POST", f"/holds/{HOLD}/renew", desk.renew),
    Route("POST", f"/holds/{HOLD}/release", desk.release),
    Route("POST", f"/holds/{HOLD}/book", desk.book_held),
    Route("GET", f"/appointments/{APPOINTMENT}", desk.appointment),
    Route("POST", f"/appointments/{APPOINTMENT}/move", desk.move),
    Route("POST", f"/appointments/{APPOINTMENT}/cancel", desk.cancel),
    Route("GET", "/healthz", healthz),
    Route("GET", r"/mirror\.json", mirror_json),
    Route("GET", r"/events\.json", events_json),
    Route("GET", r"/bookings\.json", bookings_json),
    Route("POST", r"/book\.json", book_json),
)
