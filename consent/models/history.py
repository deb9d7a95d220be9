from django.db import models
from django.db.models import Q

from consent.models.consents import Consent
from registry.constraints import one_of
from registry.ids import uuid7
from registry.models import User


class ConsentEventKind(models.TextChoices):
    REQUESTED = "requested", "Asked for"
    GIVEN = "given", "Given"
    CHANGED = "changed", "Changed"
    WITHDRAWN = "withdrawn", "Withdrawn"
    DECLINED = "declined", "Declined"
    EXPIRED = "expired", "Ended"


class ConsentEvent(models.Model):
    """One step of a consent's history with its signed receipt; rows are only ever added."""

    Kind = ConsentEventKind

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    consent = models.ForeignKey(Consent, on_delete=models.PROTECT, related_name="+")
    version = models.PositiveIntegerField()
    kind = models.CharField(max_length=9, choices=Kind.choices)
    at = models.DateTimeField()
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", null=True)
    receipt = models.JSONField()
    receipt_sha256 = models.CharField(max_length=64)
    signature = models.TextField()

    class Meta:
        db_table = "consent_events"
        ordering = ["consent", "version"]
        constraints = [
            models.UniqueConstraint(
                fields=["consent", "version"], name="consent_event_version_once"
            ),
            one_of("kind", ConsentEventKind, name="consent_event_kind_known"),
            models.CheckConstraint(
                condition=Q(receipt_sha256__regex="^[0-9a-f]{64}$") & ~Q(signature=""),
                name="consent_event_is_signed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.consent_id} version {self.version}: {self.kind}"

    @property
    def receipt_number(self) -> str:
        """Give the number people quote; the first part of the row's id, in capitals."""
        return self.id.hex[-12:].upper()
