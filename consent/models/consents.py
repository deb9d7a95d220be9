import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from registry.constraints import at_least, only_when, subset_of
from registry.models import Doctor, InsuranceProvider, Timestamped

ERASE_WITHIN = timedelta(days=30)
SHOWS = """
    d.status = 'ACTIVE'
    AND p.integration_status = CASE WHEN d.is_sandbox THEN 'SANDBOX' ELSE 'LIVE' END
    AND c.consent_status = 'ACTIVE'
    AND c.granted_at <= %(at)s
    AND (c.expires_at IS NULL OR c.expires_at > %(at)s)
"""
"""`ConsentQuerySet.showing_at` for SQL written by hand: doctors `d`, doctor_insurance_consent `c`
and insurance_providers `p`, which the statement has joined, at the aware instant `at`."""


class DataClass(models.TextChoices):
    """What a doctor can choose to share; the values are the API's."""

    PROFILE = "profile", _("Profile")
    CREDENTIALS = "credentials", _("Credentials")
    AVAILABILITY = "availability", _("Availability")
    APPOINTMENTS = "appointments", _("Appointments")


class ConsentQuerySet(models.QuerySet["Consent"]):
    """Which consents."""

    def active_at(self, at: datetime) -> "ConsentQuerySet":
        """Keep consents in force at the aware instant `at`; twin of `Consent.is_active_at`."""
        unexpired = Q(expires_at=None) | Q(expires_at__gt=at)
        return self.filter(unexpired, consent_status=Consent.Status.ACTIVE, granted_at__lte=at)

    def over_at(self, at: datetime) -> "ConsentQuerySet":
        """Keep those whose end has come by `at` and is not written down; twin of `is_over_at`."""
        return self.filter(consent_status=Consent.Status.ACTIVE, expires_at__lte=at)

    def to_ask_again(
        self, versions: Iterable[str], *, ends_at: datetime, at: datetime
    ) -> "ConsentQuerySet":
        """Keep those in force at `at` under some versions of the notice that outlast `ends_at`.

        Those that end before then of themselves are asked nothing: the next one is given under
        the newest notice.
        """
        lasting = Q(expires_at=None) | Q(expires_at__gt=ends_at)
        return self.active_at(at).filter(lasting, notice_version__in=versions, asked_again_at=None)

    def ending_within(self, period: timedelta, *, at: datetime) -> "ConsentQuerySet":
        """Keep consents in force at the aware instant `at` that end within a period from then."""
        return self.active_at(at).filter(expires_at__lte=at + period)

    def standing_as(self, status: str, *, at: datetime) -> "ConsentQuerySet":
        """Keep those of a status at the aware instant `at`; twin of `Consent.status_at`."""
        over = Q(consent_status=Consent.Status.ACTIVE, expires_at__lte=at)
        if status == Consent.Status.EXPIRED:
            return self.filter(over | Q(consent_status=status))
        return self.filter(~over, consent_status=status)

    def overdue_at(self, at: datetime) -> "ConsentQuerySet":
        """Keep ended ones that the insurer should have erased by `at`; twin of `is_overdue_at`."""
        return self.filter(erase_by__lte=at, erased_at=None)

    def showing_at(self, at: datetime) -> "ConsentQuerySet":
        """Keep consents that show a doctor to an insurer at `at`; as `visible_doctors`, `SHOWS`."""
        sandbox, live = InsuranceProvider.Status.SANDBOX, InsuranceProvider.Status.LIVE
        same_world = Q(insurance_provider__integration_status=sandbox, doctor__is_sandbox=True) | Q(
            insurance_provider__integration_status=live, doctor__is_sandbox=False
        )
        return self.active_at(at).filter(same_world, doctor__status=Doctor.Status.ACTIVE)


class ConsentStatus(models.TextChoices):
    """How a doctor stands with an insurer; the first two leave no trace in a consent."""

    REQUESTED = "REQUESTED", _("Asked for")
    DECLINED = "DECLINED", _("Declined")
    ACTIVE = "ACTIVE", _("On")
    REVOKED = "REVOKED", _("Withdrawn")
    EXPIRED = "EXPIRED", _("Ended")


GIVEN = (ConsentStatus.ACTIVE, ConsentStatus.REVOKED, ConsentStatus.EXPIRED)


