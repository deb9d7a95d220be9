from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from registry.constraints import at_least, one_of, only_when
from registry.fields import EncryptedTextField
from registry.ids import uuid7
from registry.models import Doctor, DoctorLocation, InsuranceProvider, Timestamped, User
from scheduling.models.terms import Mode

_VISIT = Func(
    "appointment_time", "ends_at", function="tstzrange", output_field=DateTimeRangeField()
)


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
    HELD = "HELD", _("Held")
    BOOKED = "BOOKED", _("Booked")
    ARRIVED = "ARRIVED", _("Arrived")
    COMPLETED = "COMPLETED", _("Completed")
    NO_SHOW = "NO_SHOW", _("Did not come")
    CANCELLED = "CANCELLED", _("Cancelled")


class AppointmentCancelReason(models.TextChoices):
    PATIENT_REQUEST = "patient_request", _("The patient asked")
    INSURER_REQUEST = "insurer_request", _("The insurer asked")
    DOCTOR_UNAVAILABLE = "doctor_unavailable", _("The doctor is not available")
    DOCTOR_LEAVE = "doctor_leave", _("The doctor is on leave")
    DUPLICATE = "duplicate", _("Booked twice")
    CONSENT_WITHDRAWN = "consent_withdrawn", _("The doctor left this insurer")
    OTHER = "other", _("Another reason")


class Appointment(Timestamped):
    """A patient's place with a doctor, made by an insurer; `[appointment_time, ends_at)`."""

    Status = AppointmentStatus

    CancelReason = AppointmentCancelReason

    OCCUPYING = ["HELD", "BOOKED", "ARRIVED", "COMPLETED", "NO_SHOW"]

    CANCELLABLE = ["BOOKED", "ARRIVED"]

    UNDO_WITHIN = timedelta(minutes=10)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Where a link has no index of its own, one of those below begins with it.
    doctor = models.ForeignKey(Doctor, on_delete=models.PROTECT, related_name="+", db_index=False)
    insurance_provider = models.ForeignKey(
        InsuranceProvider, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    location = models.ForeignKey(DoctorLocation, on_delete=models.PROTECT, related_name="+")
    external_appointment_id = models.CharField(max_length=120, null=True, blank=True)  # noqa: DJ001  A hold has none, and only null is free of the unique rule.
    patient_reference = EncryptedTextField(null=True, blank=True)
    visit_type = models.CharField(max_length=40, blank=True)
    appointment_time = models.DateTimeField()
    ends_at = models.DateTimeField()
    # The date of its start at its place; a trigger of migration 0003 fills it.
    local_date = models.DateField(editable=False, default=date.min)
    lane = models.PositiveSmallIntegerField(default=0)
    capacity = models.PositiveSmallIntegerField(default=1)
    token_number = models.PositiveSmallIntegerField(null=True, blank=True)
    mode = models.CharField(max_length=9, choices=Mode.choices, default=Mode.IN_PERSON)
    status = models.CharField(max_length=9, choices=Status.choices)
    # What it was before somebody at the doctor's marked or cancelled it, for an undo.
    previous_status = models.CharField(max_length=9, choices=Status.choices, blank=True)
    status_at = models.DateTimeField()
    status_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    cancel_reason = models.CharField(max_length=20, choices=CancelReason.choices, blank=True)
    cancel_note = models.CharField(max_length=500, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    hold_expires_at = models.DateTimeField(null=True, blank=True)
    hold_renewed_at = models.DateTimeField(null=True, blank=True)
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
                    (_VISIT, RangeOperators.OVERLAPS),
                ],
                condition=~Q(status="CANCELLED"),
            ),
            # A doctor is at one place at a time, however many patients share a slot there.
            ExclusionConstraint(
                name="appointment_at_one_place",
                expressions=[
                    ("doctor", RangeOperators.EQUAL),
                    ("location", RangeOperators.NOT_EQUAL),
                    (_VISIT, RangeOperators.OVERLAPS),
                ],
                condition=~Q(status="CANCELLED"),
            ),
            models.UniqueConstraint(
                fields=["insurance_provider", "external_appointment_id"],
                name="appointment_external_id_once",
            ),
            models.UniqueConstraint(
                fields=["location", "local_date", "token_number"],
                condition=~Q(status="CANCELLED"),
                name="appointment_token_once",
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
                condition=Q(status="HELD") | Q(hold_renewed_at=None),
                name="appointment_hold_renewed_while_held",
            ),
            models.CheckConstraint(
                condition=Q(previous_status="") | Q(status_by__isnull=False),
                name="appointment_undone_by_who_changed",
            ),
            models.CheckConstraint(
                condition=Q(previous_status__in=["", "BOOKED", "ARRIVED"]),
                name="appointment_goes_back_to_open",
            ),
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
            # With all that takes a place: a doctor's slots of weeks are computed without the rows.
            models.Index(
                fields=["doctor", "appointment_time"],
                include=[
                    "id",
                    "status",
                    "hold_expires_at",
                    "ends_at",
                    "local_date",
                    "location",
                    "lane",
                ],
                name="appointment_by_doctor",
            ),
            models.Index(
                fields=["insurance_provider", "appointment_time"],
                name="appointment_by_provider",
            ),
            # Whether a doctor has any hold in force, without reading the appointments.
            models.Index(
                fields=["doctor", "hold_expires_at"],
                condition=Q(status="HELD"),
                name="hold_by_doctor",
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

    def is_movable_at(self, at: datetime) -> bool:
        """Tell whether it can still be given another time at `at`."""
        return self.status == self.Status.BOOKED and at < self.appointment_time

    def marks_at(self, at: datetime) -> list[AppointmentStatus]:
        """Give the marks that fit: arrived from its day on, the others once it has begun.

        Needs `location` at hand.
        """
        is_its_day = at.astimezone(self.local_time.tzinfo).date() >= self.local_date
        has_begun = self.appointment_time <= at
        is_booked = self.status == self.Status.BOOKED
        fits = {
            self.Status.ARRIVED: is_booked and is_its_day,
            self.Status.COMPLETED: has_begun and (is_booked or self.status == self.Status.ARRIVED),
            self.Status.NO_SHOW: has_begun and is_booked,
        }
        return [mark for mark, is_fit in fits.items() if is_fit]

    def can_be_undone_at(self, at: datetime) -> bool:
        """Tell whether the last change of its status, by somebody at the doctor's, is fresh."""
        return self.previous_status != "" and at < self.status_at + self.UNDO_WITHIN

    @property
    def local_time(self) -> datetime:
        """Give when it starts, in the zone of its place; needs `location` at hand."""
        return self.appointment_time.astimezone(ZoneInfo(self.location.timezone))
