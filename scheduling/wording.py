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


def span(starts_at: datetime, ends_at: datetime, *, year: int) -> str:
    """Say when something lasts, such as `Tuesday 24 November, 2pm to 5pm`.

    Args:
        starts_at: in the zone in which it is told, as `ends_at`.
        year: the year that goes without saying.
    """
    first, last = starts_at.date(), (ends_at - timedelta(microseconds=1)).date()
    starts, ends = clock(starts_at), clock(ends_at)
    if starts == ends == _NAMES[_MIDNIGHT]:
        return f"{_span_of_dates(first, last, year)}, all day"
    if first == last:
        return f"{_dated(first, year)}, {starts} to {ends}"
    if last == first + timedelta(days=1) and ends_at.time() <= starts_at.time():
        return f"{_dated(first, year)}, {starts} to {ends} next day"
    return f"{_dated(first, year)}, {starts} to {_dated(last, year)}, {ends}"


def _span_of_dates(first: date, last: date, year: int) -> str:
    return (
        _dated(first, year) if first == last else f"{_dated(first, year)} to {_dated(last, year)}"
    )


def _dated(day: date, year: int) -> str:
    return day_and_month(day) if day.year == year else full_date(day)
