from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from integrations.api.problems import wrong_parameter
from scheduling.slots import BadRange, check_instants

MOST_SLOT_DAYS = 31
_DEFAULT_PERIOD = timedelta(days=7)


def start_of(given: datetime | date, zone: tzinfo) -> datetime:
    if isinstance(given, datetime):
        return given
    return datetime.combine(given, time.min, tzinfo=zone).astimezone(UTC)


def period_of(query: dict[str, Any], zone: tzinfo, at: datetime) -> tuple[datetime, datetime]:
    """Read `from` and `to`; a date means the whole day in the zone.

    Raises:
        Problem: the period is empty, too long or not of our time.
    """
    starts_at = start_of(query["from"], zone) if "from" in query else at
    ends_at = starts_at + _DEFAULT_PERIOD
    if "to" in query:
        ends_at = end_of(query["to"], zone)
    if ends_at <= starts_at:
        raise wrong_parameter("to", "bad_range", "This must be after from.")
    # A day for the turn of the clock, and for a last date that is included whole.
    if ends_at - starts_at > timedelta(days=MOST_SLOT_DAYS, hours=1):
        raise wrong_parameter("to", "bad_range", f"At most {MOST_SLOT_DAYS} days at once.")
    try:
        check_instants(starts_at, ends_at)
    except BadRange as error:
        raise wrong_parameter("to", "bad_range", str(error)) from error
    return starts_at, ends_at


def end_of(given: datetime | date, zone: tzinfo) -> datetime:
    """Give the end of a period: a date is included whole."""
    return given if isinstance(given, datetime) else start_of(given + timedelta(days=1), zone)
