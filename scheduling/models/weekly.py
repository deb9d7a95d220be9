import uuid
from datetime import date

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from registry.models import Doctor, DoctorLocation, Timestamped
from scheduling.models.terms import Mode, slot_checks


class DayOfWeek(models.IntegerChoices):
    """Days as ISO 8601 orders them, counted from 0 as Python's `weekday` does."""

    MONDAY = 0, _("Monday")
    TUESDAY = 1, _("Tuesday")
    WEDNESDAY = 2, _("Wednesday")
    THURSDAY = 3, _("Thursday")
    FRIDAY = 4, _("Friday")
    SATURDAY = 5, _("Saturday")
    SUNDAY = 6, _("Sunday")


class AvailabilityQuerySet(models.QuerySet["Availability"]):
    """Which weekly windows."""

    def in_force(self, first: date, last: date) -> "AvailabilityQuerySet":
        """Keep active windows that apply on some local date from `first` to `last`, inclusive."""
        unended = Q(valid_to=None) | Q(valid_to__gt=first)
        return self.filter(unended, is_active=True, valid_from__lte=last)


class Availability(Timestamped):
    """A weekly window in the wall time of its place; an end not after its start is next day's.

    It applies on local dates in `[valid_from, valid_to)`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    doctor = models.ForeignKey(Doctor, on_delete=models.PROTECT, related_name="+", db_index=False)
    # Here and below, migration 0002 lets the database refuse the place of another doctor.
    location = models.ForeignKey(DoctorLocation, on_delete=models.PROTECT, related_name="+")
    day_of_week = models.PositiveSmallIntegerField(choices=DayOfWeek.choices)
    start_time = models.TimeField()
    end_time = models.TimeField()
    slot_duration_minutes = models.PositiveSmallIntegerField(default=15)
    capacity = models.PositiveSmallIntegerField(default=1)
    buffer_minutes = models.PositiveSmallIntegerField(default=0)
    mode = models.CharField(max_length=9, choices=Mode.choices, default=Mode.IN_PERSON)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)
    is_active = models.BooleanField(default=True)

    objects = AvailabilityQuerySet.as_manager()

    class Meta:
        db_table = "doctor_availability"
        ordering = ["doctor", "day_of_week", "start_time"]
        constraints = [
            *slot_checks("availability"),
            models.CheckConstraint(
                condition=Q(day_of_week__gte=0, day_of_week__lte=6),
                name="availability_day_0_to_6",
            ),
            models.CheckConstraint(
                condition=Q(valid_to__gt=F("valid_from")), name="availability_ends_after_start"
            ),
            # `week_minutes` (migration 0001) places a window on the circle of a week, so that a
            # night from Sunday to Monday meets Monday's morning.
            ExclusionConstraint(
                name="availability_windows_apart",
                expressions=[
                    ("doctor", RangeOperators.EQUAL),
                    (
                        Func("day_of_week", "start_time", "end_time", function="week_minutes"),
                        RangeOperators.OVERLAPS,
                    ),
                    (
                        Func(
                            "valid_from",
                            "valid_to",
                            "start_time",
                            "end_time",
                            function="window_dates",
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=Q(is_active=True),
            ),
        ]
        indexes = [
            models.Index(fields=["doctor", "day_of_week"], name="availability_by_doctor"),
        ]

    def __str__(self) -> str:
        day = DayOfWeek(self.day_of_week).label
        return f"{day} {self.start_time:%H:%M} to {self.end_time:%H:%M}"
