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


class CredentialForm(forms.Form):
    """What a new key or client may do, and for how long."""

    provider = _choose_insurer()
    name = forms.CharField(
        max_length=80, help_text="What it is for, such as “Booking system, production”."
    )
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, widget=forms.CheckboxSelectMultiple, label="May"
    )
    days = forms.TypedChoiceField(
        choices=_DAYS, coerce=int, initial="180", label="Good for", widget=forms.RadioSelect
    )


class PublicKeysForm(forms.Form):
    """Where the public keys of a client stand: here, or at an address of the insurer's."""

    jwks = forms.CharField(
        label="Public keys",
        widget=forms.Textarea({"cols": 32, "rows": 10}),
        required=False,
        help_text="A JWK set, as JSON, for RS384, ES384 or EdDSA.",
    )
    jwks_url = forms.URLField(
        label="Or the address of such a set",
        max_length=200,
        assume_scheme="https",
        required=False,
        help_text="https, on port 443. DocPort reads it anew after a minute.",
    )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if not self.errors and bool(given["jwks"]) == bool(given["jwks_url"]):
            raise forms.ValidationError("Give the keys or their address, one of the two.")
        return given


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


class LiveForm(forms.Form):
    """Why an insurer may go live though no pass vouches for its system."""

    reason = forms.CharField(
        max_length=500,
        required=False,
        label="Why it may go live without a pass",
        help_text="Needed only without a pass of the last 30 days. The audit log keeps it.",
        widget=forms.Textarea({"cols": 32, "rows": 4}),
    )


class StatusForm(forms.Form):
    """Why an insurer is suspended, or goes back to the sandbox."""

    reason = forms.CharField(
        max_length=500,
        label="Why",
        help_text="The audit log keeps it.",
        widget=forms.Textarea({"cols": 32, "rows": 4}),
    )
