import uuid
from datetime import datetime

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from registry.constraints import one_of, only_when
from registry.models import Doctor, DoctorLocation, Timestamped
from scheduling.models.terms import Mode, slot_checks

NOWHERE = uuid.UUID(int=0)
PERIOD = Func("starts_at", "ends_at", function="tstzrange", output_field=DateTimeRangeField())


class AvailabilityExceptionQuerySet(models.QuerySet["AvailabilityException"]):
    """Which exceptions."""

    def touching(self, starts_at: datetime, ends_at: datetime) -> "AvailabilityExceptionQuerySet":
        """Keep those that share an instant with `[starts_at, ends_at)`."""
        return self.filter(starts_at__lt=ends_at, ends_at__gt=starts_at)


class AvailabilityExceptionKind(models.TextChoices):
    CLOSED = "CLOSED", _("Leave")
    EXTRA = "EXTRA", _("Extra hours")


class AvailabilityException(Timestamped):
    """A period that differs from the weekly hours: closed, or extra; half-open."""

    Kind = AvailabilityExceptionKind

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    doctor = models.ForeignKey(Doctor, on_delete=models.PROTECT, related_name="+", db_index=False)
    location = models.ForeignKey(
        DoctorLocation, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    kind = models.CharField(max_length=6, choices=Kind.choices)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=200, blank=True)
    slot_duration_minutes = models.PositiveSmallIntegerField(null=True, blank=True)
    capacity = models.PositiveSmallIntegerField(null=True, blank=True)
    buffer_minutes = models.PositiveSmallIntegerField(null=True, blank=True)
    mode = models.CharField(max_length=9, choices=Mode.choices, blank=True)

    objects = AvailabilityExceptionQuerySet.as_manager()

    class Meta:
        db_table = "availability_exceptions"
        ordering = ["doctor", "starts_at"]
        constraints = [
            *slot_checks("exception"),
            # Leave that overlaps is one leave. Extra hours are the doctor's, wherever they are.
            ExclusionConstraint(
                name="leave_periods_apart",
                expressions=[
                    ("doctor", RangeOperators.EQUAL),
                    (
                        Coalesce("location", Value(NOWHERE), output_field=models.UUIDField()),
                        RangeOperators.EQUAL,
                    ),
                    (PERIOD, RangeOperators.OVERLAPS),
                ],
                condition=Q(kind="CLOSED"),
            ),
            ExclusionConstraint(
                name="extra_hours_apart",
                expressions=[
                    ("doctor", RangeOperators.EQUAL),
                    (PERIOD, RangeOperators.OVERLAPS),
                ],
                condition=Q(kind="EXTRA"),
            ),
            one_of("kind", AvailabilityExceptionKind, name="exception_kind_known"),
            models.CheckConstraint(
                condition=Q(starts_at__lt=F("ends_at")), name="exception_starts_before_ends"
            ),
            only_when(
                "slot_duration_minutes", Q(kind="EXTRA"), name="exception_extra_has_duration"
            ),
            only_when("capacity", Q(kind="EXTRA"), name="exception_extra_has_capacity"),
            only_when("buffer_minutes", Q(kind="EXTRA"), name="exception_extra_has_buffer"),
            models.CheckConstraint(
                condition=(Q(kind="CLOSED", mode="")) | (Q(kind="EXTRA") & ~Q(mode="")),
                name="exception_extra_has_mode",
            ),
            models.CheckConstraint(
                condition=Q(kind="CLOSED") | Q(location__isnull=False),
                name="exception_extra_has_place",
            ),
        ]
        indexes = [
            models.Index(fields=["doctor", "ends_at"], name="exception_by_doctor"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.starts_at:%Y-%m-%d %H:%M} to {self.ends_at:%Y-%m-%d %H:%M}"
