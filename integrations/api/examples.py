"""Examples for the documentation: one small story, told in every shape of the API."""

from typing import Any

from django.conf import settings

from integrations.api import problems, versions
from integrations.representations import API_PATH

Schema = dict[str, Any]
UNKNOWN = "…"

DOCTOR = "0b0f4e5c-7f0e-4a35-9a54-3c1d5e6f7a8b"
PLACE = "5d1c9a70-2f53-4f6c-8f5e-9a1b2c3d4e5f"
APPOINTMENT = "01935a7e-6c2b-7d10-9e8f-0a1b2c3d4e5f"
HOLD = "01935a7d-1f0e-7a3b-8c4d-5e6f7a8b9c0d"
CONSENT = "7e4d2c1b-0a9f-4e8d-b7c6-5a4f3e2d1c0b"
ENDPOINT = "c4b3a291-8f7e-4d6c-b5a4-938271605f4e"
DELIVERY = "01935a7e-7a3c-7e21-8b9d-1c2d3e4f5a6b"
INSURER = "c2a1f0e9-d8b7-4c6a-95f4-3e2d1c0b9a8f"
_HREF = f"{settings.BASE_URL}{API_PATH}"
_SLOT = {
    "start": "2026-11-24T03:45:00Z",
    "end": "2026-11-24T04:00:00Z",
    "location_id": PLACE,
    "mode": "IN_PERSON",
    "capacity": 1,
    "free": 1,
}

