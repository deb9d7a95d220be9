"""The one place that decides whether a call may see what it asks for.

Insurer ∧ scope ∧ consent ∧ data class. What may not be seen is the same 404 as what does not exist.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from rest_framework.exceptions import MethodNotAllowed, NotFound
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from consent.models import SHOWS, Consent, ConsentQuerySet, DataClass, visible_doctors
from integrations.api.callers import Caller, Kind
from integrations.api.problems import Problem
from integrations.models import (
    Scope,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEndpointQuerySet,
)
from registry.models import Doctor, InsuranceProvider
from registry.statements import prepared
from scheduling.models import Appointment

if TYPE_CHECKING:
    from integrations.api.views.base import InsurerView

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DOCTOR = [field.attname for field in Doctor._meta.concrete_fields]
# `doctors_sharing` for one doctor, by hand: it stands before every answer about a doctor, and
# Django takes longer to write such a statement than the database to answer it.
_SEEN = f"""
    SELECT c.version, c.data_classes, {", ".join(f"d.{name}" for name in _DOCTOR)}
    FROM doctors AS d
    JOIN doctor_insurance_consent AS c ON c.doctor_id = d.id
    CROSS JOIN (VALUES (%(status)s)) AS p (integration_status)
    WHERE d.id = %(doctor)s AND c.insurance_provider_id = %(provider)s AND {SHOWS}
"""  # noqa: S608  Names of columns and our own condition.


_WORDS: dict[Kind, str] = {"api_key": "key", "oauth_client": "access token"}


@dataclass(frozen=True)
class Needs:
    """What one method of one endpoint needs, and the errors that are its own."""

    scope: Scope | None
    data_class: DataClass | None = None
    codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Seen:
    """A doctor whom an insurer may see, and what the consent behind that says."""

    doctor: Doctor
    consent_version: int
    data_classes: tuple[str, ...]

    def shares(self, data_class: DataClass) -> bool:
        """Tell whether the doctor shares the data class with the insurer."""
        return data_class in self.data_classes


class MayCall(BasePermission):
    """Check the scope, and load what the path names, such as a doctor or an appointment.

    A method that does not say what it needs is refused.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        caller = request.user
        if not isinstance(caller, Caller):
            return False
        if request.method == "OPTIONS":
            return True
        endpoint = cast("InsurerView", view)
        needs = endpoint.needs.get("GET" if request.method == "HEAD" else str(request.method))
        if needs is None:
            raise MethodNotAllowed(str(request.method))
        if needs.scope is not None and needs.scope not in caller.scopes:
            raise Problem(
                "scope_missing",
                detail=f"The {_WORDS[caller.kind]} lacks the scope {needs.scope.value}.",
                extra={"scope": needs.scope.value},
            )
        self._load(endpoint, caller.provider, needs)
        return True

    def _load(self, view: "InsurerView", provider: InsuranceProvider, needs: Needs) -> None:
        if "doctor_id" in view.kwargs:
            view.seen = doctor_seen(
                provider, as_uuid(view.kwargs["doctor_id"]), at=view.at, data_class=needs.data_class
            )
        if "appointment_id" in view.kwargs:
            view.appointment = appointment_seen(
                provider, as_uuid(view.kwargs["appointment_id"]), at=view.at
            )
            if needs.data_class is not None:
                view.seen = doctor_seen(
                    provider,
                    view.appointment.doctor_id,
                    at=view.at,
                    data_class=needs.data_class,
                )
                view.appointment.doctor = view.seen.doctor
        if "hold_id" in view.kwargs:
            view.hold = hold_seen(provider, as_uuid(view.kwargs["hold_id"]))
        if "consent_id" in view.kwargs:
            view.consent = consent_seen(provider, as_uuid(view.kwargs["consent_id"]))
        if "endpoint_id" in view.kwargs:
            view.endpoint = endpoint_seen(provider, as_uuid(view.kwargs["endpoint_id"]))
        if "delivery_id" in view.kwargs:
            view.delivery = delivery_seen(provider, as_uuid(view.kwargs["delivery_id"]), at=view.at)


def as_uuid(value: str) -> UUID:
    """Read an id from a path; what is none names nothing."""
    if not _UUID.fullmatch(value):
        raise NotFound
    return UUID(value)


