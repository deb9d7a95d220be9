import uuid

from django.db import models
from django.db.models import Q

from registry.constraints import at_least
from registry.ids import uuid7
from registry.models.doctors import Doctor
from registry.models.providers import InsuranceProvider


class AuditLogQuerySet(models.QuerySet["AuditLog"]):
    """Which lines of the audit log."""

    def about(self, row: models.Model) -> "AuditLogQuerySet":
        """Keep what happened to one row, newest first."""
        return self.filter(entity_type=row._meta.model_name, entity_id=row.pk)

    def of_doctor(self, doctor: Doctor) -> "AuditLogQuerySet":
        """Keep what was done to a doctor and to all that is the doctor's, newest first."""
        return self.filter(doctor=doctor)


class AuditLog(models.Model):
    """Who did what to which row; rows are only ever added."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    entity_type = models.CharField(max_length=40)
    entity_id = models.UUIDField()
    # Whose row it is. Without a constraint, like the row's own id: a line that is written must wait
    # for nobody who holds the doctor's row.
    doctor = models.ForeignKey(
        Doctor,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        db_constraint=False,
        db_index=False,
    )
    action = models.CharField(max_length=60)
    performed_by = models.ForeignKey(
        "registry.User", on_delete=models.PROTECT, related_name="+", null=True
    )
    performed_by_provider = models.ForeignKey(
        InsuranceProvider, on_delete=models.PROTECT, related_name="+", null=True
    )
    timestamp = models.DateTimeField()
    metadata = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)
    ip = models.GenericIPAddressField(null=True)

    objects = AuditLogQuerySet.as_manager()

    class Meta:
        db_table = "audit_logs"
        ordering = ["-timestamp", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(performed_by=None) | Q(performed_by_provider=None),
                name="audit_one_actor",
            ),
        ]
        indexes = [
            models.Index(fields=["entity_type", "entity_id", "-timestamp"], name="audit_by_entity"),
            models.Index(fields=["-timestamp", "-id"], name="audit_by_time"),
            models.Index(
                fields=["doctor", "-timestamp", "-id"],
                condition=Q(doctor__isnull=False),
                name="audit_by_doctor",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.entity_type}/{self.entity_id}"


class AuditSeal(models.Model):
    """One link of the hash chain over the audit log; position and hash prove a row unchanged."""

    position = models.BigIntegerField(primary_key=True)
    audit_log = models.OneToOneField(AuditLog, on_delete=models.PROTECT, related_name="+")
    hash = models.CharField(max_length=64)
    sealed_at = models.DateTimeField()

    class Meta:
        db_table = "audit_seals"
        ordering = ["position"]
        constraints = [at_least("position", 1, name="seal_position_counts_from_1")]

    def __str__(self) -> str:
        return f"{self.position} {self.hash[:12]}"


def public_event_id(event_id: uuid.UUID) -> str:
    """Give the id of an event that insurers see; the same on every delivery."""
    return f"evt_{event_id.hex}"


class OutboxEventQuerySet(models.QuerySet["OutboxEvent"]):
    """Which events."""

    def unsequenced(self) -> "OutboxEventQuerySet":
        """Keep events that no insurer's feed has yet, oldest first."""
        return self.filter(sequenced_at=None).order_by("id")


class OutboxEvent(models.Model):
    """Something insurers must hear of, written in the transaction that made it true."""

    id = models.BigAutoField(primary_key=True)
    event_id = models.UUIDField(unique=True, default=uuid7, editable=False)
    type = models.CharField(max_length=40)
    subject = models.CharField(max_length=80)
    subject_version = models.PositiveIntegerField()
    doctor = models.ForeignKey(Doctor, on_delete=models.PROTECT, related_name="+", null=True)
    insurance_provider = models.ForeignKey(
        InsuranceProvider, on_delete=models.PROTECT, related_name="+", null=True
    )
    payload = models.JSONField(default=dict)
    occurred_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    sequenced_at = models.DateTimeField(null=True)

    objects = OutboxEventQuerySet.as_manager()

    class Meta:
        db_table = "outbox_events"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["subject", "subject_version", "type"], name="outbox_event_once"
            ),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(sequenced_at=None), name="outbox_unsequenced"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.subject} version {self.subject_version}"

    @property
    def public_id(self) -> str:
        """Give the id that insurers see; the same on every delivery."""
        return public_event_id(uuid.UUID(str(self.event_id)))
