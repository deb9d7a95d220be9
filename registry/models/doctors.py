import uuid
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import ExpressionWrapper, F, Q, Value
from django.db.models.functions import Concat, Lower, Upper
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from registry.constraints import at_least, both_or_neither, one_of, only_when, subset_of
from registry.models.base import Timestamped
from registry.reference import Council, Language, Specialization, State


class DoctorQuerySet(models.QuerySet["Doctor"]):
    """Which doctors."""

    def active(self) -> "DoctorQuerySet":
        """Keep doctors whom an admin has verified and nobody has suspended."""
        return self.filter(status=Doctor.Status.ACTIVE)


class DoctorStatus(models.TextChoices):
    DRAFT = "DRAFT", _("Not sent yet")
    SUBMITTED = "SUBMITTED", _("Being checked")
    ACTIVE = "ACTIVE", _("Active")
    SUSPENDED = "SUSPENDED", _("Suspended")


class Doctor(Timestamped):
    """A doctor's one profile."""

    Status = DoctorStatus

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    full_name = models.CharField(max_length=120, blank=True)
    email = models.EmailField(unique=True)
    phone = models.CharField(max_length=16, null=True, blank=True, unique=True)
    registration_council = models.CharField(
        max_length=8, blank=True, choices=Council.choices, default=""
    )
    registration_number = models.CharField(max_length=40, null=True, blank=True, unique=True)
    hpr_id = models.CharField("HPR ID", max_length=14, null=True, blank=True, unique=True)
    specialization = models.CharField(
        max_length=32, blank=True, choices=Specialization.choices, default=""
    )
    languages = ArrayField(
        models.CharField(max_length=2, choices=Language.choices), default=list, blank=True
    )
    years_of_experience = models.PositiveSmallIntegerField(null=True, blank=True)
    fee = models.DecimalField(max_digits=8, decimal_places=2, null=True, blank=True)
    timezone = models.CharField(max_length=64, default="Asia/Kolkata")
    is_sandbox = models.BooleanField(default=False)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)
    attested_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    objects = DoctorQuerySet.as_manager()

    class Meta:
        db_table = "doctors"
        ordering = ["full_name", "id"]
        permissions = [
            ("manage_schedule", "Change hours and leave of this doctor"),
            ("manage_appointments", "See and change appointments of this doctor"),
        ]
        constraints = [
            models.UniqueConstraint(Lower("email"), name="doctor_email_once"),
            one_of("status", DoctorStatus, name="doctor_status_known"),
            subset_of("languages", Language, name="doctor_languages_known"),
            models.CheckConstraint(
                condition=Q(phone__regex=r"^\+[1-9][0-9]{6,14}$"), name="doctor_phone_is_e164"
            ),
            models.CheckConstraint(
                condition=Q(registration_number=None, registration_council="")
                | Q(
                    registration_number__isnull=False,
                    registration_number=Upper("registration_number"),
                    registration_number__startswith=Concat(
                        F("registration_council"), Value("-"), output_field=models.CharField()
                    ),
                    registration_council__in=Council.values,
                ),
                name="doctor_registration_canonical",
            ),
            models.CheckConstraint(
                condition=Q(hpr_id__regex=r"^[0-9]{14}$"), name="doctor_hpr_id_is_14_digits"
            ),
            models.CheckConstraint(
                condition=Q(specialization="") | Q(specialization__in=Specialization.values),
                name="doctor_specialization_known",
            ),
            models.CheckConstraint(
                condition=Q(years_of_experience__lte=80), name="doctor_experience_at_most_80_years"
            ),
            at_least("fee", 0, name="doctor_fee_not_negative"),
            at_least("version", 1, name="doctor_version_counts_from_1"),
            models.CheckConstraint(
                condition=~Q(status="ACTIVE")
                | (
                    ~Q(full_name="")
                    & ~Q(specialization="")
                    & Q(phone__isnull=False, registration_number__isnull=False)
                ),
                name="doctor_active_is_complete",
            ),
        ]
        indexes = [
            models.Index(fields=["specialization", "id"], name="doctor_by_specialization"),
            models.Index(fields=["status", "created_at"], name="doctor_by_status"),
        ]

    def __str__(self) -> str:
        return self.full_name or self.email

    @property
    def addressed_as(self) -> str:
        """Give the name with its title, or the email while there is no name."""
        if not self.full_name:
            return self.email
        has_title = self.full_name.startswith(("Dr ", "Dr. "))
        return self.full_name if has_title else f"Dr {self.full_name}"

    def day_at(self, at: datetime) -> date:
        """Give the day it is for the doctor at the aware instant `at`."""
        return at.astimezone(ZoneInfo(self.timezone)).date()

    @property
    def lacks(self) -> list[str]:
        """Name what an admin needs before this doctor can become active."""
        needed = {
            gettext("full name"): self.full_name,
            gettext("phone"): self.phone,
            gettext("registration number"): self.registration_number,
            gettext("specialization"): self.specialization,
        }
        return [label for label, value in needed.items() if not value]

    def lacks_to_submit(self, day: date) -> list[str]:
        """Name what is missing on `day` before the doctor can send the profile to be checked."""
        usable = DoctorCredential.objects.filter(doctor=self).usable_on(day)
        lacks = self.lacks
        if not DoctorLocation.objects.filter(doctor=self, is_active=True).exists():
            lacks.append(gettext("a place"))
        if not usable.exists():
            lacks.append(gettext("a certificate"))
        return lacks

    @property
    def languages_shown(self) -> str:
        """Give the languages in words."""
        return ", ".join(str(Language(code).label) for code in self.languages)

    @property
    def hpr_id_shown(self) -> str:
        """Give the HPR ID as people know it, `21-1521-3828-3227`."""
        digits = self.hpr_id or ""
        return "-".join(filter(None, [digits[:2], digits[2:6], digits[6:10], digits[10:]]))


