"""Ask for consent and acknowledge an erasure: what is sent, and what the actions refuse."""

import re
from datetime import datetime
from http import HTTPStatus
from math import ceil
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from consent import actions
from consent.models import Consent, DataClass
from integrations import representations
from integrations.actions.answers import Answer
from integrations.api.fields import ExactChoice, ExactString, Instant, InstantOrDate
from integrations.api.problems import Problem
from integrations.api.serializers import Exact, Page
from integrations.api.shapes.consents import STATUSES
from registry.models import InsuranceProvider
from registry.reference import Council, canonical_registration

ASK_CODES = ("already_consented", "too_many_consent_requests")
ACKNOWLEDGE_CODES = ("consent_in_force",)
_REGISTRATION = re.compile(rf"({'|'.join(Council.values)})-([A-Z0-9][A-Z0-9/.-]*)")


class ConsentQuery(Page):
    status = ExactChoice(STATUSES, required=False, help_text="Only in this status.")
    updated_since = InstantOrDate(
        required=False,
        help_text="Only consents that changed at or after this time, an end among the changes; a "
        "date means its start in UTC.",
    )


@extend_schema_field({"type": "string", "maxLength": 40, "pattern": f"^{_REGISTRATION.pattern}$"})
class Registration(ExactString):
    """A registration number as doctors' profiles have it."""

    default_error_messages = {
        "unlike": "Give council and number in capitals, such as KMC-048213, the council as a code."
    }

    def to_internal_value(self, data: Any) -> str:
        parts = _REGISTRATION.fullmatch(super().to_internal_value(data))
        if parts is None:
            self.fail("unlike")
        return canonical_registration(*parts.groups()) or self.fail("unlike")


@extend_schema_field(
    {
        "type": "array",
        "items": {"$ref": "#/components/schemas/DataClass"},
        "contains": {"const": DataClass.PROFILE.value},
        "uniqueItems": True,
    }
)
class AskedClasses(serializers.ListField):
    """Data classes to ask for, each once and the profile among them."""

    child = ExactChoice(DataClass.choices)
    default_error_messages = {
        "repeated": "Name each data class once.",
        "no_profile": "Ask for profile too: without it you learn of nobody.",
    }

    def to_internal_value(self, data: Any) -> list[str]:
        chosen: list[str] = super().to_internal_value(data)
        if len(set(chosen)) < len(chosen):
            self.fail("repeated")
        if DataClass.PROFILE not in chosen:
            self.fail("no_profile")
        return chosen


class AskIn(Exact):
    registration_number = Registration(
        max_length=40, help_text="Of the doctor whom you ask: COUNCIL-NUMBER in capitals."
    )
    data_classes = AskedClasses(
        help_text="What you would like to see, `profile` among it. The doctor may share less."
    )
    message = ExactString(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=500,
        help_text="For the doctor to read, beside what you use the data for. No markup.",
    )


class ErasureIn(Exact):
    erased_at = Instant(
        required=False,
        allow_null=True,
        help_text="When you erased what you held, RFC 3339 with any offset. Leave it out while "
        "it is still to be done.",
    )


def ask(provider: InsuranceProvider, wanted: dict[str, Any], *, at: datetime) -> Answer:
    """Ask for consent; runs inside `answers.answer_once` or by itself.

    Raises:
        Problem: the insurer has asked as many as it may.
    """
    try:
        request = actions.ask(
            provider=provider,
            registration_number=wanted["registration_number"],
            data_classes=wanted["data_classes"],
            message=wanted.get("message") or "",
            at=at,
        )
    except actions.TooManyRequests as error:
        seconds = ceil((error.again_at - at).total_seconds())
        wait = {"Retry-After": str(seconds)}
        raise Problem("too_many_consent_requests", headers=wait) from error
    return Answer(HTTPStatus.ACCEPTED, representations.consent_request(request))


def refuse_consented(provider: InsuranceProvider, wanted: dict[str, Any], *, at: datetime) -> None:
    """Refuse to ask a doctor whose number the insurer can read.

    Raises:
        Problem: it shows nothing that the insurer does not see anyway.
    """
    seen = Consent.objects.showing_at(at).filter(
        insurance_provider=provider,
        doctor__registration_number=wanted["registration_number"],
        data_classes__contains=[DataClass.PROFILE],
    )
    if seen.exists():
        raise Problem("already_consented")


def acknowledge(
    consent: Consent, provider: InsuranceProvider, wanted: dict[str, Any], *, at: datetime
) -> Consent:
    """Note what the insurer says of its erasure."""
    try:
        return actions.acknowledge_erasure(
            consent=consent, erased_at=wanted.get("erased_at"), by=provider, at=at
        )
    except actions.StillInForce as error:
        raise Problem("consent_in_force") from error
    except actions.ErasedAtImpossibleTime as error:
        wrong = {"pointer": "/erased_at", "code": "bad_time", "detail": str(error)}
        raise Problem("invalid_request", errors=[wrong]) from error
