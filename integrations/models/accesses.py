from datetime import datetime, timedelta

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from consent.models import Consent, DataClass
from registry.constraints import one_of, subset_of
from registry.models import Doctor


class AccessReader(models.TextChoices):
    """Who was shown something; each has rows of its own that say which one."""

    API_KEY = "api_key", _("Key")
    OAUTH_CLIENT = "oauth_client", _("System with tokens")
    WEBHOOK = "webhook", _("Webhook")
    PUSH = "push", _("Push to its own system")


class AccessCall(models.TextChoices):
    """By what a doctor was shown."""

    DOCTOR = "doctor", _("Looked you up")
    DOCTORS = "doctors", _("Listed doctors")
    AS_OF = "as_of", _("Looked up an earlier date")
    CREDENTIALS = "credentials", _("Looked up your credentials")
    AVAILABILITY = "availability", _("Looked up your hours")
    SLOTS = "slots", _("Looked up your free times")
    SEARCH = "search", _("Searched free times")
    APPOINTMENTS = "appointments", _("Read its appointments with you")
    CONSENTS = "consents", _("Read your consent")
    EVENTS = "events", _("Read that something changed")
    WEBHOOK = "webhook", _("Was told that something changed")
    PUSH = "push", _("Was sent your data")


# Webhooks and pushes show something too, but DocPort decides when.
READS_ITSELF = (AccessReader.API_KEY, AccessReader.OAUTH_CLIENT)
_HOUR = timedelta(hours=1)
_CALL, _CLASS = AccessCall, DataClass
SHOWN_BY: dict[str, tuple[DataClass, ...]] = {
    _CALL.DOCTOR: (_CLASS.PROFILE, _CLASS.CREDENTIALS),
    _CALL.DOCTORS: (_CLASS.PROFILE, _CLASS.CREDENTIALS),
    _CALL.AS_OF: (_CLASS.PROFILE, _CLASS.CREDENTIALS),
    _CALL.CREDENTIALS: (_CLASS.CREDENTIALS,),
    _CALL.AVAILABILITY: (_CLASS.AVAILABILITY,),
    _CALL.SLOTS: (_CLASS.AVAILABILITY,),
    _CALL.SEARCH: (_CLASS.AVAILABILITY,),
    _CALL.APPOINTMENTS: (_CLASS.APPOINTMENTS,),
    _CALL.CONSENTS: (),
    _CALL.EVENTS: (),
    _CALL.WEBHOOK: (),
    _CALL.PUSH: (_CLASS.PROFILE, _CLASS.CREDENTIALS, _CLASS.AVAILABILITY),
}
"""The data classes that a call can show. Events name ids and versions: they show none."""


class AccessQuerySet(models.QuerySet["Access"]):
    """Which accesses."""

    def reads(self) -> "AccessQuerySet":
        """Keep those that an insurer's systems made themselves, the newest first."""
        return self.filter(reader_kind__in=READS_ITSELF).order_by("-hour", "-last_at")

    def between(self, starts_at: datetime | None, ends_at: datetime | None) -> "AccessQuerySet":
        """Keep what happened in a period of aware instants; `None` leaves that end open.

        The hours are UTC's, and a day need not begin with one of them.
        """
        found = self
        if starts_at is not None:
            found = found.filter(hour__gt=starts_at - _HOUR, last_at__gte=starts_at)
        if ends_at is not None:
            found = found.filter(hour__lt=ends_at, first_at__lt=ends_at)
        return found


class Access(models.Model):
    """What one reader was shown of one doctor by one kind of call, counted for each hour.

    A row only ever grows, and is deleted when it has been kept long enough: a trigger holds both.
    """

    Call = AccessCall
    Reader = AccessReader

    id = models.BigAutoField(primary_key=True)
    consent = models.ForeignKey(Consent, on_delete=models.PROTECT, related_name="+", db_index=False)
    doctor = models.ForeignKey(Doctor, on_delete=models.PROTECT, related_name="+", db_index=False)
    reader_kind = models.CharField(max_length=12, choices=AccessReader.choices)
    # Of the key, the client or the endpoint; of a push, the insurer's.
    reader_id = models.UUIDField()
    call = models.CharField(max_length=12, choices=AccessCall.choices)
    data_classes = ArrayField(models.CharField(max_length=12, choices=DataClass.choices))
    hour = models.DateTimeField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    times_shown = models.PositiveIntegerField()
    # Nothing was sent: the reader had the newest already.
    times_unchanged = models.PositiveIntegerField()

    objects = AccessQuerySet.as_manager()

    class Meta:
        db_table = "accesses"
        verbose_name_plural = "accesses"
        ordering = ["-hour", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["consent", "hour", "reader_id", "call", "data_classes"],
                name="access_once_an_hour",
            ),
            one_of("reader_kind", AccessReader, name="access_reader_known"),
            one_of("call", AccessCall, name="access_call_known"),
            subset_of("data_classes", DataClass, name="access_data_classes_known"),
            models.CheckConstraint(
                condition=Q(first_at__gte=F("hour"), last_at__gte=F("first_at")),
                name="access_times_in_order",
            ),
        ]
        indexes = [
            models.Index(fields=["doctor", "-hour", "-id"], name="access_by_doctor"),
            # Without `last_at`, which changes every second: the rows of an hour are few.
            models.Index(
                fields=["consent", "-hour"],
                condition=Q(reader_kind__in=READS_ITSELF),
                name="access_last_read",
            ),
            # Rows come in the order of time, so that a few bytes for many of them will do.
            BrinIndex(fields=["hour"], autosummarize=True, name="access_by_hour"),
        ]

    def __str__(self) -> str:
        return f"{self.call} of {self.doctor_id} by {self.reader_kind} {self.reader_id}"

    @property
    def classes_shown(self) -> str:
        """Give the data classes in words."""
        return ", ".join(str(DataClass(code).label) for code in self.data_classes)
