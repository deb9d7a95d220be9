import uuid
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q

from registry.constraints import at_least, one_of, only_when
from registry.fields import EncryptedTextField
from registry.ids import uuid7
from registry.models import Doctor, DoctorLocation, InsuranceProvider, Timestamped


class Mode(models.TextChoices):
    """How doctor and patient meet; the values are the API's."""

    IN_PERSON = "IN_PERSON", "In person"
    TELE = "TELE", "By video or phone"


class DayOfWeek(models.IntegerChoices):
    """Days as ISO 8601 orders them, counted from 0 as Python's `weekday` does."""

    MONDAY = 0, "Monday"
    TUESDAY = 1, "Tuesday"
    WEDNESDAY = 2, "Wednesday"
    THURSDAY = 3, "Thursday"
    FRIDAY = 4, "Friday"
    SATURDAY = 5, "Saturday"
    SUNDAY = 6, "Sunday"


def _slot_checks(table: str) -> list[models.CheckConstraint]:
    return [
        models.CheckConstraint(
            condition=Q(slot_duration_minutes__gte=5, slot_duration_minutes__lte=240),
            name=f"{table}_slot_5_to_240_minutes",
        ),
        models.CheckConstraint(
            condition=Q(capacity__gte=1, capacity__lte=50), name=f"{table}_capacity_1_to_50"
        ),
        models.CheckConstraint(
            condition=Q(buffer_minutes__gte=0, buffer_minutes__lte=120),
            name=f"{table}_buffer_0_to_120_minutes",
        ),
        models.CheckConstraint(
            condition=Q(mode__in=[*Mode.values, ""]), name=f"{table}_mode_known"
        ),
    ]


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
    doctor = models.ForeignKey(Doctor, on_delete=models.PROTECT, related_name="+")
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
            *_slot_checks("availability"),
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

    @property
    def is_overnight(self) -> bool:
        """Tell whether the end is on the next day."""
        return self.end_time <= self.start_time


class AvailabilityExceptionQuerySet(models.QuerySet["AvailabilityException"]):
    """Which exceptions."""

    def touching(self, starts_at: datetime, ends_at: datetime) -> "AvailabilityExceptionQuerySet":
        """Keep those that share an instant with `[starts_at, ends_at)`."""
        return self.filter(starts_at__lt=ends_at, ends_at__gt=starts_at)


class AvailabilityExceptionKind(models.TextChoices):
    CLOSED = "CLOSED", "Leave"
    EXTRA = "EXTRA", "Extra hours"


class AvailabilityException(Timestamped):
    """A period that differs from the weekly hours: closed, or extra; half-open."""

    Kind = AvailabilityExceptionKind

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    doctor = models.ForeignKey(Doctor, on_delete=models.PROTECT, related_name="+")
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
            *_slot_checks("exception"),
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


class AppointmentQuerySet(models.QuerySet["Appointment"]):
    """Which appointments."""

    def occupying_at(self, at: datetime) -> "AppointmentQuerySet":
        """Keep those that take a place at the instant `at`: a hold that has run out does not."""
        return self.filter(status__in=Appointment.OCCUPYING).exclude(
            status=Appointment.Status.HELD, hold_expires_at__lte=at
        )

    def touching(self, starts_at: datetime, ends_at: datetime) -> "AppointmentQuerySet":
        """Keep those that share an instant with `[starts_at, ends_at)`."""
        return self.filter(appointment_time__lt=ends_at, ends_at__gt=starts_at)

    def booked(self) -> "AppointmentQuerySet":
        """Leave out holds, which are not yet anybody's appointment."""
        return self.exclude(status=Appointment.Status.HELD)


class AppointmentStatus(models.TextChoices):
    HELD = "HELD", "Held"
    BOOKED = "BOOKED", "Booked"
    ARRIVED = "ARRIVED", "Arrived"
    COMPLETED = "COMPLETED", "Completed"
    NO_SHOW = "NO_SHOW", "Did not come"
    CANCELLED = "CANCELLED", "Cancelled"


class AppointmentCancelReason(models.TextChoices):
    PATIENT_REQUEST = "patient_request", "The patient asked"
    INSURER_REQUEST = "insurer_request", "The insurer asked"
    DOCTOR_UNAVAILABLE = "doctor_unavailable", "The doctor is not available"
    DOCTOR_LEAVE = "doctor_leave", "The doctor is on leave"
    DUPLICATE = "duplicate", "Booked twice"
    CONSENT_WITHDRAWN = "consent_withdrawn", "The doctor left this insurer"
    OTHER = "other", "Another reason"


