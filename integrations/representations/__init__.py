"""Rows as insurers see them, JSON-ready: the API, the push and the previews show the same."""

from integrations.representations.consents import consent, consent_request
from integrations.representations.doctors import (
    credentials_as_seen,
    doctor_if_shared,
    doctors_as_seen,
)
from integrations.representations.events import API_PATH, Entry, event, feed, href
from integrations.representations.hours import availability_as_seen, hours_shown
from integrations.representations.revisions import doctor_as_of
from integrations.representations.times import found, slot
from integrations.representations.values import Json, instant
from integrations.representations.visits import appointment, hold
from integrations.representations.webhooks import attempts, delivery, endpoint, message

__all__ = [
    "API_PATH",
    "Entry",
    "Json",
    "appointment",
    "attempts",
    "availability_as_seen",
    "consent",
    "consent_request",
    "credentials_as_seen",
    "delivery",
    "doctor_as_of",
    "doctor_if_shared",
    "doctors_as_seen",
    "endpoint",
    "event",
    "feed",
    "found",
    "hold",
    "hours_shown",
    "href",
    "instant",
    "message",
    "slot",
]
