"""The choice of days that the doctor's lists share."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

_DAY = timedelta(days=1)
_YEARS = _("Choose a day between 2000 and 2099.")


def _day(label: Any) -> forms.DateField:
    return forms.DateField(
        required=False,
        label=label,
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        validators=[
            MinValueValidator(date(2000, 1, 1), _YEARS),
            MaxValueValidator(date(2099, 12, 31), _YEARS),
        ],
    )


class DaysForm(forms.Form):
    """From which day to which, both included; without one, that end is open."""

    since = _day(_("From"))
    until = _day(_("To"))

    def clean(self) -> dict[str, Any]:
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since and until and until < since:
            self.add_error("until", ValidationError(gettext("It cannot be before the first day.")))
        return self.cleaned_data

    def ends_in(self, zone: str) -> tuple[datetime | None, datetime | None]:
        """Give the aware instants at which the first day begins and the last one is over.

        Args:
            zone: the IANA zone whose days are meant.
        """
        since, until = self.cleaned_data["since"], self.cleaned_data["until"]
        there = ZoneInfo(zone)
        return (
            datetime.combine(since, time(0), tzinfo=there) if since else None,
            datetime.combine(until + _DAY, time(0), tzinfo=there) if until else None,
        )