class Appointment(Timestamped):
    """A patient's place with a doctor, made by an insurer; `[appointment_time, ends_at)`."""

    Status = AppointmentStatus

    CancelReason = AppointmentCancelReason

    OCCUPYING = ["HELD", "BOOKED", "ARRIVED", "COMPLETED", "NO_SHOW"]

    CANCELLABLE = ["BOOKED", "ARRIVED"]

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    doctor = models.ForeignKey(Doctor, on_delete=models.PROTECT, related_name="+")
    insurance_provider = models.ForeignKey(
        InsuranceProvider, on_delete=models.PROTECT, related_name="+"
    )
    location = models.ForeignKey(DoctorLocation, on_delete=models.PROTECT, related_name="+")
    external_appointment_id = models.CharField(max_length=120, null=True, blank=True)  # noqa: DJ001  A hold has none, and only null is free of the unique rule.
    patient_reference = EncryptedTextField(null=True, blank=True)
    visit_type = models.CharField(max_length=40, blank=True)
    appointment_time = models.DateTimeField()
    ends_at = models.DateTimeField()
    lane = models.PositiveSmallIntegerField(default=0)
    capacity = models.PositiveSmallIntegerField(default=1)
    token_number = models.PositiveSmallIntegerField(null=True, blank=True)
    mode = models.CharField(max_length=9, choices=Mode.choices, default=Mode.IN_PERSON)
    status = models.CharField(max_length=9, choices=Status.choices)
    cancel_reason = models.CharField(max_length=20, choices=CancelReason.choices, blank=True)
    cancel_note = models.CharField(max_length=500, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    hold_expires_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    objects = AppointmentQuerySet.as_manager()

    class Meta:
        db_table = "appointments"
        ordering = ["appointment_time", "lane"]
        constraints = [
            ExclusionConstraint(
                name="appointment_lane_once",
                expressions=[
                    ("doctor", RangeOperators.EQUAL),
                    ("lane", RangeOperators.EQUAL),
                    (
                        Func(
                            "appointment_time",
                            "ends_at",
                            function="tstzrange",
                            output_field=DateTimeRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=~Q(status="CANCELLED"),
            ),
            models.UniqueConstraint(
                fields=["insurance_provider", "external_appointment_id"],
                name="appointment_external_id_once",
            ),
            models.CheckConstraint(
                condition=Q(appointment_time__lt=F("ends_at")),
                name="appointment_ends_after_start",
            ),
            models.CheckConstraint(
                condition=Q(lane__gte=0, lane__lt=F("capacity")),
                name="appointment_lane_below_capacity",
            ),
            one_of("status", AppointmentStatus, name="appointment_status_known"),
            one_of("mode", Mode, name="appointment_mode_known"),
            only_when("hold_expires_at", Q(status="HELD"), name="appointment_hold_expires"),
            only_when("cancelled_at", Q(status="CANCELLED"), name="appointment_cancelled_at"),
            models.CheckConstraint(
                condition=Q(status="CANCELLED", cancel_reason__in=AppointmentCancelReason.values)
                | (~Q(status="CANCELLED") & Q(cancel_reason="")),
                name="appointment_cancelled_has_reason",
            ),
            models.CheckConstraint(
                condition=Q(status="HELD")
                | Q(external_appointment_id__isnull=False, patient_reference__isnull=False)
                | Q(status="CANCELLED"),
                name="appointment_booked_has_references",
            ),
            at_least("version", 1, name="appointment_version_counts_from_1"),
        ]
        indexes = [
            models.Index(fields=["doctor", "appointment_time"], name="appointment_by_doctor"),
            models.Index(
                fields=["insurance_provider", "appointment_time"],
                name="appointment_by_provider",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.appointment_time:%Y-%m-%d %H:%M} {self.status}"

    def occupies_at(self, at: datetime) -> bool:
        """Tell whether it takes a place at the instant `at`; twin of `occupying_at`."""
        if self.status == self.Status.HELD:
            return self.hold_expires_at is not None and at < self.hold_expires_at
        return self.status in self.OCCUPYING

    def is_cancellable_at(self, at: datetime) -> bool:
        """Tell whether it can still be cancelled at `at`: it is booked and has not begun."""
        return self.status in self.CANCELLABLE and at < self.appointment_time

    @property
    def local_time(self) -> datetime:
        """Give when it starts, in the zone of its place; needs `location` at hand."""
        return self.appointment_time.astimezone(ZoneInfo(self.location.timezone))
