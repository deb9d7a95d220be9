from django import forms

from scheduling.models import Appointment

_Reason = Appointment.CancelReason


class CancelForm(forms.Form):
    """Why a doctor cancels; the other reasons are for insurers and for withdrawing."""

    reason = forms.ChoiceField(
        label="Why do you cancel?",
        choices=[
            (reason.value, reason.label)
            for reason in (
                _Reason.DOCTOR_UNAVAILABLE,
                _Reason.DOCTOR_LEAVE,
                _Reason.PATIENT_REQUEST,
                _Reason.DUPLICATE,
                _Reason.OTHER,
            )
        ],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose why you cancel."},
    )
    note = forms.CharField(
        label="Note to the insurer",
        help_text="Only you and this insurer can read it.",
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
