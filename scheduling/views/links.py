"""Addresses that bring a time along, so that nobody types it twice."""

from datetime import date, datetime
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse


def why(starts_at: datetime, place_id: UUID | None = None, insurer: str = "") -> str:
    """Give the page on why a wall time is not free."""
    return _with_query(
        reverse("scheduling:why", args=[starts_at.date()]),
        time=_time(starts_at),
        place=place_id,
        insurer=insurer,
    )


def leave(starts_at: datetime, ends_at: datetime) -> str:
    """Give the page that adds leave, for this time."""
    return _with_query(reverse("scheduling:leave_add"), **_period(starts_at, ends_at))


def extra_hours(starts_at: datetime, ends_at: datetime, place_id: UUID | None = None) -> str:
    """Give the page that adds extra hours, for this time."""
    period = _period(starts_at, ends_at)
    return _with_query(reverse("scheduling:extra_add"), **period, place=place_id)


def leave_on(day: date) -> str:
    """Give the page that adds leave on a day."""
    return _with_query(reverse("scheduling:leave_add"), date=day)


def extra_hours_on(day: date) -> str:
    """Give the page that adds extra hours on a day."""
    return _with_query(reverse("scheduling:extra_add"), date=day)


def weekly_hours(day: date, place_id: UUID) -> str:
    """Give the page of weekly hours at its weekday, as they hold from this day on."""
    address = _with_query(reverse("scheduling:hours"), place=place_id, **{"from": day})
    return f"{address}#day-{day.weekday()}"


def _period(starts_at: datetime, ends_at: datetime) -> dict[str, object]:
    return {"date": starts_at.date(), "from": _time(starts_at), "to": _time(ends_at)}


def _time(wall: datetime) -> str:
    return f"{wall:%H:%M}"


def _with_query(address: str, **values: object) -> str:
    given = {name: value for name, value in values.items() if value}
    return f"{address}?{urlencode(given, safe=':')}"
