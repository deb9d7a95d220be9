"""Wall times as people read them, in the language of the page."""

from datetime import date, datetime, time

from django.utils.dateformat import format as formatted
from django.utils.translation import pgettext, pgettext_lazy

# English has two halves of a day; other languages name its parts.
_PARTS = [
    (4, pgettext_lazy("from midnight to 4", "%(time)sam")),
    (12, pgettext_lazy("from 4 to noon", "%(time)sam")),
    (16, pgettext_lazy("from noon to 4", "%(time)spm")),
    (19, pgettext_lazy("from 4 to 7 in the evening", "%(time)spm")),
    (24, pgettext_lazy("from 7 in the evening to midnight", "%(time)spm")),
]


def twelve_hours(at: time | datetime) -> str:
    """Give a wall time, such as `9am` or `9:30am`."""
    minutes = f":{at.minute:02}" if at.minute else ""
    pattern = next(pattern for before, pattern in _PARTS if at.hour < before)
    return pattern % {"time": f"{at.hour % 12 or 12}{minutes}"}


def full_date(day: date) -> str:
    """Give a date such as `Tuesday 24 November 2026`."""
    return formatted(day, "l j F Y")


def day_and_month(day: date) -> str:
    """Give a date such as `Tuesday 24 November`."""
    return formatted(day, "l j F")


def full_moment(at: datetime) -> str:
    """Give an instant on the wall, such as `Tuesday 24 November 2026, 9am`."""
    words = {"date": full_date(at), "time": twelve_hours(at)}
    return pgettext("an instant", "%(date)s, %(time)s") % words
