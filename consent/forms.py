from calendar import monthrange
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from consent.models import Consent, DataClass
from consent.notices import Notice
from registry.wording import full_date

OPEN_ENDED = "open"
AS_NOW = "as_now"
MONTHS = {"6_months": 6, "1_year": 12}
PERIODS = [
    (OPEN_ENDED, _("Until I withdraw")),
    ("6_months", _("For 6 months")),
    ("1_year", _("For 1 year")),
]


class ConsentForm(forms.Form):
    """What to share and for how long; `notice` holds the hash of the words that were read."""

    data_classes = forms.MultipleChoiceField(
        label=_("What you share"),
        choices=DataClass.choices,
        widget=forms.CheckboxSelectMultiple,
        initial=[DataClass.PROFILE],
        error_messages={"required": _("Choose what to share.")},
    )
    period = forms.ChoiceField(
        label=_("For how long"),
        choices=PERIODS,
        widget=forms.RadioSelect,
        initial=OPEN_ENDED,
        error_messages={"required": _("Choose for how long.")},
    )
    notice = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        data: Any = None,
        *,
        notice: Notice,
        zone: ZoneInfo,
        standing: Consent | None = None,
    ) -> None:
        super().__init__(data)
        self.words, self.zone, self.standing = notice, zone, standing
        classes = [(piece.code, piece.name) for piece in notice.data_classes]
        self.fields["data_classes"].choices = classes  # type: ignore[attr-defined]  # A choice field's.
        if standing is not None:
            self.initial = {"data_classes": standing.data_classes, "period": OPEN_ENDED}
        if standing is not None and standing.chosen_end is not None:
            until = standing.chosen_end.astimezone(zone)
            label = gettext("Until %(date)s, as now") % {"date": full_date(until)}
            self.fields["period"].choices = [(AS_NOW, label), *PERIODS]  # type: ignore[attr-defined]  # A choice field's.
            self.initial["period"] = AS_NOW

    def clean_data_classes(self) -> list[str]:
        chosen: list[str] = self.cleaned_data["data_classes"]
        if DataClass.PROFILE not in chosen:
            raise forms.ValidationError(
                gettext("Tick Profile too: without it nobody knows who you are.")
            )
        return chosen

    def clean(self) -> None:
        if self.cleaned_data.get("notice") != self.words.sha256:
            raise forms.ValidationError(
                gettext("The words of this page changed. Please read them again.")
            )

    def expires_at(self, at: datetime) -> datetime | None:
        """Give the end of the chosen period that begins at the aware instant `at`."""
        period = self.cleaned_data["period"]
        if period == AS_NOW:
            return self.standing.chosen_end if self.standing else None
        if period == OPEN_ENDED:
            return None
        return months_later(at.astimezone(self.zone), MONTHS[period])


def months_later(local: datetime, months: int) -> datetime:
    """Give the same wall time so many months later, or on that month's last day."""
    years, month = divmod(local.month - 1 + months, 12)
    year, month = local.year + years, month + 1
    day = min(local.day, monthrange(year, month)[1])
    return local.replace(year=year, month=month, day=day)
