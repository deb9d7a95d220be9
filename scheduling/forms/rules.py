from datetime import timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from scheduling.actions import MOST_A_DAY, RulesRefused
from scheduling.models import BookingRules
from scheduling.slots import Rules

_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
OWN = "own"
LEADS = {
    "0": (_("Up to the last minute"), timedelta(0)),
    "1h": (_("1 hour"), _HOUR),
    "2h": (_("2 hours"), 2 * _HOUR),
    "4h": (_("4 hours"), 4 * _HOUR),
    "1d": (_("1 day"), timedelta(days=1)),
    "2d": (_("2 days"), timedelta(days=2)),
}


class RulesForm(forms.Form):
    """How a doctor wants to be booked."""

    lead = forms.ChoiceField(
        label=_("How long before a visit can it last be booked?"),
        choices=[
            *((key, label) for key, (label, _lead) in LEADS.items()),
            (OWN, _("Another time")),
        ],
        widget=forms.RadioSelect,
    )
    lead_hours = forms.DecimalField(
        label=_("Hours before the visit"),
        help_text=_("If you chose another time. Half an hour is 0.5."),
        min_value=0,
        max_value=BookingRules.LONGEST_LEAD // _HOUR,
        decimal_places=2,
        required=False,
    )
    horizon_days = forms.IntegerField(
        label=_("How many days ahead can visits be booked?"),
        help_text=format_lazy(_("Up to {days}."), days=BookingRules.LONGEST_HORIZON.days),
        min_value=1,
        max_value=BookingRules.LONGEST_HORIZON.days,
    )
    most_per_day = forms.IntegerField(
        label=_("Most patients a day"),
        help_text=_("At all places together. Leave it empty for no limit."),
        min_value=1,
        max_value=MOST_A_DAY,
        required=False,
    )

    @staticmethod
    def values_of(rules: Rules) -> dict[str, Any]:
        """Give rules as they would be typed."""
        key = next((key for key, (_, lead) in LEADS.items() if lead == rules.lead_time), OWN)
        hours = Decimal(rules.lead_time // _MINUTE) / 60
        return {
            "lead": key,
            "lead_hours": f"{round(hours, 2).normalize():f}" if key == OWN else None,
            "horizon_days": rules.horizon.days,
            "most_per_day": rules.most_per_day,
        }

    def clean(self) -> dict[str, Any]:
        super().clean()
        hours, is_own = self.cleaned_data.get("lead_hours"), self.cleaned_data.get("lead") == OWN
        if is_own and hours is None and "lead_hours" not in self.errors:
            self.add_error(
                "lead_hours", ValidationError(gettext("Enter how many hours before the visit."))
            )
        return self.cleaned_data

    @property
    def rules(self) -> dict[str, Any]:
        """Give valid rules as the action takes them."""
        chosen = self.cleaned_data["lead"]
        own = self.cleaned_data["lead_hours"] or Decimal(0)
        return {
            "lead_time": round(own * 60) * _MINUTE if chosen == OWN else LEADS[chosen][1],
            "horizon": timedelta(days=self.cleaned_data["horizon_days"]),
            "most_per_day": self.cleaned_data["most_per_day"],
        }

    def show(self, refusal: RulesRefused) -> None:
        """Put what the action found beside the fields it is about."""
        fields = {"lead_time": "lead", "horizon": "horizon_days"}
        for name, text in refusal.problems.items():
            self.add_error(fields.get(name, name), text)