class Consent(Timestamped):
    """What one doctor lets one insurer see, and since when; there is none before it is given.

    What comes before, an insurer's request and a doctor's no, stands in `ConsentRequest`. So what
    an insurer reads of its consents tells nothing of a request that was not accepted.
    """

    Status = ConsentStatus

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    doctor = models.ForeignKey(Doctor, on_delete=models.PROTECT, related_name="+")
    insurance_provider = models.ForeignKey(
        InsuranceProvider, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    consent_status = models.CharField(
        max_length=9, choices=[(status.value, status.label) for status in GIVEN]
    )
    data_classes = ArrayField(models.CharField(max_length=12, choices=DataClass.choices))
    purpose = models.CharField(max_length=40)
    notice_version = models.CharField(max_length=20)
    language = models.CharField(max_length=2, default="en")
    granted_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    # To ask again under a newer notice brings the end forward; the one that was chosen is kept.
    asked_again_at = models.DateTimeField(null=True, blank=True)
    chosen_expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    erase_by = models.DateTimeField(null=True, blank=True)
    erasure_acknowledged_at = models.DateTimeField(null=True, blank=True)
    erased_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    objects = ConsentQuerySet.as_manager()

    class Meta:
        db_table = "doctor_insurance_consent"
        ordering = ["doctor", "insurance_provider"]
        constraints = [
            models.UniqueConstraint(
                fields=["doctor", "insurance_provider"], name="consent_once_per_pair"
            ),
            models.CheckConstraint(
                condition=Q(consent_status__in=GIVEN), name="consent_status_known"
            ),
            subset_of("data_classes", DataClass, name="consent_data_classes_known"),
            models.CheckConstraint(
                condition=~Q(data_classes__len=0), name="consent_names_data_classes"
            ),
            only_when(
                "revoked_at", Q(consent_status="REVOKED"), name="consent_revoked_at_its_time"
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("granted_at")), name="consent_expires_after_grant"
            ),
            models.CheckConstraint(
                condition=~Q(consent_status="EXPIRED") | Q(expires_at__isnull=False),
                name="consent_expired_has_its_end",
            ),
            models.CheckConstraint(
                condition=Q(asked_again_at=None) | Q(expires_at__isnull=False),
                name="consent_asked_again_has_its_end",
            ),
            models.CheckConstraint(
                condition=Q(chosen_expires_at=None)
                | Q(asked_again_at__isnull=False, chosen_expires_at__gt=F("expires_at")),
                name="consent_chosen_end_is_later",
            ),
            models.CheckConstraint(
                condition=Q(erase_by=None)
                | ~Q(consent_status="ACTIVE")
                & Q(erase_by__gte=Coalesce("revoked_at", "expires_at")),
                name="consent_erased_after_its_end",
            ),
            models.CheckConstraint(
                condition=Q(erasure_acknowledged_at=None) | Q(erase_by__isnull=False),
                name="consent_erasure_was_asked",
            ),
            models.CheckConstraint(
                condition=Q(erased_at=None) | Q(erasure_acknowledged_at__isnull=False),
                name="consent_erased_is_acknowledged",
            ),
            at_least("version", 1, name="consent_version_counts_from_1"),
        ]
        indexes = [
            models.Index(
                fields=["insurance_provider", "consent_status", "doctor"],
                name="consent_by_provider",
            ),
            models.Index(fields=["insurance_provider", "id"], name="consent_listed"),
            models.Index(
                fields=["expires_at"],
                condition=Q(consent_status="ACTIVE", expires_at__isnull=False),
                name="consent_by_end",
            ),
            models.Index(
                fields=["notice_version"],
                condition=Q(consent_status="ACTIVE", asked_again_at=None),
                name="consent_by_notice",
            ),
            models.Index(
                fields=["erase_by"],
                condition=Q(erase_by__isnull=False, erased_at=None),
                name="consent_to_be_erased",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.doctor_id} to {self.insurance_provider_id}: {self.consent_status}"

    @property
    def chosen_end(self) -> datetime | None:
        """Give the end that the doctor chose; `None` holds until withdrawn."""
        return self.chosen_expires_at if self.asked_again_at else self.expires_at

    def is_active_at(self, at: datetime) -> bool:
        """Tell whether it is in force at the aware instant `at`; twin of `active_at`."""
        return (
            self.consent_status == self.Status.ACTIVE
            and self.granted_at <= at
            and (self.expires_at is None or at < self.expires_at)
        )

    def is_over_at(self, at: datetime) -> bool:
        """Tell whether its end has come by `at` and is not written down; twin of `over_at`."""
        is_active = self.consent_status == self.Status.ACTIVE
        return is_active and self.expires_at is not None and self.expires_at <= at

    def status_at(self, at: datetime) -> ConsentStatus:
        """Give the status at the aware instant `at`: a period that is over needs no job to end."""
        return self.Status.EXPIRED if self.is_over_at(at) else self.Status(self.consent_status)

    def erase_by_at(self, at: datetime) -> datetime | None:
        """Give until when the insurer must have erased what it holds, as it is known at `at`."""
        if self.is_over_at(at):
            assert self.expires_at is not None
            return self.expires_at + ERASE_WITHIN
        return self.erase_by

    def is_overdue_at(self, at: datetime) -> bool:
        """Tell whether the insurer should have erased it by `at`; twin of `overdue_at`."""
        return self.erase_by is not None and self.erase_by <= at and self.erased_at is None


def insurers_for(doctor: Doctor) -> models.QuerySet[InsuranceProvider]:
    """Keep insurers that a doctor may choose, and any with whom there is a consent already."""
    statuses = InsuranceProvider.Status
    world = statuses.SANDBOX if doctor.is_sandbox else statuses.LIVE
    known = Consent.objects.filter(doctor=doctor, insurance_provider=OuterRef("pk"))
    return InsuranceProvider.objects.filter(Q(integration_status=world) | Exists(known))


def visible_doctors(provider: InsuranceProvider, *, at: datetime) -> models.QuerySet[Doctor]:
    """Keep the doctors who exist for an insurer at the aware instant `at`.

    The one place that decides it, for API, feed, webhooks, push and preview alike: the doctor is
    active, has an active consent, and is synthetic exactly when the insurer is in the sandbox.
    """
    consented = Consent.objects.active_at(at).filter(
        doctor=OuterRef("pk"), insurance_provider=provider
    )
    if provider.integration_status == InsuranceProvider.Status.SUSPENDED:
        return Doctor.objects.none()
    return Doctor.objects.active().filter(Exists(consented), is_sandbox=provider.sees_sandbox)
