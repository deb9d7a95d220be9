from datetime import datetime

from django.db import models
from django.db.models import Q

from consent.models.consents import Consent
from consent.models.requests import ConsentRequest
from registry.constraints import one_of, only_when
from registry.ids import uuid7
from registry.models import Timestamped


class ConsentMailKind(models.TextChoices):
    ASKED = "asked", "An insurer asks"
    ENDS_IN_30_DAYS = "ends_30", "Ends in 30 days"
    ENDS_IN_7_DAYS = "ends_7", "Ends in 7 days"
    ENDS_IN_1_DAY = "ends_1", "Ends in 1 day"


class ConsentMailStatus(models.TextChoices):
    WAITING = "WAITING", "Waiting"
    SENT = "SENT", "Sent"
    DROPPED = "DROPPED", "Dropped: no news any more"


class ConsentMailQuerySet(models.QuerySet["ConsentMail"]):
    """Which mails."""

    def due_at(self, at: datetime) -> "ConsentMailQuerySet":
        """Keep what is to be sent at the aware instant `at`, what has waited longest first."""
        due = self.filter(status=ConsentMail.Status.WAITING, next_attempt_at__lte=at)
        return due.order_by("next_attempt_at")


class ConsentMail(Timestamped):
    """One mail owed to a doctor, once; the row, not the broker, holds its retries."""

    Kind = ConsentMailKind
    Status = ConsentMailStatus

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    request = models.OneToOneField(
        ConsentRequest, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    consent = models.ForeignKey(
        Consent, on_delete=models.PROTECT, related_name="+", null=True, blank=True, db_index=False
    )
    # The end that it reminds of: another period has reminders of its own.
    ends_at = models.DateTimeField(null=True, blank=True)
    status = models.CharField(max_length=7, choices=Status.choices, default=Status.WAITING)
    next_attempt_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)

    objects = ConsentMailQuerySet.as_manager()

    class Meta:
        db_table = "consent_mails"
        ordering = ["-id"]
        constraints = [
            one_of("kind", ConsentMailKind, name="consent_mail_kind_known"),
            one_of("status", ConsentMailStatus, name="consent_mail_status_known"),
            only_when("sent_at", Q(status="SENT"), name="consent_mail_sent_at"),
            only_when("request", Q(kind="asked"), name="consent_mail_tells_of_a_request"),
            only_when("consent", ~Q(kind="asked"), name="consent_mail_reminds_of_a_consent"),
            only_when("ends_at", ~Q(kind="asked"), name="consent_mail_reminds_of_an_end"),
            models.UniqueConstraint(
                fields=["consent", "ends_at", "kind"], name="consent_mail_reminds_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(status="WAITING"),
                name="consent_mail_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.request_id or self.consent_id}: {self.status}"

    @property
    def about(self) -> Consent | ConsentRequest:
        """Give what it tells of; either knows the insurer."""
        about = self.request or self.consent
        assert about is not None
        return about