# By the name of the field, or of shape and field where the name says too little.
_VALUES: dict[str, Any] = {
    "Appointment.id": APPOINTMENT,
    "Attempt.error": None,
    "Attempt.number": 1,
    "Credential.degree": "MD",
    "Credential.id": "3f2e1d0c-9b8a-4765-8432-1f0e9d8c7b6a",
    "Credential.valid_until": None,
    "Delivery.id": DELIVERY,
    "Delivery.status": "DELIVERED",
    "Delivery.type": "appointment.booked",
    "DeliveryWithAttempts.id": DELIVERY,
    "DeliveryWithAttempts.status": "DELIVERED",
    "DeliveryWithAttempts.type": "appointment.booked",
    "Doctor.id": DOCTOR,
    "Event.consent_id": CONSENT,
    "Event.data": {
        "doctor_id": DOCTOR,
        "href": f"{_HREF}/appointments/{APPOINTMENT}",
        "appointment_id": APPOINTMENT,
    },
    "Event.id": "evt_01935a7e6c2b7d109e8f0a1b2c3d4e5f",
    "Event.type": "appointment.booked",
    "Exception.end": "2026-12-26T18:30:00Z",
    "Exception.id": "a1b2c3d4-e5f6-4789-8abc-def012345678",
    "Exception.location_id": None,
    "Exception.start": "2026-12-24T18:30:00Z",
    "Exception.slot_duration_minutes": None,
    "Exception.buffer_minutes": None,
    "Exception.capacity": None,
    "Exception.mode": None,
    "Hold.id": HOLD,
    "Insurer.id": INSURER,
    "Insurer.name": "Nila Health",
    "Caller.expires_at": "2027-11-01T00:00:00Z",
    "Caller.id": "8d7c6b5a-4f3e-4d2c-9b1a-0f9e8d7c6b5a",
    "Caller.name": "Booking system",
    "Caller.token_expires_at": None,
    "Location.id": PLACE,
    "Location.name": "Jayanagar Clinic",
    "NewWebhookEndpoint.id": ENDPOINT,
    "NewWebhookEndpoint.status": "PENDING",
    "NewWebhookEndpoint.verified_at": None,
    "Resent.next_after": None,
    "Slots.why_empty": [],
    "WebhookEndpoint.id": ENDPOINT,
    "WebhookEndpoint.status": "ENABLED",
    "WebhookEndpointChange.status": "DISABLED",
    "Token.expires_in": 900,
    "Token.scope": "doctors:read slots:read",
    "Token.token_type": "Bearer",
    "Consent.created_at": "2026-06-01T06:12:00.123456Z",
    "Consent.erase_by": None,
    "Consent.erased_at": None,
    "Consent.erasure_acknowledged_at": None,
    "Consent.expires_at": None,
    "Consent.granted_at": "2026-06-01T06:12:00.123456Z",
    "Consent.id": CONSENT,
    "Consent.revoked_at": None,
    "Consent.updated_at": "2026-06-01T06:12:00.123456Z",
    "EventData.reason": "consent_withdrawn",
    "Window.id": "9c8b7a6f-5e4d-4c3b-a2f1-0e9d8c7b6a5f",
    "Window.start_time": "09:00",
    "Window.end_time": "13:00",
    "Window.valid_from": "2026-10-01",
    "Window.valid_to": None,
    "access_token": "dpt_m0Xm3wZx1q8r7C2yQv9tUoP4sLhJkFgD6aBnEiRzTcY",
    "address": "12, 4th Block",
    "amount": "600.00",
    "answer_by": "2026-12-22T10:15:30.123456Z",
    "api_version": versions.NEWEST,
    "appointment_id": APPOINTMENT,
    "attempt_count": 1,
    "ask_again_from": "2027-03-22T10:15:30.123456Z",
    "asked_at": "2026-11-22T10:15:30.123456Z",
    "body_bytes": 262144,
    "buffer_minutes": 0,
    "cancel_reason": None,
    "capacity": 1,
    "challenge": "Zk3vT0d9qYx1mB7sLw5eHc2uRj8aNf4g",
    "city": "Bengaluru",
    "code": "invalid",
    "consent_id": CONSENT,
    "created_at": "2026-11-22T10:15:30.123456Z",
    "currency": "INR",
    "cursor": "WyIwYjBmNGU1YyJd:1vNqXa:3kF0mQ7s",
    "data_classes": ["profile", "credentials", "availability", "appointments"],
    "delivered_at": "2026-11-22T10:15:31.012345Z",
    "detail": "See errors for each field.",
    "disabled_at": None,
    "disabled_reason": None,
    "distance_km": 2.4,
    "doctor_id": DOCTOR,
    "duration_ms": 182,
    "email": "asha.rao@example.org",
    "end": "2026-11-24T03:45:00Z",
    "endpoint_id": ENDPOINT,
    "erase_by": "2026-12-22T10:15:30Z",
    "expires_at": "2026-11-22T10:20:30Z",
    "erased_at": "2026-11-24T17:10:00+05:30",
    "event_types": ["appointment.booked", "appointment.cancelled", "appointment.rescheduled"],
    "external_appointment_id": "V-10023",
    "failing_since": None,
    "feed_days": 30,
    "feed_seq": 48211,
    "free": 1,
    "full_name": "Asha Rao",
    "head": 48211,
    "hold_id": HOLD,
    "hpr_id": "21152138283227",
    "href": f"{_HREF}/doctors/{DOCTOR}",
    "institution": "Bangalore Medical College",
    "instance": "/api/v1/appointments",
    "languages": ["en", "kn"],
    "last_error": None,
    "last_four": "x7Qa",
    "latitude": 12.9259,
    "longitude": 77.5936,
    "location_id": PLACE,
    "message": "We would like to show you to our members in Bengaluru.",
    "name": "Booking system",
    "next": None,
    "not_visible_because": None,
    "notice_version": "2026-11",
    "next_after": 48211,
    "next_attempt_at": None,
    "next_free": [_SLOT],
    "open_bookings_per_doctor_and_day": 20,
    "page_rows": 100,
    "patient_reference": "m-7f3a91",
    "phone": "+919845012345",
    "pin": "560011",
    "previous_secret_until": None,
    "public_key": "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=",
    "purpose": "opd_network",
    "reason": "patient_request",
    "registration_council": "KMC",
    "registration_number": "KMC-048213",
    "request_id": "5f0c3d2e9b7a4c1d",
    "resent": 212,
    "scopes": ["appointments:read", "appointments:write", "doctors:read", "slots:read"],
    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "slot_days": 31,
    "slot_duration_minutes": 15,
    "slug": "nila",
    "specialization": "cardiology",
    "start": "2026-11-24T03:30:00Z",
    "started_at": "2026-11-22T10:15:30.830123Z",
    "state": "KA",
    "status_code": 204,
    "subject": f"appointment/{APPOINTMENT}",
    "subject_version": 1,
    "timestamp": "2026-11-22T10:15:30.123456Z",
    "timezone": "Asia/Kolkata",
    "token_number": 4,
    "updated_at": "2026-11-22T10:15:30.123456Z",
    "url": "https://hooks.insurer.example/docport",
    "valid_until": None,
    "verified": True,
    "verified_at": "2026-10-02T06:12:00Z",
    "version": 1,
    "visit_type": "follow_up",
    "webhook_id": "evt_01935a7e6c2b7d109e8f0a1b2c3d4e5f",
    "year": 2012,
    "years_of_experience": 14,
}
# What the answers with these codes say besides.
_EXTRA: dict[str, dict[str, Any]] = {
    "url_refused": {
        "errors": [
            {
                "pointer": "/url",
                "code": "target_forbidden",
                "detail": "Give an https address with a name, on the public internet.",
            }
        ]
    },
    "feed_expired": {"head": 48211},
    "invalid_request": {
        "errors": [
            {
                "pointer": "/start",
                "code": "invalid",
                "detail": "Give an RFC 3339 time with an offset, such as "
                "2026-11-24T09:00:00+05:30.",
            }
        ]
    },
    "scope_missing": {"scope": "appointments:write"},
    "slot_not_available": {"reasons": ["on_leave"], "next_free": [_SLOT]},
    "slot_taken": {"reasons": ["taken"], "next_free": [_SLOT]},
}


