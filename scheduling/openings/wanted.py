from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID


@dataclass(frozen=True)
class Near:
    """Not farther from a point on the earth than so many kilometres."""

    latitude: float
    longitude: float
    distance_km: float


@dataclass(frozen=True)
class Wanted:
    """What a search asks for: slots that start in `[starts_at, ends_at)`, `None` takes any.

    `city` is spelled as people like; `per_doctor` is how many slots of each doctor at most.
    """

    starts_at: datetime
    ends_at: datetime
    specialization: str | None = None
    city: str | None = None
    near: Near | None = None
    mode: str | None = None
    per_doctor: int = 1

    @property
    def asks_for_profile(self) -> bool:
        """Tell whether an answer gives away something of a doctor's profile."""
        return any(asked is not None for asked in (self.specialization, self.city, self.near))


class Found(NamedTuple):
    """A free time of a doctor, and how far away it is when a search asked from where."""

    doctor_id: UUID
    location_id: UUID
    mode: str
    starts_at: datetime
    ends_at: datetime
    capacity: int
    free: int
    distance_km: float | None = None
