"""Rows as insurers see them, JSON-ready: the API, the push and the previews show the same.

Whether a doctor exists for an insurer is decided before, by `consent.models.visible_doctors`.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings

from consent.models import Consent, DataClass
from integrations.models import FeedEntry
from registry.models import Doctor, DoctorCredential, DoctorLocation, InsuranceProvider
from scheduling.models import Appointment, Availability, AvailabilityException, DayOfWeek
from scheduling.openings import Found
from scheduling.slots import Slot

Json = dict[str, Any]
API_PATH = "/api/v1"
CURRENCY = "INR"


def instant(value: datetime) -> str:
    """Write an aware instant as RFC 3339 in UTC, ending in `Z`."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def doctors_as_seen(
    doctors: Iterable[Doctor], *, provider: InsuranceProvider, at: datetime
) -> list[Json]:
    """Show doctors in the order given, each with what it shares with the insurer and no more.

    A doctor without a consent in force at the aware instant `at` is left out, and a data class
    that was not granted has no key. Three queries, however many doctors.
    """
    rows = list(doctors)
    consents = _consents_in_force(rows, provider, at)
    sharing_profile = _ids_sharing(consents, DataClass.PROFILE)
    sharing_credentials = _ids_sharing(consents, DataClass.CREDENTIALS)
    places = _by_doctor(
        DoctorLocation.objects.filter(doctor_id__in=sharing_profile, is_active=True).order_by(
            "name", "id"
        )
    )
    credentials = _by_doctor(
        DoctorCredential.objects.valid_on(at.date())
        .filter(doctor_id__in=sharing_credentials)
        .order_by("-year", "id")
    )
    seen = []
    for doctor in rows:
        if (consent := consents.get(doctor.pk)) is None:
            continue
        shown = _header(doctor, consent)
        if DataClass.PROFILE in consent.data_classes:
            shown |= _profile(doctor, places[doctor.pk])
        if DataClass.CREDENTIALS in consent.data_classes:
            shown["credentials"] = [_credential(row) for row in credentials[doctor.pk]]
        seen.append(shown)
    return seen


def credentials_as_seen(doctor: Doctor, *, provider: InsuranceProvider, at: datetime) -> Json:
    """Show a doctor's verified credentials; without the data class there is no `items`."""
    consent = _consents_in_force([doctor], provider, at).get(doctor.pk)
    if consent is None:
        return {}
    shown: Json = {"doctor_id": str(doctor.pk), "version": doctor.version}
    if DataClass.CREDENTIALS in consent.data_classes:
        verified = DoctorCredential.objects.valid_on(at.date()).filter(doctor=doctor)
        shown["items"] = [_credential(row) for row in verified.order_by("-year", "id")]
    return shown


def availability_as_seen(doctor: Doctor, *, provider: InsuranceProvider, at: datetime) -> Json:
    """Show a doctor's weekly hours and their exceptions from the day of `at` (UTC) on.

    Without a consent in force the answer is empty; with one that does not share availability it
    has neither `windows` nor `exceptions`.
    """
    consent = _consents_in_force([doctor], provider, at).get(doctor.pk)
    if consent is None:
        return {}
    shown: Json = {"doctor_id": str(doctor.pk), "version": doctor.version}
    if DataClass.AVAILABILITY not in consent.data_classes:
        return shown
    # A whole day at a time, so that a version's representation does not change by the minute.
    today = datetime.combine(at.astimezone(UTC).date(), time.min, tzinfo=UTC)
    windows = (
        Availability.objects.filter(doctor=doctor, is_active=True, location__is_active=True)
        .exclude(valid_to__lte=today.date())
        .select_related("location")
        .order_by("valid_from", "day_of_week", "start_time", "id")
    )
    exceptions = AvailabilityException.objects.filter(doctor=doctor, ends_at__gt=today).order_by(
        "starts_at", "id"
    )
    shown["windows"] = [_window(row) for row in windows]
    shown["exceptions"] = [_exception(row) for row in exceptions]
    return shown


def slot(slot: Slot) -> Json:
    """Show a free time, with instants and ids for whoever writes the JSON: it comes by hundreds."""
    terms = slot.terms
    return {
        "start": slot.starts_at,
        "end": slot.ends_at,
        "location_id": terms.location_id,
        "mode": terms.mode,
        "capacity": terms.capacity,
        "free": len(slot.free_lanes),
    }


def found(found: Found) -> Json:
    """Show what a search found: a free time, whose, and how far away if that was asked."""
    shown = {"doctor_id": found.doctor_id, **slot(found.slot)}
    if found.distance_km is not None:
        shown["distance_km"] = round(found.distance_km, 1)
    return shown


def appointment(appointment: Appointment) -> Json:
    """Show an appointment to the insurer that made it; nobody else may see it."""
    return {
        "id": str(appointment.pk),
        "doctor_id": str(appointment.doctor_id),
        "location_id": str(appointment.location_id),
        "start": instant(appointment.appointment_time),
        "end": instant(appointment.ends_at),
        "mode": appointment.mode,
        "status": appointment.status,
        "visit_type": appointment.visit_type or None,
        "external_appointment_id": appointment.external_appointment_id,
        "patient_reference": appointment.patient_reference,
        "version": appointment.version,
        "token_number": appointment.token_number,
        "cancel_reason": appointment.cancel_reason or None,
        "created_at": instant(appointment.created_at),
        "updated_at": instant(appointment.updated_at),
    }


