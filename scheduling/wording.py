"""Times and dates as people read them."""

from datetime import date, datetime, time, timedelta

_NOON = time(12)
_MIDNIGHT = time(0)
_NAMES = {_NOON: "noon", _MIDNIGHT: "midnight"}
_ZONE_NAMES = {"Asia/Kolkata": "India Standard Time"}


def clock(at: time | datetime) -> str:
    """Give a wall time, such as `9am`, `9:30am` or `noon`."""
    wall = time(at.hour, at.minute)
    if wall in _NAMES:
        return _NAMES[wall]
    minutes = f":{at.minute:02}" if at.minute else ""
    return f"{at.hour % 12 or 12}{minutes}{'am' if wall < _NOON else 'pm'}"


def full_date(day: date) -> str:
    """Give a date such as `Tuesday 24 November 2026`."""
    return f"{day:%A} {day.day} {day:%B %Y}"


def day_and_month(day: date) -> str:
    """Give a date such as `Tuesday 24 November`."""
    return f"{day:%A} {day.day} {day:%B}"


def duration(length: timedelta) -> str:
    """Give a length such as `4 hours`, `1 hour 30 minutes` or `no hours`."""
    hours, minutes = divmod(int(length.total_seconds()) // 60, 60)
    parts = [
        f"{count} {unit}{'' if count == 1 else 's'}"
        for count, unit in ((hours, "hour"), (minutes, "minute"))
        if count
    ]
    return " ".join(parts) or "no hours"


def period(start: time, end: time) -> str:
    """Give a daily period such as `9am to 1pm`, or `10pm to 2am next day`."""
    next_day = " next day" if _MIDNIGHT < end <= start else ""
    return f"{clock(start)} to {clock(end)}{next_day}"


def length_of(start: time, end: time) -> timedelta:
    """Give how long a daily period lasts on the wall; an end not after the start is next day's."""
    day = date.min
    later = timedelta(days=1) if end <= start else timedelta(0)
    return datetime.combine(day, end) + later - datetime.combine(day, start)


def zone_name(zone: str) -> str:
    """Name an IANA zone, such as `India Standard Time`."""
    return _ZONE_NAMES.get(zone, f"{zone.replace('_', ' ')} time")
