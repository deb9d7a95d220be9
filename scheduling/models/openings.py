from typing import Any

from django.db import models
from django.db.models import F, Q

from registry.constraints import at_least, both_or_neither
from registry.models import Doctor, DoctorLocation
from scheduling.models.terms import Mode


class BitsField(models.Field):  # type: ignore[type-arg]  # Django's own is not generic at run time.
    """Bits of a whole number, the lowest first, so that the database can look for the next one."""

    def db_type(self, connection: Any) -> str:
        return "varbit"

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else f"{value:b}"[::-1]

    def from_db_value(self, value: str | None, *_: object) -> int | None:
        return None if value is None else int(value[::-1] or "0", 2)


class OpenDay(models.Model):
    """A doctor's local date at one place in one mode, while a patient could still come.

    It says what `slots.open_days` says, and `scheduling.openings` alone writes it. Bit n of
    `starts` is set when a free slot starts n times `step_minutes` after `first_free_at`.
    `slot_minutes` and `capacity` are null when the free slots are not all alike, and in rows that
    are older than these columns: whoever reads null asks the slot function. Lead
    time, horizon, holds, credentials, consent and whether the place is in use are not in it:
    these depend on the clock or on other tables.
    """

    pk = models.CompositePrimaryKey("doctor_id", "local_date", "location_id", "mode")
    # Nothing here is ever the only copy, so that no row is checked against two others.
    doctor = models.ForeignKey(
        Doctor, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    local_date = models.DateField()
    location = models.ForeignKey(
        DoctorLocation,
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    mode = models.CharField(max_length=9, choices=Mode.choices)
    first_free_at = models.DateTimeField()
    last_free_at = models.DateTimeField()
    free = models.PositiveIntegerField()
    step_minutes = models.PositiveSmallIntegerField()
    starts = BitsField()
    slot_minutes = models.PositiveSmallIntegerField(null=True)
    capacity = models.PositiveSmallIntegerField(null=True)
    # The doctor's and, in capitals, the place's; triggers of migration 0004 carry them over.
    specialization = models.CharField(max_length=32)
    city = models.CharField(max_length=80)

    class Meta:
        db_table = "open_days"
        constraints = [
            models.CheckConstraint(
                condition=Q(first_free_at__lte=F("last_free_at")),
                name="open_day_begins_before_its_last",
            ),
            at_least("free", 1, name="open_day_has_a_free_place"),
            at_least("step_minutes", 1, name="open_day_steps_forward"),
            both_or_neither("slot_minutes", "capacity", name="open_day_slots_alike"),
        ]
        # The last start is for days that have begun: those that are over by then cost no row.
        indexes = [
            models.Index(
                fields=["specialization", "city", "first_free_at", "doctor", "last_free_at"],
                name="open_day_by_city",
            ),
            models.Index(
                fields=["specialization", "first_free_at", "doctor", "last_free_at"],
                name="open_day_by_specialization",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.local_date} from {self.first_free_at:%H:%M} UTC: {self.free} free"


class OpenDayHead(models.Model):
    """For which local dates a doctor's open days are kept; locked by whoever writes them."""

    doctor = models.OneToOneField(
        Doctor, on_delete=models.PROTECT, related_name="+", primary_key=True
    )
    covers_from = models.DateField()
    covers_to = models.DateField()

    class Meta:
        db_table = "open_day_heads"
        constraints = [
            models.CheckConstraint(
                condition=Q(covers_from__lte=F("covers_to")), name="open_day_head_covers_days"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.covers_from} to {self.covers_to}"