def hold(hold: Appointment) -> Json:
    """Show a hold to the insurer that has it; nobody else may see it."""
    assert hold.hold_expires_at is not None
    return {
        "id": str(hold.pk),
        "doctor_id": str(hold.doctor_id),
        "location_id": str(hold.location_id),
        "start": instant(hold.appointment_time),
        "end": instant(hold.ends_at),
        "mode": hold.mode,
        "expires_at": instant(hold.hold_expires_at),
        "token_number": hold.token_number,
    }


def event(entry: FeedEntry) -> Json:
    """Show an event as the feed and the webhooks carry it; `entry.event` should be loaded."""
    row = entry.event
    data: Json = {"doctor_id": str(row.doctor_id)} if row.doctor_id else {}
    data |= row.payload
    if (link := href(row.type, row.subject, row.doctor_id)) is not None:
        data["href"] = link
    return {
        "id": row.public_id,
        "type": row.type,
        "timestamp": instant(row.occurred_at),
        "feed_seq": entry.feed_seq,
        "subject": row.subject,
        "subject_version": row.subject_version,
        "consent_id": str(entry.consent_id) if entry.consent_id else None,
        "data": data,
    }


def href(event_type: str, subject: str, doctor_id: UUID | None) -> str | None:
    """Link to what an event is about; `None` for an event about nothing, such as `ping`."""
    kind, _, subject_id = subject.partition("/")
    if kind == "appointment":
        return f"{settings.BASE_URL}{API_PATH}/appointments/{subject_id}"
    if doctor_id is None:
        return None
    doctor = f"{settings.BASE_URL}{API_PATH}/doctors/{doctor_id}"
    return f"{doctor}/availability" if event_type == "availability.updated" else doctor


def _consents_in_force(
    doctors: list[Doctor], provider: InsuranceProvider, at: datetime
) -> dict[UUID, Consent]:
    ids = [doctor.pk for doctor in doctors]
    consents = Consent.objects.active_at(at).filter(insurance_provider=provider, doctor_id__in=ids)
    return {consent.doctor_id: consent for consent in consents}


def _ids_sharing(consents: dict[UUID, Consent], data_class: DataClass) -> list[UUID]:
    return [key for key, consent in consents.items() if data_class in consent.data_classes]


def _by_doctor(rows: Iterable[Any]) -> defaultdict[UUID, list[Any]]:
    grouped: defaultdict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        grouped[row.doctor_id].append(row)
    return grouped


def _header(doctor: Doctor, consent: Consent) -> Json:
    return {
        "id": str(doctor.pk),
        "version": doctor.version,
        "updated_at": instant(doctor.updated_at),
        "consent_id": str(consent.pk),
        "data_classes": sorted(consent.data_classes),
    }


def _profile(doctor: Doctor, places: list[DoctorLocation]) -> Json:
    return {
        "full_name": doctor.full_name,
        "registration_council": doctor.registration_council,
        "registration_number": doctor.registration_number,
        "hpr_id": doctor.hpr_id,
        "specialization": doctor.specialization,
        "languages": list(doctor.languages),
        "years_of_experience": doctor.years_of_experience,
        "fee": _money(doctor.fee),
        "email": doctor.email,
        "phone": doctor.phone,
        "timezone": doctor.timezone,
        "locations": [_place(place) for place in places],
    }


def _money(amount: Decimal | None) -> Json | None:
    return None if amount is None else {"amount": f"{amount:.2f}", "currency": CURRENCY}


def _place(place: DoctorLocation) -> Json:
    return {
        "id": str(place.pk),
        "name": place.name,
        "address": place.address,
        "city": place.city,
        "state": place.state,
        "pin": place.pin,
        "latitude": None if place.latitude is None else float(place.latitude),
        "longitude": None if place.longitude is None else float(place.longitude),
        "timezone": place.timezone,
        "phone": place.phone or None,
    }


def _credential(credential: DoctorCredential) -> Json:
    assert credential.verified_at is not None
    return {
        "id": str(credential.pk),
        "kind": credential.kind,
        "degree": credential.degree,
        "institution": credential.institution,
        "year": credential.year,
        "verified": credential.verified,
        "verified_at": instant(credential.verified_at),
        "valid_until": _day(credential.valid_until),
    }


def _window(window: Availability) -> Json:
    return {
        "id": str(window.pk),
        "location_id": str(window.location_id),
        "timezone": window.location.timezone,
        "day_of_week": DayOfWeek(window.day_of_week).name,
        "start_time": f"{window.start_time:%H:%M}",
        "end_time": f"{window.end_time:%H:%M}",
        "slot_duration_minutes": window.slot_duration_minutes,
        "buffer_minutes": window.buffer_minutes,
        "capacity": window.capacity,
        "mode": window.mode,
        "valid_from": _day(window.valid_from),
        "valid_to": _day(window.valid_to),
    }


def _exception(exception: AvailabilityException) -> Json:
    """Leave out the reason, which is the doctor's own."""
    return {
        "id": str(exception.pk),
        "kind": exception.kind,
        "location_id": str(exception.location_id) if exception.location_id else None,
        "start": instant(exception.starts_at),
        "end": instant(exception.ends_at),
        "slot_duration_minutes": exception.slot_duration_minutes,
        "buffer_minutes": exception.buffer_minutes,
        "capacity": exception.capacity,
        "mode": exception.mode or None,
    }


def _day(value: date | None) -> str | None:
    return None if value is None else value.isoformat()
