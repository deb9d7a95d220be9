from typing import Any

from drf_spectacular.drainage import set_override
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

CURSOR = "`cursor` of the next page; null when this was the last."


class Out(serializers.Serializer[Any]):
    """A shape only: representations make the JSON."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        set_override(cls, "component_name", cls.__name__.removesuffix("Out"))


@extend_schema_field({"type": "string", "format": "date-time", "pattern": "Z$"})
class Utc(serializers.DateTimeField):
    """An instant in UTC, RFC 3339, which ends in `Z`."""


class Version(serializers.IntegerField):
    """Counts the changes of one row."""

    def __init__(self, **given: Any) -> None:
        super().__init__(min_value=1, **given)


class Phone(serializers.RegexField):
    """A telephone number, E.164."""

    def __init__(self, **given: Any) -> None:
        super().__init__(r"^\+[1-9][0-9]{6,14}$", **({"help_text": "E.164."} | given))


class Zone(serializers.CharField):
    """The name of a time zone."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**({"help_text": "IANA zone, such as Asia/Kolkata."} | given))
