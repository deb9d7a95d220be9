"""Book and cancel for an insurer: what the actions refuse, in the API's words."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from rest_framework.exceptions import NotFound

from consent.models import DataClass
from integrations import representations
from integrations.actions.answers import Answer, Refused
from integrations.api import problems
from integrations.api.permissions import doctors_sharing
from integrations.api.problems import Problem
from registry.models import Doctor, DoctorLocation, InsuranceProvider
from scheduling import actions
from scheduling.models import Appointment
from scheduling.slots import BadRange, Slot

CODES = ("slot_taken", "slot_not_available", "external_id_used", "too_many_bookings")
_CREATED = 201


def book(
    provider: InsuranceProvider, doctor: Doctor, wanted: dict[str, Any], *, at: datetime
) -> Answer:
    """Book, or refuse with an answer that is kept; runs inside `answers.answer_once`."""
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
        raise _refused("slot_taken", doctor, _against(error, provider, doctor, at)) from error
    except actions.SlotRefused as error:
        against = _against(error, provider, doctor, at)
        raise _refused("slot_not_available", doctor, against) from error
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


def as_shared_now(
    answer: Answer, provider: InsuranceProvider, doctor: Doctor, *, at: datetime
) -> Answer:
    """Leave out of a stored refusal the free times that the doctor has stopped sharing since."""
    if not answer.body.get("extra") or _shares_free_times(provider, doctor, at):
        return answer
    return replace(answer, body=answer.body | {"extra": {}})


def slot_as_seen(slot: Slot) -> dict[str, Any]:
    """Show a free time."""
    return {
        "start": representations.instant(slot.starts_at),
        "end": representations.instant(slot.ends_at),
        "location_id": str(slot.location_id),
        "mode": slot.mode,
        "capacity": slot.capacity,
        "free": slot.free,
    }


def _place(doctor: Doctor, wanted: dict[str, Any]) -> DoctorLocation | None:
    if wanted.get("location_id") is None:
        return None
    place = DoctorLocation.objects.filter(doctor=doctor, pk=wanted["location_id"]).first()
    if place is None:
        raise _wrong("location_id", "unknown", "The doctor has no such place.")
    return place


def _against(
    error: actions.SlotRefused, provider: InsuranceProvider, doctor: Doctor, at: datetime
) -> dict[str, Any]:
    """Tell why, and what is free instead, to an insurer that may see free times."""
    if not _shares_free_times(provider, doctor, at):
        return {}
    return {
        "reasons": [reason.value for reason in error.reasons],
        "next_free": [slot_as_seen(slot) for slot in error.next_free],
    }


def _shares_free_times(provider: InsuranceProvider, doctor: Doctor, at: datetime) -> bool:
    sharing = doctors_sharing(provider, DataClass.AVAILABILITY, at=at)
    return sharing.filter(pk=doctor.pk).exists()


def _refused(code: str, doctor: Doctor, extra: dict[str, Any]) -> Refused:
    body = {"code": code, "extra": extra}
    return Refused(Answer(problems.CODES[code].status, body, doctor_id=doctor.pk))


def _wrong(field: str, code: str, detail: str) -> Problem:
    error = {"pointer": f"/{field}", "code": code, "detail": detail}
    return Problem("invalid_request", errors=[error])
