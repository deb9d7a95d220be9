"""Fields that take exactly what the documentation says and convert nothing."""

import re
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
# Conversions between zones need room at both ends of what a date can be.
_YEARS = range(1900, 2200)
_IN_YEARS = "^(19|20|21)[0-9]{2}-"
_INSTANT_SHAPE = {"type": "string", "format": "date-time", "pattern": _IN_YEARS}
_NUMBER = re.compile(r"-?\d{1,3}(\.\d{1,20})?([eE][+-]?\d{1,3})?", re.ASCII)
_WHOLE = re.compile(r"-?\d+", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class ExactString(serializers.CharField):
    """A string; a number is none."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class ExactChoice(serializers.ChoiceField):
    """One of the values, as a string."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid_choice", input=data)
        return super().to_internal_value(data)


class ExactUUID(serializers.UUIDField):
    """A UUID in its usual form, 8-4-4-4-12."""

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str) or not _UUID.fullmatch(data):
            self.fail("invalid", value=data)
        return UUID(data)


class WholeNumber(serializers.IntegerField):
    """A whole number, in digits alone."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int | str) or not _WHOLE.fullmatch(str(data)):
            self.fail("invalid")
        return super().to_internal_value(data)


class PlainNumber(serializers.FloatField):
    """A number as people and programs write it in an address: no NaN, and not endless."""

    def to_internal_value(self, data: Any) -> float:
        if not _NUMBER.fullmatch(str(data)):
            self.fail("invalid")
        return float(data)


@extend_schema_field(_INSTANT_SHAPE)
class Instant(serializers.Field[datetime, Any, str, datetime]):
    """An RFC 3339 time with its offset from UTC."""

    default_error_messages = {
        "invalid": "Give an RFC 3339 time with an offset, such as 2026-11-24T09:00:00+05:30."
    }

    def to_internal_value(self, data: Any) -> datetime:
        instant = read_instant(data) if isinstance(data, str) else None
        if instant is None:
            self.fail("invalid")
        return instant


@extend_schema_field(
    {"anyOf": [_INSTANT_SHAPE, {"type": "string", "format": "date", "pattern": _IN_YEARS}]}
)
class InstantOrDate(serializers.Field[datetime | date, Any, str, datetime | date]):
    """An RFC 3339 time with its offset, or a plain date, which means the whole local day."""

    default_error_messages = {
        "invalid": "Give an RFC 3339 time with an offset, or a date such as 2026-11-24."
    }

    def to_internal_value(self, data: Any) -> datetime | date:
        # A plus sign that nobody escaped arrives as a space.
        text = str(data).replace(" ", "+")
        read = _read_date(text) or read_instant(text)
        if read is None:
            self.fail("invalid")
        return read


def read_instant(text: str) -> datetime | None:
    """Read an RFC 3339 time as an instant in UTC; `None` when it is none."""
    if not _INSTANT.fullmatch(text):
        return None
    try:
        instant = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    return instant.astimezone(UTC) if instant.year in _YEARS else None


def _read_date(text: str) -> date | None:
    if not _DATE.fullmatch(text):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year in _YEARS else None
