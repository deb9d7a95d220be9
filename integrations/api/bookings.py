"""Hold, book, move and cancel for an insurer: what the actions refuse, in the API's words."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from json import loads
from typing import Any

from rest_framework.exceptions import NotFound

from consent.models import DataClass
from integrations import representations
from integrations.actions.answers import Answer, Refused
from integrations.api import problems
from integrations.api.permissions import doctor_seen
from integrations.api.problems import Problem
from integrations.api.renderers import write
from registry.models import Doctor, DoctorLocation, InsuranceProvider
from scheduling import actions
from scheduling.models import Appointment
from scheduling.slots import BadRange

HOLD_CODES = ("slot_taken", "slot_not_available", "too_many_bookings")
BOOK_CODES = (*HOLD_CODES, "external_id_used", "hold_mismatch")
MOVE_CODES = (*HOLD_CODES, "not_movable", "version_mismatch")
_OK, _CREATED = 200, 201
_REFUSALS: dict[type[Exception], str] = {
    actions.SlotTaken: "slot_taken",
    actions.SlotRefused: "slot_not_available",
    actions.ExternalIdUsed: "external_id_used",
    actions.TooManyBookings: "too_many_bookings",
    actions.HoldMismatch: "hold_mismatch",
    actions.NotMovable: "not_movable",
    actions.Stale: "version_mismatch",
}


def hold(provider: InsuranceProvider, wanted: dict[str, Any], *, at: datetime) -> Answer:
    """Keep a place, or refuse with an answer that may be kept.

    Raises:
        NotFound: the doctor shares no appointments with the insurer; nothing is kept.
        Refused: with the answer.
    """
    doctor = Doctor(pk=wanted["doctor_id"])
    with _in_words(provider, doctor, wanted, at):
        held = actions.hold(provider=provider, doctor=doctor, at=at, **_time(wanted))
    return Answer(_CREATED, representations.hold(held), doctor_id=doctor.pk)


def renew(hold: Appointment, *, at: datetime) -> dict[str, Any]:
    """Let a hold begin anew, once."""
    try:
        return representations.hold(actions.renew_hold(hold=hold, at=at))
    except actions.NotVisible as error:
        raise NotFound from error
    except actions.HoldEnded as error:
        raise Problem("hold_ended") from error
    except actions.AlreadyRenewed as error:
        raise Problem("hold_already_renewed") from error


def release(hold: Appointment, provider: InsuranceProvider, *, at: datetime) -> None:
    """Give a held place back."""
    try:
        actions.release_hold(hold=hold, by=provider, at=at)
    except actions.HoldEnded as error:
        raise Problem("hold_ended") from error


def book(provider: InsuranceProvider, wanted: dict[str, Any], *, at: datetime) -> Answer:
    """Book, or refuse with an answer that is kept; runs inside `answers.answer_once`.

    Raises:
        NotFound: the doctor shares no appointments with the insurer; nothing is kept.
        Refused: with the answer.
    """
    doctor = Doctor(pk=wanted["doctor_id"])
    with _in_words(provider, doctor, wanted, at):
        booked = actions.book(
            provider=provider,
            doctor=doctor,
            external_appointment_id=wanted["external_appointment_id"],
            patient_reference=wanted["patient_reference"],
            visit_type=wanted.get("visit_type") or "",
            hold_id=wanted.get("hold_id"),
            at=at,
            **_time(wanted),
        )
    return Answer(_CREATED, representations.appointment(booked), doctor_id=doctor.pk)


def move(
    appointment: Appointment,
    provider: InsuranceProvider,
    wanted: dict[str, Any],
    *,
    version: int | None,
    at: datetime,
) -> Answer:
    """Move an appointment, or refuse.

    Args:
        version: which the insurer has read; `None` moves whatever stands.

    Raises:
        NotFound: the doctor shares no appointments with the insurer any more.
        Refused: with the answer.
    """
    with _in_words(provider, appointment.doctor, wanted, at):
        moved = actions.move(
            appointment=appointment, by=provider, at=at, version=version, **_time(wanted)
        )
    return Answer(_OK, representations.appointment(moved))


def cancel(
    appointment: Appointment, provider: InsuranceProvider, wanted: dict[str, Any], *, at: datetime
) -> Appointment:
    """Cancel; one that is cancelled already is given as it stands."""
    try:
        return actions.cancel(
            appointment=appointment,
            reason=wanted["reason"],
            note=wanted.get("note") or "",
            by=provider,
            at=at,
        )
    except actions.NotCancellable as error:
        if error.status == Appointment.Status.CANCELLED:
            return Appointment.objects.get(pk=appointment.pk)
        raise Problem("not_cancellable") from error


def as_shared_now(answer: Answer, provider: InsuranceProvider, *, at: datetime) -> Answer:
    """Give an answer of before as far as the doctor still shares what it says.

    Raises:
        NotFound: the doctor shares no appointments with the insurer any more.
    """
    if not answer.replayed or answer.doctor_id is None:
        return answer
    seen = doctor_seen(provider, answer.doctor_id, at=at, data_class=DataClass.APPOINTMENTS)
    if not answer.body.get("extra") or seen.shares(DataClass.AVAILABILITY):
        return answer
    return replace(answer, body=answer.body | {"extra": {}})


@contextmanager
def _in_words(
    provider: InsuranceProvider, doctor: Doctor, wanted: dict[str, Any], at: datetime
) -> Iterator[None]:
    try:
        yield
    except actions.NotVisible as error:
        raise NotFound from error
    except BadRange as error:
        raise _wrong("start", "bad_range", str(error)) from error
    except tuple(_REFUSALS) as error:
        code = next(code for kind, code in _REFUSALS.items() if isinstance(error, kind))
        extra = {}
        if isinstance(error, actions.SlotRefused):
            _check_place(doctor, wanted)
            extra = _instead(error, provider, doctor, at)
        status = problems.CODES[code].status
        answer = Answer(status, {"code": code, "extra": extra}, doctor_id=doctor.pk)
        raise Refused(answer) from error


def _time(wanted: dict[str, Any]) -> dict[str, Any]:
    place = wanted.get("location_id")
    return {
        "start": wanted["start"],
        # A slot that is had there is the doctor's; a place is looked up when there is none.
        "location": None if place is None else DoctorLocation(pk=place),
        "mode": wanted.get("mode"),
    }


def _check_place(doctor: Doctor, wanted: dict[str, Any]) -> None:
    place = wanted.get("location_id")
    if place is not None and not DoctorLocation.objects.filter(doctor=doctor, pk=place).exists():
        raise _wrong("location_id", "unknown", "The doctor has no such place.")


def _instead(
    error: actions.SlotRefused, provider: InsuranceProvider, doctor: Doctor, at: datetime
) -> dict[str, Any]:
    """Tell why, and what is free instead, to an insurer that may see free times."""
    seen = doctor_seen(provider, doctor.pk, at=at, data_class=DataClass.APPOINTMENTS)
    if not seen.shares(DataClass.AVAILABILITY):
        return {}
    told = {
        "reasons": [reason.value for reason in error.reasons],
        "next_free": [representations.slot(slot) for slot in error.next_free],
    }
    # The answer may be kept as JSON, so it is made what JSON can hold.
    instead: dict[str, Any] = loads(write(told))
    return instead


def _wrong(field: str, code: str, detail: str) -> Problem:
    error = {"pointer": f"/{field}", "code": code, "detail": detail}
    return Problem("invalid_request", errors=[error])
