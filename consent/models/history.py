from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from consent.models.consents import Consent
from consent.models.requests import ConsentRequest
from registry.constraints import one_of, only_when
from registry.ids import uuid7
from registry.models import Doctor, InsuranceProvider, User


class ConsentEventQuerySet(models.QuerySet["ConsentEvent"]):
    """Which steps."""

    def of(self, doctor: Doctor) -> "ConsentEventQuerySet":
        """Keep a doctor's own."""
        return self.filter(Q(consent__doctor=doctor) | Q(request__doctor=doctor))

    def between(self, doctor: Doctor, provider: InsuranceProvider) -> "ConsentEventQuerySet":
        """Keep what happened between a doctor and an insurer."""
        return self.of(doctor).filter(
            Q(consent__insurance_provider=provider) | Q(request__insurance_provider=provider)
        )


class ConsentEventKind(models.TextChoices):
    GIVEN = "given", _("Given")
    CHANGED = "changed", _("Changed")
    ASKED_AGAIN = "asked_again", _("Asked again")
    CONFIRMED = "confirmed", _("Confirmed")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    DECLINED = "declined", _("Declined")
    EXPIRED = "expired", _("Ended")


class ConsentEvent(models.Model):
    """One step between a doctor and an insurer with its signed receipt; rows are only ever added.

    It is a step of a consent, or the no to a request, which no consent knows of.
    """

    Kind = ConsentEventKind

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    consent = models.ForeignKey(Consent, on_delete=models.PROTECT, related_name="+", null=True)
    request = models.OneToOneField(
        ConsentRequest, on_delete=models.PROTECT, related_name="+", null=True
    )
    version = models.PositiveIntegerField()
    kind = models.CharField(max_length=11, choices=Kind.choices)
    at = models.DateTimeField()
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", null=True)
    receipt = models.JSONField()
    receipt_sha256 = models.CharField(max_length=64)
    signature = models.TextField()

    objects = ConsentEventQuerySet.as_manager()

    class Meta:
        db_table = "consent_events"
        ordering = ["consent", "version"]
        constraints = [
            models.UniqueConstraint(
                fields=["consent", "version"], name="consent_event_version_once"
            ),
            one_of("kind", ConsentEventKind, name="consent_event_kind_known"),
            only_when("request", Q(kind="declined"), name="consent_event_declines_a_request"),
            only_when("consent", ~Q(kind="declined"), name="consent_event_changes_a_consent"),
            models.CheckConstraint(
                condition=Q(receipt_sha256__regex="^[0-9a-f]{64}$") & ~Q(signature=""),
                name="consent_event_is_signed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.consent_id or self.request_id} version {self.version}: {self.kind}"

    @property
    def about(self) -> Consent | ConsentRequest:
        """Give what it is a step of; either knows doctor and insurer."""
        about = self.consent or self.request
        assert about is not None
        return about

    @property
    def receipt_number(self) -> str:
        """Give the number people quote; the first part of the row's id, in capitals."""
        return self.id.hex[-12:].upper()
