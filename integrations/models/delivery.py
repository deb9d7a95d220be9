import uuid
from datetime import datetime, timedelta
from itertools import chain

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Case, Exists, OuterRef, Q, When

from registry.constraints import at_least, one_of, only_when
from registry.fields import EncryptedTextField
from registry.ids import uuid7
from registry.models import InsuranceProvider, OutboxEvent, Timestamped

# DocPort's own words to an endpoint, which are no events of a feed.
PING, CHALLENGE, HEARTBEAT = "ping", "endpoint.challenge", "heartbeat"


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
    PENDING = "PENDING", "Waiting for the answer to its challenge"
    ENABLED = "ENABLED", "Enabled"
    DISABLED = "DISABLED", "Disabled"
    DELETED = "DELETED", "Deleted"


class WebhookEndpointQuerySet(models.QuerySet["WebhookEndpoint"]):
    """Which endpoints."""

    def standing(self) -> "WebhookEndpointQuerySet":
        """Keep endpoints that were not deleted."""
        return self.exclude(status=WebhookEndpoint.Status.DELETED)

    def signing_for(self, provider: InsuranceProvider) -> "WebhookEndpoint | None":
        """Give the endpoint whose keys sign what goes to an insurer's own system too."""
        # Enabled ones first; the secret of one that is sent nothing is still the insurer's.
        enabled_first = Case(When(status=WebhookEndpoint.Status.ENABLED, then=0), default=1)
        of_provider = self.standing().filter(insurance_provider=provider)
        return of_provider.order_by(enabled_first, "created_at").first()