class DoctorRevision(models.Model):
    """A profile as it stood at one version; kept for disputes."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    doctor = models.ForeignKey(Doctor, on_delete=models.PROTECT, related_name="+")
    version = models.PositiveIntegerField()
    snapshot = models.JSONField()
    changed_by = models.ForeignKey(
        "registry.User", on_delete=models.PROTECT, related_name="+", null=True
    )
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "doctor_revisions"
        ordering = ["doctor", "version"]
        constraints = [
            models.UniqueConstraint(fields=["doctor", "version"], name="revision_version_once"),
        ]

    def __str__(self) -> str:
        return f"{self.doctor_id} version {self.version}"


def certificate_path(credential: "DoctorCredential", _name: str) -> str:
    """Place a certificate by its row's id; nothing of the person stands in the path."""
    return f"certificates/{credential.pk}"


class DoctorCredentialStatus(models.TextChoices):
    UPLOADED = "UPLOADED", _("Uploaded")
    IN_REVIEW = "IN_REVIEW", _("Being checked")
    VERIFIED = "VERIFIED", _("Verified")
    NEEDS_CHANGE = "NEEDS_CHANGE", _("Needs a change")
    EXPIRED = "EXPIRED", _("Expired")


# What the doctor must change or renew.
STALE = (DoctorCredentialStatus.NEEDS_CHANGE, DoctorCredentialStatus.EXPIRED)


def _run_out_on(day: date) -> Q:
    return Q(valid_until__isnull=False, valid_until__lt=day)


def _must_change_on(day: date) -> Q:
    return Q(status__in=STALE) | _run_out_on(day)


class DoctorCredentialQuerySet(models.QuerySet["DoctorCredential"]):
    """Which credentials."""

    def current(self) -> "DoctorCredentialQuerySet":
        """Leave out those that a newer upload replaces."""
        return self.filter(replaced_by_id=None)

    def replaced(self) -> "DoctorCredentialQuerySet":
        """Keep those that a newer upload replaces."""
        return self.exclude(replaced_by_id=None)

    def replaceable_on(self, day: date) -> "DoctorCredentialQuerySet":
        """Keep what the doctor may upload anew; twin of `DoctorCredential.can_be_replaced_on`."""
        return self.current().filter(_must_change_on(day))

    def usable_on(self, day: date) -> "DoctorCredentialQuerySet":
        """Leave out those that the doctor must change or renew."""
        return self.current().exclude(_must_change_on(day))

    def judged_on(self, day: date) -> "DoctorCredentialQuerySet":
        """Give each row `has_run_out` and `must_change`, as they are on `day`, for pages."""
        return self.annotate(
            has_run_out=ExpressionWrapper(_run_out_on(day), models.BooleanField()),
            must_change=ExpressionWrapper(_must_change_on(day), models.BooleanField()),
        )

    def valid_on(self, day: date) -> "DoctorCredentialQuerySet":
        """Keep verified credentials that have not run out on `day`."""
        return self.current().filter(~_run_out_on(day), verified=True)


class DoctorCredentialKind(models.TextChoices):
    DEGREE = "DEGREE", _("Degree")
    REGISTRATION = "REGISTRATION", _("Council registration")
    FELLOWSHIP = "FELLOWSHIP", _("Fellowship or diploma")


class DoctorCredentialContentType(models.TextChoices):
    PDF = "application/pdf", _("PDF")
    JPEG = "image/jpeg", _("JPEG")
    PNG = "image/png", _("PNG")


