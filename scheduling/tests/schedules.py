"""Schedules without a database: plain values around Tuesday 24 November 2026."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from scheduling import slots
from scheduling.slots import Reason, Schedule, Slot, Terms, Window

CLINIC = UUID(int=1)
HOSPITAL = UUID(int=2)
INDIA = ZoneInfo("Asia/Kolkata")
LONDON = ZoneInfo("Europe/London")
# Monday 23 November 2026, 9:00 in India.
NOW = datetime(2026, 11, 23, 3, 30, tzinfo=UTC)
TUESDAY = date(2026, 11, 24)
FROM = date(2026, 1, 1)
HALF_HOURS = Terms(CLINIC, INDIA, slot_minutes=30)
MORNING = Window(1, time(9), time(11), FROM, None, HALF_HOURS)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def wall(day: date, at: time, zone: ZoneInfo = INDIA) -> datetime:
    """Give the instant at which clocks of a zone show a time."""
    return datetime.combine(day, at, tzinfo=zone)


AT_9 = wall(TUESDAY, time(9))


def of_day(schedule: Schedule, day: date = TUESDAY, zone: ZoneInfo = INDIA) -> list[Slot]:
    """List the slots that start on a date."""
    midnight = wall(day, time(0), zone)
    return slots.slots_between(
        schedule, starts_at=midnight, ends_at=midnight + timedelta(days=1), at=NOW
    )


def starts(found: list[Slot], zone: ZoneInfo = INDIA) -> list[str]:
    """List when slots start, by the clock."""
    return [f"{slot.starts_at.astimezone(zone):%H:%M}" for slot in found]


def why(schedule: Schedule, starts_at: datetime, **asked: Any) -> tuple[Reason, ...]:
    """List what is against a slot at an instant."""
    return slots.why_not_free(schedule, starts_at=starts_at, at=NOW, **asked)
