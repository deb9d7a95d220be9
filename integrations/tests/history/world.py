"""Who takes part: a few doctors whom many want, and insurers with several clients each."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from consent.tests.factories import make_consent
from integrations.tests.factories import make_api_key
from registry.models import Doctor, DoctorLocation, InsuranceProvider, User
from registry.tests.factories import make_doctor, make_location, make_provider, make_user
from scheduling import diary, openings
from scheduling.models import BookingRules, DayOfWeek
from scheduling.tests.factories import make_window

INSURERS = 5
DAYS = 3
MOST_OPEN_A_DAY = 4
MOST_PER_DAY = 12
HOLD_MINUTES = 1


@dataclass(frozen=True)
class State:
    """An appointment as somebody was told that it is."""

    version: int
    status: str
    start: datetime
    location_id: UUID
    token: int | None


@dataclass
class Practice:
    """A doctor, where they work, and the times that their hours had at first."""

    doctor: Doctor
    user: User
    places: list[DoctorLocation]
    starts: list[tuple[datetime, UUID]] = field(default_factory=list)
    # Whether somebody may change how many patients a day takes.
    keeps_rules: bool = False


@dataclass(frozen=True)
class World:
    """All who take part."""

    practices: list[Practice]
    insurers: list[tuple[InsuranceProvider, str]]

    def practice_at(self, location_id: UUID) -> Practice:
        """Give whose place it is."""
        return next(
            one for one in self.practices if location_id in {place.pk for place in one.places}
        )


def make_world(*, at: datetime) -> World:
    """Add doctors and insurers.

    Args:
        at: aware instant from which consents and hours hold.
    """
    practices = [_one_place(), _shared_slots(), _two_places(), _few_a_day(), _nights()]
    insurers = [_insurer(practices, at) for _ in range(INSURERS)]
    openings.build(doctor_ids=[one.doctor.pk for one in practices], at=at)
    first = datetime.combine(at.date() + timedelta(days=1), time(0), tzinfo=UTC)
    for one in practices:
        found = diary.slots_between(
            doctor=one.doctor, starts_at=first, ends_at=first + timedelta(days=DAYS), at=at
        )
        one.starts += [(slot.starts_at, slot.location_id) for slot in found]
    return World(practices, insurers)


def _insurer(practices: list[Practice], at: datetime) -> tuple[InsuranceProvider, str]:
    provider = make_provider(max_open_bookings_per_day=MOST_OPEN_A_DAY, hold_minutes=HOLD_MINUTES)
    for one in practices:
        granted = at - timedelta(hours=1)
        make_consent(doctor=one.doctor, insurance_provider=provider, granted_at=granted)
    _, key = make_api_key(insurance_provider=provider, expires_at=at + timedelta(days=1))
    return provider, key


def _practice(*places: dict[str, Any]) -> Practice:
    doctor = make_doctor()
    return Practice(doctor, make_user(doctor=doctor), [make_location(doctor, **p) for p in places])


def _open(practice: Practice, place: int, begins: time, ends: time, **terms: Any) -> None:
    for day in DayOfWeek.values:
        given = {"day_of_week": day, "start_time": begins, "end_time": ends} | terms
        make_window(practice.doctor, practice.places[place], **given)


def _one_place() -> Practice:
    practice = _practice({})
    _open(practice, 0, time(9), time(13))
    _open(practice, 0, time(17), time(19))
    return practice


def _shared_slots() -> Practice:
    practice = _practice({})
    _open(practice, 0, time(10), time(13), capacity=3, slot_duration_minutes=30)
    return practice


def _two_places() -> Practice:
    practice = _practice({}, {"name": "Marina Clinic", "timezone": "Asia/Dubai"})
    _open(practice, 0, time(9), time(12), buffer_minutes=5)
    _open(practice, 1, time(16), time(18), slot_duration_minutes=20, mode="TELE")
    return practice


def _few_a_day() -> Practice:
    practice = _practice({})
    practice.keeps_rules = True
    _open(practice, 0, time(9), time(17))
    BookingRules.objects.create(doctor=practice.doctor, most_per_day=MOST_PER_DAY)
    return practice


def _nights() -> Practice:
    practice = _practice({})
    _open(practice, 0, time(22), time(1), slot_duration_minutes=20, capacity=2)
    return practice
