"""Asking the search, for its tests."""

from datetime import datetime, timedelta

from registry.models import Doctor, InsuranceProvider
from registry.tests.factories import NOW
from scheduling import openings
from scheduling.openings import Found, Wanted

WEEK = Wanted(NOW, NOW + timedelta(days=7))


def build() -> None:
    openings.build(doctor_ids=list(Doctor.objects.values_list("pk", flat=True)), at=NOW)


def found(
    provider: InsuranceProvider, wanted: Wanted = WEEK, *, at: datetime = NOW, limit: int = 20
) -> list[Found]:
    """Search; how far away a slot is, is left out."""
    answer = openings.earliest(provider=provider, wanted=wanted, at=at, limit=limit)
    return [one._replace(distance_km=None) for one in answer]
