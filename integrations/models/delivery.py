import uuid
from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from registry.constraints import at_least, one_of, only_when
from registry.fields import EncryptedTextField
from registry.ids import uuid7
from registry.models import Doctor, InsuranceProvider, OutboxEvent, Timestamped


class FeedHead(models.Model):
    """The last number that an insurer's feed has given out."""

    insurance_provider = models.OneToOneField(
        InsuranceProvider, on_delete=models.PROTECT, related_name="+", primary_key=True
    )
    head = models.BigIntegerField(default=0)

    class Meta:
        db_table = "feed_heads"
        constraints = [at_least("head", 0, name="feed_head_not_negative")]

    def __str__(self) -> str:
        return f"{self.insurance_provider_id}: {self.head}"


class FeedEntry(models.Model):
    """An insurer's copy of an event, numbered without gaps."""

    id = models.BigAutoField(primary_key=True)
    insurance_provider = models.ForeignKey(
        InsuranceProvider, on_delete=models.PROTECT, related_name="+"
    )
    feed_seq = models.BigIntegerField()
    event = models.ForeignKey(OutboxEvent, on_delete=models.PROTECT, related_name="+")
    consent_id = models.UUIDField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "feed_entries"
        verbose_name_plural = "feed entries"
        ordering = ["insurance_provider", "feed_seq"]
        constraints = [
            models.UniqueConstraint(
                fields=["insurance_provider", "feed_seq"], name="feed_seq_once"
            ),
            models.UniqueConstraint(fields=["insurance_provider", "event"], name="feed_event_once"),
            at_least("feed_seq", 1, name="feed_seq_counts_from_1"),
        ]
        indexes = [models.Index(fields=["event"], name="feed_by_event")]

    def __str__(self) -> str:
        return f"{self.insurance_provider_id} {self.feed_seq}"


class WebhookEndpointStatus(models.TextChoices):
    ENABLED = "ENABLED", "Enabled"
    DISABLED = "DISABLED", "Disabled"


class WebhookEndpoint(Timestamped):
    """Where an insurer wants events; each has a secret of its own."""

    Status = WebhookEndpointStatus

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    insurance_provider = models.ForeignKey(
        InsuranceProvider, on_delete=models.PROTECT, related_name="+"
    )
    url = models.URLField()
    secret = EncryptedTextField()
    previous_secret = EncryptedTextField(null=True, blank=True)
    previous_secret_until = models.DateTimeField(null=True, blank=True)
    event_types = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.ENABLED)
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_reason = models.CharField(max_length=200, blank=True)
    # Since when every attempt has failed, whichever event it was for.
    failing_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "webhook_endpoints"
        ordering = ["insurance_provider", "created_at"]
        constraints = [
            one_of("status", WebhookEndpointStatus, name="endpoint_status_known"),
            only_when("disabled_at", Q(status="DISABLED"), name="endpoint_disabled_at"),
        ]
        indexes = [
            models.Index(fields=["insurance_provider", "status"], name="endpoint_by_provider"),
        ]

    def __str__(self) -> str:
        return self.url

    def wants(self, event_type: str) -> bool:
        """Tell whether this endpoint takes events of the type; no filter takes all."""
        return not self.event_types or event_type in self.event_types


class WebhookDeliveryQuerySet(models.QuerySet["WebhookDelivery"]):
    """Which deliveries."""

    def due_at(self, at: datetime) -> "WebhookDeliveryQuerySet":
        """Keep pending deliveries whose time has come and that no worker holds."""
        unleased = Q(lease_until=None) | Q(lease_until__lte=at)
        return self.filter(unleased, status=WebhookDelivery.Status.PENDING, next_attempt_at__lte=at)


class WebhookDeliveryStatus(models.TextChoices):
    PENDING = "PENDING", "Waiting"
    DELIVERED = "DELIVERED", "Delivered"
    PARKED = "PARKED", "Parked"
    WITHHELD = "WITHHELD", "Withheld: no consent any more"


class WebhookDelivery(Timestamped):
    """One event on its way to one endpoint; the row, not the broker, holds its retries."""

    Status = WebhookDeliveryStatus

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.PROTECT, related_name="+")
    feed_entry = models.ForeignKey(FeedEntry, on_delete=models.PROTECT, related_name="+")
    subject = models.CharField(max_length=80)
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=200, blank=True)

    objects = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        db_table = "webhook_deliveries"
        ordering = ["feed_entry"]
        verbose_name_plural = "webhook deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint", "feed_entry"], name="delivery_once_per_endpoint"
            ),
            one_of("status", WebhookDeliveryStatus, name="delivery_status_known"),
            only_when("delivered_at", Q(status="DELIVERED"), name="delivery_delivered_at"),
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "next_attempt_at", "feed_entry"],
                condition=Q(status="PENDING"),
                name="delivery_due_by_endpoint",
            ),
            models.Index(
                fields=["endpoint", "subject", "feed_entry"],
                condition=Q(status="PENDING"),
                name="delivery_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.feed_entry_id} to {self.endpoint_id}: {self.status}"


class WebhookAttempt(models.Model):
    """One try of a delivery and what came back."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    delivery = models.ForeignKey(WebhookDelivery, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    status_code = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        db_table = "webhook_attempts"
        ordering = ["delivery", "number"]
        indexes = [models.Index(fields=["delivery", "number"], name="attempt_by_delivery")]

    def __str__(self) -> str:
        return f"{self.delivery_id} attempt {self.number}: {self.status_code or self.error}"


class ProviderDoctorSyncStatus(models.TextChoices):
    IN_STEP = "IN_STEP", "In step"
    PENDING = "PENDING", "Sending"
    FAILING = "FAILING", "Failing"
    STOPPED = "STOPPED", "Stopped"


class ProviderDoctorSync(Timestamped):
    """How far one insurer's system is in step with one doctor.

    `wanted` counts how often the pair was marked due; `sent` is the count that the last accepted
    send saw. Ten edits become one send, and an edit during a send is not lost.
    """

    Status = ProviderDoctorSyncStatus

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    doctor = models.ForeignKey(Doctor, on_delete=models.PROTECT, related_name="+")
    insurance_provider = models.ForeignKey(
        InsuranceProvider, on_delete=models.PROTECT, related_name="+"
    )
    sync_status = models.CharField(max_length=7, choices=Status.choices)
    wanted = models.PositiveIntegerField(default=1)
    sent = models.PositiveIntegerField(default=0)
    version_sent = models.PositiveIntegerField(default=0)
    state_hash = models.CharField(max_length=64, blank=True)
    # The insurer's address when it took that state.
    sent_to = models.URLField(blank=True)
    last_profile_sync = models.DateTimeField(null=True, blank=True)
    last_availability_sync = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=200, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "provider_doctor_sync"
        verbose_name = "sync of a doctor"
        verbose_name_plural = "sync monitor"
        ordering = ["insurance_provider", "doctor"]
        constraints = [
            models.UniqueConstraint(
                fields=["doctor", "insurance_provider"], name="sync_once_per_pair"
            ),
            one_of("sync_status", ProviderDoctorSyncStatus, name="sync_status_known"),
            only_when("failing_since", Q(sync_status="FAILING"), name="sync_failing_since"),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(sync_status__in=["PENDING", "FAILING"]),
                name="sync_due",
            ),
            models.Index(fields=["insurance_provider", "sync_status"], name="sync_by_provider"),
        ]

    def __str__(self) -> str:
        return f"{self.doctor_id} at {self.insurance_provider_id}: {self.sync_status}"
