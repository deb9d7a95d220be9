from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Mode(models.TextChoices):
    """How doctor and patient meet; the values are the API's."""

    IN_PERSON = "IN_PERSON", _("In person")
    TELE = "TELE", _("By video or phone")


def slot_checks(table: str) -> list[models.CheckConstraint]:
    """Demand sensible slots of a table that says how open time is cut."""
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
