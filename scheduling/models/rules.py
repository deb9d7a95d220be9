from datetime import timedelta

from django.db import models
from django.db.models import Q

from registry.constraints import at_least
from registry.models import Doctor, Timestamped


class BookingRules(Timestamped):
    """How a doctor wants to be booked; a doctor without a row has the defaults."""

    LONGEST_LEAD = timedelta(days=30)

    LONGEST_HORIZON = timedelta(days=180)

    doctor = models.OneToOneField(
        Doctor, on_delete=models.PROTECT, related_name="+", primary_key=True
    )
    lead_time_minutes = models.PositiveIntegerField(default=0)
    horizon_days = models.PositiveSmallIntegerField(default=60)
    most_per_day = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        db_table = "booking_rules"
        constraints = [
            models.CheckConstraint(
                condition=Q(lead_time_minutes__lte=30 * 24 * 60),
                name="booking_rules_lead_up_to_30_days",
            ),
            models.CheckConstraint(
                condition=Q(horizon_days__gte=1, horizon_days__lte=180),
                name="booking_rules_horizon_1_to_180_days",
            ),
            at_least("most_per_day", 1, name="booking_rules_most_per_day_from_1"),
        ]

    def __str__(self) -> str:
        return f"{self.lead_time_minutes} minutes to {self.horizon_days} days ahead"
