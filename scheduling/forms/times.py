import re
from datetime import time
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext

_WORDS = {"noon": time(12), "midnight": time(0)}
_WRITTEN = re.compile(
    r"(?P<hour>\d{1,2}) ?[:. ]? ?(?P<minute>\d{2})?(:00)? ?(?P<half>[ap]\.?m?\.?)?", re.IGNORECASE
)
_NOON = 12
_DAY = 24


def read_time(written: str) -> time | None:
    """Read a time as people write it: `9`, `9am`, `9.30`, `0930`, `5:30 pm`, `17:30`, `noon`."""
    plain = " ".join(written.lower().split())
    if plain in _WORDS:
        return _WORDS[plain]
    found = _WRITTEN.fullmatch(plain)
    if found is None:
        return None
    hour, minute = int(found["hour"]), int(found["minute"] or 0)
    if found["half"]:
        if not 1 <= hour <= _NOON:
            return None
        hour = hour % _NOON + (_NOON if found["half"].startswith("p") else 0)
    elif (hour, minute) == (_DAY, 0):
        hour = 0
    try:
        return time(hour, minute)
    except ValueError:
        return None


class WallTimeInput(forms.TimeInput):
    """A browser's own control for times; plain text once what was typed is not a time."""

    def __init__(self) -> None:
        super().__init__(format="%H:%M", attrs={"step": 300})

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        if isinstance(value, str) and (known := read_time(value)):
            context["widget"]["value"] = f"{known:%H:%M}"
        unreadable = isinstance(value, str) and value and not read_time(value)
        context["widget"]["type"] = "text" if unreadable else "time"
        return context


class WallTimeField(forms.Field):
    """A time of day, in any of the ways that `read_time` knows."""

    widget = WallTimeInput

    def to_python(self, value: Any) -> time | None:
        if value in self.empty_values:
            return None
        known = read_time(value)
        if known is None:
            raise ValidationError(gettext("Enter a time, such as 9am or 17:30."), code="invalid")
        return known
