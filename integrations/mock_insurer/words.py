"""Times and codes in the words that people read."""

from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]
INDIA = "Asia/Kolkata"


def zone(name: str | None) -> ZoneInfo:
    """Give a place's zone; India's where none is named."""
    try:
        return ZoneInfo(name or INDIA)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo(INDIA)


def clock(moment: time) -> str:
    """Write a wall time, such as 9am or 5:30pm."""
    hour = moment.hour % 12 or 12
    minutes = f":{moment.minute:02d}" if moment.minute else ""
    return f"{hour}{minutes}{'am' if moment.hour < 12 else 'pm'}"  # noqa: PLR2004  Noon.


def local(instant: str, zone_name: str | None) -> datetime:
    """Give an instant of DocPort's on the clock of a place."""
    return datetime.fromisoformat(instant).astimezone(zone(zone_name))


def day(moment: datetime) -> str:
    """Write a date, such as Tuesday 24 November 2026."""
    return f"{moment:%A} {moment.day} {moment:%B %Y}"


def when(instant: str, zone_name: str | None) -> str:
    """Write an instant of DocPort's on the clock of a place."""
    moment = local(instant, zone_name)
    return f"{day(moment)}, {clock(moment.time())}"


def received(unix: float) -> str:
    """Write one of our own times, in UTC."""
    return f"{datetime.fromtimestamp(unix, UTC):%Y-%m-%d %H:%M:%S} UTC"


def label(code: str | None) -> str:
    """Write one of DocPort's codes as words."""
    return (code or "").replace("_", " ").capitalize()


def hours(windows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Give the weekly hours, a line a day: Monday, "9am to 1pm, 5pm to 8pm"."""
    by_day: dict[str, list[tuple[time, time]]] = {}
    for window in windows:
        period = (
            time.fromisoformat(window["start_time"]),
            time.fromisoformat(window["end_time"]),
        )
        by_day.setdefault(window["day_of_week"], []).append(period)
    return [
        (name.capitalize(), ", ".join(_period(*period) for period in sorted(by_day[name])))
        for name in DAYS
        if name in by_day
    ]


def _period(start: time, end: time) -> str:
    overnight = " next day" if end <= start else ""
    return f"{clock(start)} to {clock(end)}{overnight}"
