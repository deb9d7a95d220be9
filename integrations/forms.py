from typing import Any

from django import forms

from integrations.actions import endpoints
from integrations.models import Scope
from registry.models import InsuranceProvider

_DAYS = [("30", "30 days"), ("90", "90 days"), ("180", "180 days"), ("365", "1 year")]


def _choose_insurer() -> Any:
    return forms.ModelChoiceField(
        InsuranceProvider.objects.all(), label="Insurer", empty_label="Choose one"
    )


class ApiKeyForm(forms.Form):
    """What a new key opens, and for how long."""

    provider = _choose_insurer()
    name = forms.CharField(
        max_length=80, help_text="What the key is for, such as “Booking system, production”."
    )
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, widget=forms.CheckboxSelectMultiple, label="May"
    )
    days = forms.TypedChoiceField(
        choices=_DAYS, coerce=int, initial="180", label="Good for", widget=forms.RadioSelect
    )


class EndpointForm(forms.Form):
    """Where an insurer listens, and for what."""

    provider = _choose_insurer()
    url = forms.URLField(
        label="Address", max_length=200, assume_scheme="https", help_text="https, on port 443."
    )
    event_types = forms.MultipleChoiceField(
        choices=[(name, name) for name in endpoints.EVENT_TYPES],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        label="Events",
        help_text="Choose none to send all.",
    )