def example_of(
    schema: Schema, schemas: Schema, *, only_required: bool = False, named: str = ""
) -> Any:
    """Make an example of a schema; a text that nobody has thought of is `UNKNOWN`.

    Args:
        schemas: of the whole document, by name.
        named: shape and field that the value is for.
    """
    shape = ""
    if "$ref" in schema:
        shape = schema["$ref"].rpartition("/")[2]
        schema = schemas[shape]
    for name in (named, named.rpartition(".")[2]):
        if name in _VALUES:
            return _VALUES[name]
    if "properties" in schema:
        names = schema.get("required", []) if only_required else schema["properties"]
        owner = shape.removesuffix("Request")
        return {
            name: example_of(inner, schemas, only_required=only_required, named=f"{owner}.{name}")
            for name, inner in schema["properties"].items()
            if name in names
        }
    return _plain(schema, schemas, only_required=only_required, named=named)


def _plain(schema: Schema, schemas: Schema, *, only_required: bool, named: str) -> Any:
    if "items" in schema:
        return [example_of(schema["items"], schemas, only_required=only_required)]
    if "enum" in schema:
        return schema["enum"][0]
    for choice in schema.get("oneOf", []):
        return example_of(choice, schemas, only_required=only_required, named=named)
    kind = schema.get("type", "string")
    known = {"integer": schema.get("minimum", 1), "boolean": True, "number": 1.5}
    return known.get(kind, UNKNOWN) if isinstance(kind, str) else UNKNOWN


def example_of_event(kind: str, data: list[str]) -> dict[str, Any]:
    """Make the example of an event; `data` names what it has."""
    about = kind.partition(".")[0]
    subjects = {"appointment": APPOINTMENT, "consent": CONSENT}
    links = {"appointment": f"appointments/{APPOINTMENT}"}
    links["availability"] = f"doctors/{DOCTOR}/availability"
    values = _VALUES | {
        "href": f"{_HREF}/{links.get(about, f'doctors/{DOCTOR}')}",
        "reason": _VALUES["EventData.reason"],
    }
    subject = f"{about}/{subjects[about]}" if about in subjects else f"doctor/{DOCTOR}"
    return {
        "id": _VALUES["Event.id"],
        "type": kind,
        "timestamp": _VALUES["timestamp"],
        "feed_seq": _VALUES["feed_seq"],
        "subject": subject,
        "subject_version": 1,
        "consent_id": CONSENT,
        "data": {name: values[name] for name in data},
    }


def example_of_message(kind: str, data: list[str]) -> dict[str, Any]:
    """Make the example of a word of DocPort's own; `data` names what it has."""
    return {
        "id": f"msg_{DELIVERY.replace('-', '')}",
        "type": kind,
        "timestamp": _VALUES["timestamp"],
        "data": {name: _VALUES[name] for name in data},
    }


def example_of_problem(code: str) -> dict[str, Any]:
    """Make the example of an error."""
    meaning = problems.CODES[code]
    return {
        "summary": meaning.title,
        "value": problems.problem_body(
            problems.Problem(code, extra=_EXTRA.get(code, {})),
            instance="/api/v1/appointments",
            request_id=_VALUES["request_id"],
        ),
    }
