"""Book and cancel for an insurer: what the actions refuse, in the API's words."""

from dataclasses import replace
from datetime import datetime
from json import loads
from typing import Any

from rest_framework.exceptions import NotFound

from consent.models import DataClass
from integrations import representations
from integrations.actions.answers import Answer, Refused
from integrations.api import problems
from integrations.api.permissions import Seen
from integrations.api.problems import Problem
from integrations.api.renderers import write
from registry.models import Doctor, DoctorLocation, InsuranceProvider
from scheduling import actions
from scheduling.models import Appointment
from scheduling.slots import BadRange

CODES = ("slot_taken", "slot_not_available", "external_id_used", "too_many_bookings")
_CREATED = 201


def book(
    provider: InsuranceProvider, seen: Seen, wanted: dict[str, Any], *, at: datetime
) -> Answer:
    """Book, or refuse with an answer that is kept; runs inside `answers.answer_once`."""
    doctor = seen.doctor
    place = _place(doctor, wanted)
    try:
        appointment = actions.book(
            provider=provider,
            doctor=doctor,
            start=wanted["start"],
            location=place,
            external_appointment_id=wanted["external_appointment_id"],
            patient_reference=wanted["patient_reference"],
            mode=wanted.get("mode"),
            visit_type=wanted.get("visit_type") or "",
            at=at,
        )
    except actions.SlotTaken as error:
        raise _refused("slot_taken", doctor, _against(error, seen)) from error
    except actions.SlotRefused as error:
        raise _refused("slot_not_available", doctor, _against(error, seen)) from error
    except actions.ExternalIdUsed as error:
        raise _refused("external_id_used", doctor, {}) from error
    except actions.TooManyBookings as error:
        raise _refused("too_many_bookings", doctor, {}) from error
    except actions.NotVisible as error:
        raise NotFound from error
    except BadRange as error:
        raise _wrong("start", "bad_range", str(error)) from error
    return Answer(_CREATED, representations.appointment(appointment), doctor_id=doctor.pk)


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


def as_shared_now(answer: Answer, seen: Seen) -> Answer:
    """Leave out of a stored refusal the free times that the doctor has stopped sharing since."""
    if not answer.body.get("extra") or seen.shares(DataClass.AVAILABILITY):
        return answer
    return replace(answer, body=answer.body | {"extra": {}})


def _place(doctor: Doctor, wanted: dict[str, Any]) -> DoctorLocation | None:
    if wanted.get("location_id") is None:
        return None
    place = DoctorLocation.objects.filter(doctor=doctor, pk=wanted["location_id"]).first()
    if place is None:
        raise _wrong("location_id", "unknown", "The doctor has no such place.")
    return place


def _against(error: actions.SlotRefused, seen: Seen) -> dict[str, Any]:
    """Tell why, and what is free instead, to an insurer that may see free times."""
    if not seen.shares(DataClass.AVAILABILITY):
        return {}
    return {
        "reasons": [reason.value for reason in error.reasons],
        "next_free": [representations.slot(slot) for slot in error.next_free],
    }


def _refused(code: str, doctor: Doctor, extra: dict[str, Any]) -> Refused:
    # It is kept as JSON, so it is made what JSON can hold.
    body = {"code": code, "extra": loads(write(extra))}
    return Refused(Answer(problems.CODES[code].status, body, doctor_id=doctor.pk))


def _wrong(field: str, code: str, detail: str) -> Problem:
    error = {"pointer": f"/{field}", "code": code, "detail": detail}
    return Problem("invalid_request", errors=[error])
