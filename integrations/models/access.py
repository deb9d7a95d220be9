import uuid
from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from registry.constraints import both_or_neither, subset_of
from registry.fields import EncryptedTextField
from registry.ids import uuid7
from registry.models import InsuranceProvider, Timestamped, User

# The dated version of the API that new keys are pinned to.
NEWEST_VERSION = "2026-11-01"


class Scope(models.TextChoices):
    """What a key may do; the values are the API's."""

    DOCTORS_READ = "doctors:read", "Read doctors"
    SLOTS_READ = "slots:read", "Read free times"
    APPOINTMENTS_READ = "appointments:read", "Read own appointments"
    APPOINTMENTS_WRITE = "appointments:write", "Book, move and cancel"
    CONSENTS_READ = "consents:read", "Read consents"
    CONSENTS_WRITE = "consents:write", "Ask doctors for consent"
    EVENTS_READ = "events:read", "Read the feed of events"
    WEBHOOKS_MANAGE = "webhooks:manage", "Manage webhooks"


def dated_version(column: str, *, name: str) -> models.CheckConstraint:
    """Demand the name of a dated version of the API, such as 2026-11-01."""
    return models.CheckConstraint(
        condition=Q(**{f"{column}__regex": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}), name=name
    )


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """Which keys."""

    def usable_at(self, at: datetime) -> "ApiKeyQuerySet":
        """Keep keys that open a door at the aware instant `at`."""
        return self.filter(
            ~Q(insurance_provider__integration_status=InsuranceProvider.Status.SUSPENDED),
            revoked_at=None,
            expires_at__gt=at,
        )


class ApiKey(Timestamped):
    """An insurer's key: only its hash and last four characters are kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    insurance_provider = models.ForeignKey(
        InsuranceProvider, on_delete=models.PROTECT, related_name="+"
    )
    name = models.CharField(max_length=80)
    is_test = models.BooleanField()
    sha256 = models.CharField(max_length=64, unique=True)
    last_four = models.CharField(max_length=4)
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope.choices))
    api_version = models.CharField(max_length=10)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    last_used_on = models.DateField(null=True, blank=True)
    last_used_ip = models.GenericIPAddressField(null=True, blank=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        db_table = "api_keys"
        ordering = ["insurance_provider", "-created_at"]
        constraints = [
            subset_of("scopes", Scope, name="api_key_scopes_known"),
            models.CheckConstraint(condition=~Q(scopes__len=0), name="api_key_has_scopes"),
            models.CheckConstraint(
                condition=Q(sha256__regex="^[0-9a-f]{64}$"), name="api_key_is_hashed"
            ),
            both_or_neither("revoked_at", "revoked_by", name="api_key_revoked_pair"),
            dated_version("api_version", name="api_key_version_is_a_date"),
        ]

    def __str__(self) -> str:
        return f"{self.name} …{self.last_four}"


class IdempotencyRecord(models.Model):
    """The answer to a write, kept so that asking again does nothing again."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    insurance_provider = models.ForeignKey(
        InsuranceProvider, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    method = models.CharField(max_length=8)
    route = models.CharField(max_length=200)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status_code = models.PositiveSmallIntegerField()
    body = EncryptedTextField()
    doctor_id = models.UUIDField(null=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "idempotency_records"
        constraints = [
            models.UniqueConstraint(
                fields=["insurance_provider", "method", "route", "key"],
                name="idempotency_key_once",
            ),
            # What may change on a second try is never kept.
            models.CheckConstraint(
                condition=Q(status_code__gte=200, status_code__lt=500)
                & ~Q(status_code__in=[401, 403, 429]),
                name="idempotency_keeps_final_answers",
            ),
        ]
        indexes = [models.Index(fields=["expires_at"], name="idempotency_by_expiry")]

    def __str__(self) -> str:
        return f"{self.method} {self.route} {self.status_code}"
