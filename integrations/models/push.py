import uuid
from typing import Any

from django.db import models
from django.db.models import Count, Min, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from registry.constraints import one_of, only_when
from registry.models import Doctor, InsuranceProvider, Timestamped


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
        InsuranceProvider, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    sync_status = models.CharField(max_length=7, choices=Status.choices)
    # Due for the insurer's sake, with many others, so that what doctors do themselves goes first.
    is_backfill = models.BooleanField(default=False, db_default=False)
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
                fields=["insurance_provider", "is_backfill", "next_attempt_at"],
                condition=Q(sync_status__in=["PENDING", "FAILING"]),
                name="sync_due_by_provider",
            ),
            models.Index(
                fields=["insurance_provider", "lease_until"],
                condition=Q(lease_until__isnull=False),
                name="sync_held",
            ),
            models.Index(fields=["insurance_provider", "sync_status"], name="sync_by_provider"),
            models.Index(fields=["insurance_provider", "doctor"], name="sync_by_doctor"),
        ]

    def __str__(self) -> str:
        return f"{self.doctor_id} at {self.insurance_provider_id}: {self.sync_status}"


class ProviderPushQuerySet(models.QuerySet["ProviderPush"]):
    """Which insurers' pushes."""

    def with_progress(self) -> "ProviderPushQuerySet":
        """Count each insurer's doctors by the state of their sync, and find the oldest of them.

        Each state is counted in an index of its own rows; no row of the table is read for it.
        """
        pending, failing = Q(sync_status="PENDING"), Q(sync_status="FAILING")
        return self.annotate(
            in_step=_number_of(Q(sync_status="IN_STEP")),
            sending=_number_of(pending),
            failing=_number_of(failing),
            stopped=_number_of(Q(sync_status="STOPPED")),
            to_backfill=_number_of(pending | failing, is_backfill=True),
            oldest_due=_oldest("next_attempt_at", pending, is_backfill=False),
            failing_since=_oldest("failing_since", failing),
        )


def _of_insurer(*states: Q, **given: bool) -> models.QuerySet[ProviderDoctorSync, Any]:
    pairs = ProviderDoctorSync.objects.filter(*states, insurance_provider=OuterRef("pk"), **given)
    return pairs.order_by().values("insurance_provider")


def _number_of(*states: Q, **given: bool) -> Coalesce:
    counted = _of_insurer(*states, **given).annotate(number=Count("*"))
    return Coalesce(Subquery(counted.values("number")), 0)


def _oldest(time: str, *states: Q, **given: bool) -> Subquery:
    return Subquery(_of_insurer(*states, **given).annotate(oldest=Min(time)).values("oldest"))


class ProviderPush(Timestamped):
    """The push to one insurer as a whole: its backfill, and the check that it holds what it took.

    A check goes through the doctors in the order of their ids, some at a time; its counts are
    those of the check under way, or of the last one.
    """

    insurance_provider = models.OneToOneField(
        InsuranceProvider, on_delete=models.PROTECT, related_name="+", primary_key=True
    )
    # Not before this the next doctor of a backfill is sent; `None` is now.
    next_backfill_at = models.DateTimeField(null=True, blank=True)
    # When the next check begins or the one under way goes on; `None` is now.
    next_check_at = models.DateTimeField(null=True, blank=True)
    check_lease_until = models.DateTimeField(null=True, blank=True)
    check_began_at = models.DateTimeField(null=True, blank=True)
    check_ended_at = models.DateTimeField(null=True, blank=True)
    # The doctor up to whom the check under way has come.
    checked_to = models.UUIDField(null=True, blank=True)
    checked = models.PositiveIntegerField(default=0, db_default=0)
    # Doctors of whom the insurer held something else than it had taken.
    differed = models.PositiveIntegerField(default=0, db_default=0)
    # Doctors whose state had changed with time, such as by a leave that is over.
    outdated = models.PositiveIntegerField(default=0, db_default=0)
    # Whether the insurer's system tells what it holds; `None` until it was asked.
    tells_states = models.BooleanField(null=True, blank=True)
    check_error = models.CharField(max_length=200, blank=True, default="", db_default="")

    objects = ProviderPushQuerySet.as_manager()

    class Meta:
        db_table = "provider_push"
        verbose_name = "push to an insurer"
        verbose_name_plural = "push by insurer"
        ordering = ["insurance_provider__name"]

    def __str__(self) -> str:
        return f"push to {self.insurance_provider}"