class DoctorCredential(Timestamped):
    """A degree or registration, with its certificate and what an admin found."""

    Kind = DoctorCredentialKind

    Status = DoctorCredentialStatus

    ContentType = DoctorCredentialContentType

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    doctor = models.ForeignKey(Doctor, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.DEGREE)
    degree = models.CharField(max_length=80)
    institution = models.CharField(max_length=160)
    year = models.PositiveSmallIntegerField()
    certificate = models.FileField(upload_to=certificate_path, blank=True)
    certificate_url = models.URLField(blank=True)
    file_name = models.CharField(max_length=160, blank=True)
    content_type = models.CharField(max_length=20, choices=ContentType.choices, blank=True)
    size_bytes = models.PositiveIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.UPLOADED)
    verified = models.BooleanField(default=False)
    verified_by = models.ForeignKey(
        "registry.User", on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    verified_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    valid_until = models.DateField(null=True, blank=True)
    replaced_by = models.OneToOneField(
        "self", on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )

    objects = DoctorCredentialQuerySet.as_manager()

    class Meta:
        db_table = "doctor_credentials"
        ordering = ["doctor", "-year", "id"]
        constraints = [
            one_of("status", DoctorCredentialStatus, name="credential_status_known"),
            one_of("kind", DoctorCredentialKind, name="credential_kind_known"),
            models.CheckConstraint(
                condition=Q(verified=True, status="VERIFIED")
                | (Q(verified=False) & ~Q(status="VERIFIED")),
                name="credential_verified_is_its_status",
            ),
            only_when("verified_at", Q(verified=True), name="credential_verified_at_a_time"),
            both_or_neither("verified_by", "verified_at", name="credential_verified_pair"),
            models.CheckConstraint(
                condition=(Q(certificate="") & ~Q(certificate_url=""))
                | (~Q(certificate="") & Q(certificate_url="", sha256__regex="^[0-9a-f]{64}$")),
                name="credential_file_or_url",
            ),
            models.CheckConstraint(
                condition=~Q(status="NEEDS_CHANGE") | ~Q(reason=""),
                name="credential_change_has_reason",
            ),
            models.CheckConstraint(
                condition=Q(year__gte=1940, year__lte=2100), name="credential_year_plausible"
            ),
        ]
        indexes = [
            # A search asks it of each doctor whose turn comes, and mostly none ends.
            models.Index(
                fields=["doctor", "valid_until"],
                condition=Q(
                    kind="REGISTRATION",
                    verified=True,
                    replaced_by=None,
                    valid_until__isnull=False,
                ),
                name="registration_by_end",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.degree}, {self.institution}"

    def can_be_replaced_on(self, day: date) -> bool:
        """Tell whether the doctor may upload it anew; twin of `replaceable_on`."""
        has_run_out = self.valid_until is not None and self.valid_until < day
        return self.replaced_by_id is None and (has_run_out or self.status in STALE)

    @property
    def encryption_context(self) -> str:
        """Bind the sealed certificate to this row."""
        return f"doctor_credentials.certificate:{self.pk}"


class DoctorLocation(Timestamped):
    """A place where a doctor sees patients, with the zone its hours are in."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    doctor = models.ForeignKey(Doctor, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    address = models.CharField(max_length=240)
    city = models.CharField(max_length=80)
    state = models.CharField(max_length=2, choices=State.choices)
    pin = models.CharField(max_length=6)
    latitude = models.DecimalField(max_digits=9, decimal_places=6, null=True, blank=True)
    longitude = models.DecimalField(max_digits=9, decimal_places=6, null=True, blank=True)
    timezone = models.CharField(max_length=64, default="Asia/Kolkata")
    phone = models.CharField(max_length=16, blank=True)
    is_active = models.BooleanField(default=True)

    class Meta:
        db_table = "doctor_locations"
        ordering = ["doctor", "name", "id"]
        constraints = [
            one_of("state", State, name="location_state_known"),
            models.CheckConstraint(
                condition=Q(pin__regex="^[1-9][0-9]{5}$"), name="location_pin_is_6_digits"
            ),
            models.CheckConstraint(
                condition=Q(phone="") | Q(phone__regex=r"^\+[1-9][0-9]{6,14}$"),
                name="location_phone_is_e164",
            ),
            both_or_neither("latitude", "longitude", name="location_point_pair"),
            models.CheckConstraint(
                condition=Q(latitude__gte=-90, latitude__lte=90)
                & Q(longitude__gte=-180, longitude__lte=180),
                name="location_point_on_earth",
            ),
        ]
        indexes = [
            models.Index(fields=["doctor"], name="location_by_doctor"),
            models.Index(Upper("city"), "doctor", name="location_by_city"),
            models.Index(fields=["state", "doctor"], name="location_by_state"),
            models.Index(fields=["latitude", "longitude"], name="location_by_point"),
            # So few that asking whether a place is among them reads next to nothing.
            models.Index(fields=["id"], condition=Q(is_active=False), name="location_not_in_use"),
        ]

    def __str__(self) -> str:
        return f"{self.name}, {self.city}"