class WebhookEndpoint(Timestamped):
    """Where an insurer wants events; each has a secret and a key pair of its own.

    Until it has answered its challenge it is sent nothing else. A deleted one stays as a row, so
    that what was sent to it can be read.
    """

    Status = WebhookEndpointStatus

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    insurance_provider = models.ForeignKey(
        InsuranceProvider, on_delete=models.PROTECT, related_name="+"
    )
    url = models.URLField()
    secret = EncryptedTextField()
    previous_secret = EncryptedTextField(null=True, blank=True)
    previous_secret_until = models.DateTimeField(null=True, blank=True)
    private_key = EncryptedTextField()
    public_key = models.CharField(max_length=60)
    event_types = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.PENDING)
    # What the address must repeat to prove that whoever hears there wants our events.
    challenge = models.CharField(max_length=64)
    verified_at = models.DateTimeField(null=True, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_reason = models.CharField(max_length=200, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    # Since when every attempt has failed, whichever event it was for.
    failing_since = models.DateTimeField(null=True, blank=True)
    # How many attempts have failed since, and until when none is made.
    failures = models.PositiveIntegerField(default=0, db_default=0)
    held_until = models.DateTimeField(null=True, blank=True)
    # How much of five such days the insurer was told of, in percent; at 100 it was disabled.
    warned_percent = models.PositiveSmallIntegerField(default=0)
    # Not before this it is told more; `None` is now.
    warn_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    objects = WebhookEndpointQuerySet.as_manager()

    class Meta:
        db_table = "webhook_endpoints"
        ordering = ["insurance_provider", "created_at"]
        constraints = [
            one_of("status", WebhookEndpointStatus, name="endpoint_status_known"),
            only_when("disabled_at", Q(status="DISABLED"), name="endpoint_disabled_at"),
            only_when("deleted_at", Q(status="DELETED"), name="endpoint_deleted_at"),
            models.CheckConstraint(
                condition=~Q(status="ENABLED") | Q(verified_at__isnull=False),
                name="endpoint_verified_before_events",
            ),
            models.CheckConstraint(
                condition=~Q(status="PENDING") | Q(verified_at__isnull=True),
                name="endpoint_pending_until_verified",
            ),
        ]
        indexes = [
            models.Index(fields=["insurance_provider", "status"], name="endpoint_by_provider"),
        ]

    def __str__(self) -> str:
        return self.url

    @property
    def subject(self) -> str:
        """Give what DocPort's own words to it are about, as subjects are written."""
        return f"webhook_endpoint/{self.pk}"

    def wants(self, event_type: str) -> bool:
        """Tell whether this endpoint takes events of the type; no filter takes all."""
        return not self.event_types or event_type in self.event_types


class WebhookDeliveryStatus(models.TextChoices):
    PENDING = "PENDING", "Waiting"
    DELIVERED = "DELIVERED", "Delivered"
    PARKED = "PARKED", "Parked"
    WITHHELD = "WITHHELD", "Withheld: no consent any more"


class WebhookDeliveryQuerySet(models.QuerySet["WebhookDelivery"]):
    """Which deliveries."""

    def due_at(self, at: datetime) -> "WebhookDeliveryQuerySet":
        """Keep pending deliveries whose time has come and that no worker holds."""
        return self.unheld_at(at).filter(
            status=WebhookDelivery.Status.PENDING, next_attempt_at__lte=at
        )

    def unheld_at(self, at: datetime) -> "WebhookDeliveryQuerySet":
        """Keep deliveries that no worker is sending at the aware instant `at`."""
        held = WebhookLease.objects.held_at(at).filter(delivery=OuterRef("pk"))
        return self.exclude(Exists(held))

    def kept_at(self, at: datetime) -> "WebhookDeliveryQuerySet":
        """Keep deliveries that can still be read and sent again at the aware instant `at`."""
        return self.filter(created_at__gt=at - WebhookDelivery.KEPT_FOR)

    def waiting(self) -> "WebhookDeliveryQuerySet":
        """Keep deliveries that will be sent some day; twin of `is_waiting`."""
        return self.filter(status=WebhookDelivery.Status.PENDING).exclude(
            endpoint__status=WebhookEndpoint.Status.DELETED
        )

    def dropped(self) -> "WebhookDeliveryQuerySet":
        """Keep deliveries whose endpoint was deleted before they arrived; twin of `is_dropped`."""
        return self.filter(
            status=WebhookDelivery.Status.PENDING, endpoint__status=WebhookEndpoint.Status.DELETED
        )

    def newest_of(
        self, endpoints: models.QuerySet[WebhookEndpoint], most: int
    ) -> list["WebhookDelivery"]:
        """Give at most `most` deliveries of these endpoints, newest first; two queries.

        Each endpoint's newest are looked up by themselves. Asked for those of all endpoints at
        once, the database may read everybody's or sort everything that an insurer ever had.
        """
        of_one = self.filter(endpoint=OuterRef("pk")).newest_first()
        found = endpoints.values_list(ArraySubquery(of_one.values("pk")[:most]), flat=True)
        rows = WebhookDelivery.objects.filter(pk__in=list(chain.from_iterable(found)))
        return list(rows.select_related("endpoint", "feed_entry__event").newest_first()[:most])

    def newest_first(self) -> "WebhookDeliveryQuerySet":
        """Order by when they came, the newest first."""
        return self.order_by("-created_at", "-pk")


class WebhookDelivery(Timestamped):
    """One message on its way to one endpoint; the row, not the broker, holds its retries.

    It carries an event of the insurer's feed, or is DocPort's own word to the endpoint: a ping, a
    challenge or a heartbeat, which is in no feed.
    """

    Status = WebhookDeliveryStatus
    KEPT_FOR = timedelta(days=30)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    feed_entry = models.ForeignKey(
        FeedEntry, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    event_type = models.CharField(max_length=40)
    subject = models.CharField(max_length=80)
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.PENDING)
    # How many attempts have ended, or were lost with their worker.
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=200, blank=True)

    objects = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        db_table = "webhook_deliveries"
        ordering = ["created_at", "id"]
        verbose_name_plural = "webhook deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint", "feed_entry"], name="delivery_once_per_endpoint"
            ),
            models.UniqueConstraint(
                fields=["endpoint"],
                condition=Q(status="PENDING", event_type=HEARTBEAT),
                name="delivery_one_heartbeat_waits",
            ),
            one_of("status", WebhookDeliveryStatus, name="delivery_status_known"),
            only_when("delivered_at", Q(status="DELIVERED"), name="delivery_delivered_at"),
            models.CheckConstraint(
                condition=Q(feed_entry__isnull=False)
                | Q(event_type__in=[PING, CHALLENGE, HEARTBEAT]),
                name="delivery_of_an_event_or_our_own",
            ),
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
            models.Index(fields=["endpoint", "created_at", "id"], name="delivery_by_time"),
            models.Index(
                fields=["endpoint", "created_at", "id"],
                condition=Q(status__in=["PARKED", "WITHHELD"]),
                name="delivery_given_up",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} to {self.endpoint_id}: {self.status}"

    @property
    def message_id(self) -> str:
        """Give `webhook-id`, the same on every attempt; `feed_entry.event` should be loaded."""
        return self.feed_entry.event.public_id if self.feed_entry else f"msg_{self.pk.hex}"

    @property
    def is_waiting(self) -> bool:
        """Tell whether it will be sent some day; twin of `waiting`."""
        return self.status == self.Status.PENDING and not self.is_dropped

    @property
    def is_dropped(self) -> bool:
        """Tell whether its endpoint was deleted before it arrived; twin of `dropped`."""
        return (
            self.status == self.Status.PENDING
            and self.endpoint.status == WebhookEndpoint.Status.DELETED
        )


class WebhookLeaseQuerySet(models.QuerySet["WebhookLease"]):
    """Which leases."""

    def held_at(self, at: datetime) -> "WebhookLeaseQuerySet":
        """Keep leases that have not ended at the aware instant `at`."""
        return self.filter(until__gt=at)


class WebhookLease(models.Model):
    """That a worker is sending a delivery, or was when it was killed.

    It has a row of its own, since a delivery stands in seven indexes: to change it twice for each
    send, many thousands of times a minute, takes far longer than to add and delete this.
    """

    # What leases has locked the delivery, and what forgets one deletes its lease; to look once more
    # as each lease commits takes a fifth of a claim, for which all other workers wait.
    delivery = models.OneToOneField(
        WebhookDelivery,
        on_delete=models.PROTECT,
        related_name="+",
        primary_key=True,
        db_constraint=False,
    )
    until = models.DateTimeField()

    objects = WebhookLeaseQuerySet.as_manager()

    class Meta:
        db_table = "webhook_leases"

    def __str__(self) -> str:
        return f"{self.delivery_id} until {self.until}"


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
        indexes = [
            models.Index(fields=["delivery", "number"], name="attempt_by_delivery"),
            # Rows come in the order of time, so that a few bytes for many of them will do.
            BrinIndex(fields=["started_at"], autosummarize=True, name="attempt_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.delivery_id} attempt {self.number}: {self.status_code or self.error}"
