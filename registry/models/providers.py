import uuid
from datetime import timedelta

from django.db import models
from django.db.models import F, Q

from registry.constraints import at_least, one_of
from registry.models.base import Timestamped

# How long after its system passed the conformance checks an insurer can be brought live.
PASS_HOLDS_FOR = timedelta(days=30)


class InsuranceProviderStatus(models.TextChoices):
    SANDBOX = "SANDBOX", "Sandbox"
    LIVE = "LIVE", "Live"
    SUSPENDED = "SUSPENDED", "Suspended"


class InsuranceProvider(Timestamped):
    """An insurer, where its system listens, and what it says it uses the data for."""

    Status = InsuranceProviderStatus

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    slug = models.SlugField(unique=True)
    api_base_url = models.URLField(blank=True)
    webhook_url = models.URLField(blank=True)
    integration_status = models.CharField(
        max_length=9, choices=Status.choices, default=Status.SANDBOX
    )
    # What brought it live, last: a pass of the conformance checks, or an admin's reason.
    live_at = models.DateTimeField(null=True, blank=True, editable=False)
    live_passed_at = models.DateTimeField(null=True, blank=True, editable=False)
    live_reason = models.TextField(blank=True, default="", db_default="", editable=False)
    contact_name = models.CharField(max_length=120, blank=True)
    contact_email = models.EmailField(blank=True)
    information_use = models.TextField(
        help_text="What the insurer uses the data for, in the words that doctors read."
    )
    max_open_bookings_per_day = models.PositiveSmallIntegerField(
        default=20, help_text="Most open bookings of this insurer with one doctor on one day."
    )
    hold_minutes = models.PositiveSmallIntegerField(default=5)
    calls_per_hour = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Most API calls of each of its keys in an hour. Empty: as many as everybody's.",
    )
    backfill_per_minute = models.PositiveSmallIntegerField(
        default=600,
        db_default=600,
        help_text="Most doctors pushed in a minute when its system is to be sent many at once, "
        "such as all of them. What doctors change themselves goes first and is not counted.",
    )

    class Meta:
        db_table = "insurance_providers"
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(integration_status=InsuranceProviderStatus.LIVE)
                | Q(live_at__isnull=False)
                & (
                    ~Q(live_reason="")
                    | Q(
                        live_passed_at__isnull=False,
                        live_passed_at__lte=F("live_at"),
                        live_passed_at__gte=F("live_at") - PASS_HOLDS_FOR,
                    )
                ),
                name="provider_live_after_pass_or_reason",
            ),
            one_of("integration_status", InsuranceProviderStatus, name="provider_status_known"),
            at_least("max_open_bookings_per_day", 1, name="provider_may_book"),
            at_least("calls_per_hour", 1, name="provider_may_call"),
            at_least("backfill_per_minute", 1, name="provider_is_backfilled"),
            models.CheckConstraint(
                condition=Q(hold_minutes__gte=1, hold_minutes__lte=10),
                name="provider_hold_1_to_10_minutes",
            ),
            models.CheckConstraint(
                condition=~Q(information_use=""), name="provider_says_information_use"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def sees_sandbox(self) -> bool:
        """Tell whether this insurer sees synthetic doctors, and only those."""
        return self.integration_status == self.Status.SANDBOX