def doctors_sharing(
    provider: InsuranceProvider, data_class: DataClass | None, *, at: datetime
) -> QuerySet[Doctor]:
    """Keep doctors whom the insurer may see and who share the data class with it."""
    doctors = visible_doctors(provider, at=at)
    if data_class is None:
        return doctors
    sharing = Consent.objects.active_at(at).filter(
        doctor=OuterRef("pk"), insurance_provider=provider, data_classes__contains=[data_class]
    )
    return doctors.filter(Exists(sharing))


def doctor_seen(
    provider: InsuranceProvider, doctor_id: UUID, *, at: datetime, data_class: DataClass | None
) -> Seen:
    """Give the doctor, or the one 404; twin of `doctors_sharing`."""
    given: dict[str, Any] = {
        "doctor": doctor_id,
        "provider": provider.pk,
        "status": provider.integration_status,
        "at": at,
    }
    with prepared() as cursor:
        cursor.execute(_SEEN, given)
        row = cursor.fetchone()
    if row is None:
        raise NotFound
    version, data_classes, *doctor = row
    if data_class is not None and data_class not in data_classes:
        raise NotFound
    return Seen(Doctor.from_db("default", _DOCTOR, doctor), version, tuple(data_classes))


def appointments_seen(provider: InsuranceProvider, *, at: datetime) -> QuerySet[Appointment]:
    """Keep the insurer's own appointments: until they end whatever the doctor shares by then."""
    sharing = doctors_sharing(provider, DataClass.APPOINTMENTS, at=at).filter(
        pk=OuterRef("doctor_id")
    )
    own = Appointment.objects.booked().filter(
        insurance_provider=provider, external_appointment_id__isnull=False
    )
    # Not `Exists`: the database would rather collect all doctors than look up those it needs.
    return own.alias(sharing=Subquery(sharing.values("pk")[:1])).filter(
        Q(ends_at__gt=at) | Q(sharing__isnull=False)
    )


def appointment_seen(
    provider: InsuranceProvider, appointment_id: UUID, *, at: datetime
) -> Appointment:
    """Give the appointment, or the one 404."""
    appointment = appointments_seen(provider, at=at).filter(pk=appointment_id).first()
    if appointment is None:
        raise NotFound
    return appointment


def hold_seen(provider: InsuranceProvider, hold_id: UUID) -> Appointment:
    """Give the insurer's own hold, also one that has run out, or the one 404."""
    own = Appointment.objects.filter(
        insurance_provider=provider, status=Appointment.Status.HELD, pk=hold_id
    )
    hold = own.first()
    if hold is None:
        raise NotFound
    hold.insurance_provider = provider
    return hold


def consents_seen(provider: InsuranceProvider) -> ConsentQuerySet:
    """Keep the insurer's own consents, in force or ended, in the world that it sees."""
    return Consent.objects.select_related("doctor").filter(
        insurance_provider=provider, doctor__is_sandbox=provider.sees_sandbox
    )


def consent_seen(provider: InsuranceProvider, consent_id: UUID) -> Consent:
    """Give the consent, or the one 404."""
    consent = consents_seen(provider).filter(pk=consent_id).first()
    if consent is None:
        raise NotFound
    return consent


def endpoints_seen(provider: InsuranceProvider) -> WebhookEndpointQuerySet:
    """Keep the insurer's own webhook endpoints, also deleted ones."""
    return WebhookEndpoint.objects.filter(insurance_provider=provider)


def endpoint_seen(provider: InsuranceProvider, endpoint_id: UUID) -> WebhookEndpoint:
    """Give the endpoint, or the one 404, as for one that was deleted."""
    endpoint = endpoints_seen(provider).standing().filter(pk=endpoint_id).first()
    if endpoint is None:
        raise NotFound
    return endpoint


def delivery_seen(
    provider: InsuranceProvider, delivery_id: UUID, *, at: datetime
) -> WebhookDelivery:
    """Give the delivery to an endpoint of the insurer, deleted or not, or the one 404."""
    kept = WebhookDelivery.objects.kept_at(at).select_related("endpoint", "feed_entry__event")
    delivery = kept.filter(endpoint__insurance_provider=provider, pk=delivery_id).first()
    if delivery is None:
        raise NotFound
    return delivery
