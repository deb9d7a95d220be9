"""Times and dates as people read them."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta

from django.utils.translation import gettext, gettext_lazy, ngettext, pgettext

from registry.wording import day_and_month, full_date, twelve_hours

__all__ = [
    "clock",
    "date_at",
    "day_and_month",
    "duration",
    "from_to",
    "full_date",
    "length_of",
    "listed",
    "period",
    "span",
    "zone_name",
]

_NOON = time(12)
_MIDNIGHT = time(0)
_NAMES = {_NOON: gettext_lazy("noon"), _MIDNIGHT: gettext_lazy("midnight")}
_ZONE_NAMES = {"Asia/Kolkata": gettext_lazy("India Standard Time")}


def clock(at: time | datetime) -> str:
    """Give a wall time, such as `9am`, `9:30am` or `noon`."""
    named = _NAMES.get(time(at.hour, at.minute))
    return twelve_hours(at) if named is None else str(named)


def from_to(start: str, end: str) -> str:
    """Join two times, or two days, such as `9am to 1pm`."""
    return pgettext("a period", "%(start)s to %(end)s") % {"start": start, "end": end}


def duration(length: timedelta) -> str:
    """Give a length such as `4 hours`, `1 hour 30 minutes` or `no hours`."""
    hours, minutes = divmod(int(length.total_seconds()) // 60, 60)
    parts = []
    if hours:
        parts.append(ngettext("%(count)s hour", "%(count)s hours", hours) % {"count": hours})
    if minutes:
        parts.append(
            ngettext("%(count)s minute", "%(count)s minutes", minutes) % {"count": minutes}
        )
    return " ".join(parts) or gettext("no hours")


def period(start: time, end: time) -> str:
    """Give a daily period such as `9am to 1pm`, or `10pm to 2am next day`."""
    if _MIDNIGHT < end <= start:
        return _into_next_day(clock(start), clock(end))
    return from_to(clock(start), clock(end))


def _into_next_day(start: str, end: str) -> str:
    return gettext("%(start)s to %(end)s next day") % {"start": start, "end": end}


def length_of(start: time, end: time) -> timedelta:
    """Give how long a daily period lasts on the wall; an end not after the start is next day's."""
    day = date.min
    later = timedelta(days=1) if end <= start else timedelta(0)
    return datetime.combine(day, end) + later - datetime.combine(day, start)


def zone_name(zone: str) -> str:
    """Name an IANA zone, such as `India Standard Time`."""
    if zone in _ZONE_NAMES:
        return str(_ZONE_NAMES[zone])
    return gettext("%(zone)s time") % {"zone": zone.replace("_", " ")}


def date_at(at: datetime) -> str:
    """Give an instant on the wall, such as `Tuesday 24 November 2026 at 9am`."""
    return gettext("%(day)s at %(time)s") % {"day": full_date(at.date()), "time": clock(at)}


def listed(words: Iterable[str]) -> str:
    """Join words by `and`."""
    return gettext(" and ").join(words)


def span(starts_at: datetime, ends_at: datetime, *, year: int) -> str:
    """Say when something lasts, such as `Tuesday 24 November, 2pm to 5pm`.

    Args:
        starts_at: in the zone in which it is told, as `ends_at`.
        year: the year that goes without saying.
    """
    first, last = starts_at.date(), (ends_at - timedelta(microseconds=1)).date()
    if starts_at.time() == ends_at.time() == _MIDNIGHT:
        return gettext("%(dates)s, all day") % {"dates": _span_of_dates(first, last, year)}
    starts, ends = clock(starts_at), clock(ends_at)
    if first == last:
        return _on(first, from_to(starts, ends), year)
    if last == first + timedelta(days=1) and ends_at.time() <= starts_at.time():
        return _on(first, _into_next_day(starts, ends), year)
    return from_to(_on(first, starts, year), _on(last, ends, year))


def _on(day: date, times: str, year: int) -> str:
    return pgettext("times on a day", "%(day)s, %(times)s") % {
        "day": _dated(day, year),
        "times": times,
    }


def _span_of_dates(first: date, last: date, year: int) -> str:
    if first == last:
        return _dated(first, year)
    return from_to(_dated(first, year), _dated(last, year))


def _dated(day: date, year: int) -> str:
    return day_and_month(day) if day.year == year else full_date(day)
