"""Values as JSON has them."""

from datetime import UTC, date, datetime
from typing import Any

Json = dict[str, Any]


def instant(value: datetime) -> str:
    """Write an aware instant as RFC 3339 in UTC, ending in `Z`."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def day(value: date | None) -> str | None:
    """Write a date as RFC 3339."""
    return None if value is None else value.isoformat()
