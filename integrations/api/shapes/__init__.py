"""The shape of each answer, for the schema; a test holds them to the representations."""

from integrations.api.shapes.account import MeOut, TokenOut, TokenRefusalOut
from integrations.api.shapes.base import Out
from integrations.api.shapes.bookings import (
    AppointmentOut,
    AppointmentsOut,
    FoundSlotsOut,
    HoldOut,
    SlotsOut,
)
from integrations.api.shapes.choices import (
    BOOKED,
    EVENT_DATA,
    EVENT_TYPES,
    KEY_MODES,
    MESSAGE_DATA,
    MESSAGE_TYPES,
    PROBLEM_CODES,
    REASONS,
    TAGS,
    TOKEN_ERRORS,
)
from integrations.api.shapes.consents import ConsentOut, ConsentRequestOut, ConsentsOut
from integrations.api.shapes.doctors import (
    AvailabilityOut,
    CredentialsOut,
    DoctorOut,
    DoctorsOut,
)
from integrations.api.shapes.errors import ProblemOut
from integrations.api.shapes.events import EventsOut
from integrations.api.shapes.webhooks import (
    DeliveriesOut,
    DeliveryOut,
    DeliveryWithAttemptsOut,
    NewWebhookEndpointOut,
    ResentOut,
    WebhookEndpointOut,
    WebhookEndpointsOut,
)

__all__ = [
    "BOOKED",
    "EVENT_DATA",
    "EVENT_TYPES",
    "KEY_MODES",
    "MESSAGE_DATA",
    "MESSAGE_TYPES",
    "PROBLEM_CODES",
    "REASONS",
    "TAGS",
    "TOKEN_ERRORS",
    "AppointmentOut",
    "AppointmentsOut",
    "AvailabilityOut",
    "ConsentOut",
    "ConsentRequestOut",
    "ConsentsOut",
    "CredentialsOut",
    "DeliveriesOut",
    "DeliveryOut",
    "DeliveryWithAttemptsOut",
    "DoctorOut",
    "DoctorsOut",
    "EventsOut",
    "FoundSlotsOut",
    "HoldOut",
    "MeOut",
    "NewWebhookEndpointOut",
    "Out",
    "ProblemOut",
    "ResentOut",
    "SlotsOut",
    "TokenOut",
    "TokenRefusalOut",
    "WebhookEndpointOut",
    "WebhookEndpointsOut",
]
