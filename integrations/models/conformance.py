import uuid
from datetime import datetime

from django.db import models
from django.db.models import Q

from integrations.models.delivery import WebhookEndpoint
from registry.constraints import one_of, only_when
from registry.models import PASS_HOLDS_FOR, InsuranceProvider, Timestamped, User


class ConformanceRunStatus(models.TextChoices):
    WAITING = "WAITING", "Under way"
    PASSED = "PASSED", "Passed"
    FAILED = "FAILED", "Failed"


class ConformanceRunQuerySet(models.QuerySet["ConformanceRun"]):
    """Runs of the conformance checks."""

    def vouching_for(
        self, provider: InsuranceProvider, *, at: datetime
    ) -> "ConformanceRunQuerySet":
        """Keep the passes that bring an insurer live: recent, and of the addresses it has now."""
        endpoints = WebhookEndpoint.objects.standing().filter(insurance_provider=provider)
        return self.filter(
            insurance_provider=provider,
            status=ConformanceRunStatus.PASSED,
            finished_at__range=(at - PASS_HOLDS_FOR, at),
            api_base_url=provider.api_base_url,
            webhook_url__in=endpoints.values("url"),
        ).order_by("-finished_at")


class ConformanceRun(Timestamped):
    """One going-through of the checks of an insurer's system, and what came of each."""

    Status = ConformanceRunStatus

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    insurance_provider = models.ForeignKey(
        InsuranceProvider, on_delete=models.PROTECT, related_name="+"
    )
    # Where the messages went to, and which DocPort sent them.
    webhook_url = models.URLField()
    api_base_url = models.URLField(blank=True)
    docport_version = models.CharField(max_length=20)
    status = models.CharField(
        max_length=7, choices=Status.choices, default=Status.WAITING, db_default=Status.WAITING
    )
    # What came of each check, in order, as far as the run has got.
    results = models.JSONField(default=list)
    # Who asked for it; nobody where it was a command.
    asked_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    asked_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = ConformanceRunQuerySet.as_manager()

    class Meta:
        db_table = "conformance_runs"
        constraints = [
            one_of("status", ConformanceRunStatus, name="conformance_status_known"),
            only_when(
                "finished_at",
                ~Q(status=ConformanceRunStatus.WAITING),
                name="conformance_finished_at",
            ),
            models.UniqueConstraint(
                fields=["insurance_provider"],
                condition=Q(status=ConformanceRunStatus.WAITING),
                name="conformance_one_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"Conformance of {self.insurance_provider}, {self.asked_at:%Y-%m-%d %H:%M} UTC"
