from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from registry.models import DoctorLocation
from scheduling import slots
from scheduling.models import Appointment

_Reason = Appointment.CancelReason
# Why a doctor cancels; the other reasons are for insurers and for withdrawing.
REASONS = [
    (reason.value, reason.label)
    for reason in (
        _Reason.DOCTOR_UNAVAILABLE,
        _Reason.DOCTOR_LEAVE,
        _Reason.PATIENT_REQUEST,
        _Reason.DUPLICATE,
        _Reason.OTHER,
    )
]


class CancelForm(forms.Form):
    """Why a doctor cancels, and in what words."""

    reason = forms.ChoiceField(
        label=_("Why do you cancel?"),
        choices=REASONS,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose why you cancel.")},
    )
    note = forms.CharField(
        label=_("Note to the insurer"),
        help_text=_("Only you and this insurer can read it."),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class MoveForm(forms.Form):
    """A free time chosen on the page, with what its reader had seen of the appointment."""

    start = forms.DateTimeField(widget=forms.HiddenInput)
    place = forms.UUIDField(widget=forms.HiddenInput)
    version = forms.IntegerField(widget=forms.HiddenInput)
    seen = forms.DateTimeField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, places: Sequence[DoctorLocation], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.places = {place.pk: place for place in places}

    def clean(self) -> dict[str, Any]:
        """Refuse what the page never offers: another doctor's place, a time far from now."""
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        try:
            slots.check_instants(cleaned["start"], cleaned["seen"])
        except slots.BadRange as error:
            raise ValidationError(str(error)) from error
        if cleaned["place"] not in self.places:
            raise ValidationError(gettext("This place is not yours."))
        return cleaned

    @property
    def chosen_place(self) -> DoctorLocation:
        """Give the place of the chosen time."""
        return self.places[self.cleaned_data["place"]]

    @property
    def chosen_start(self) -> datetime:
        """Give the chosen time in the zone of its place."""
        start: datetime = self.cleaned_data["start"]
        return start.astimezone(ZoneInfo(self.chosen_place.timezone))
