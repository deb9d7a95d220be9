from collections import Counter
from collections.abc import Iterable

from django import forms
from django.utils.translation import gettext_lazy as _

from scheduling.models import Availability, Mode

# How open time is cut into visits; the fields of `TermsForm`, in its order.
TERMS = ["slot_duration_minutes", "capacity", "buffer_minutes", "mode"]
USUAL = {
    "slot_duration_minutes": "15",
    "capacity": "1",
    "buffer_minutes": "0",
    "mode": Mode.IN_PERSON.value,
}


class TermsForm(forms.Form):
    """How open time is cut into visits."""

    slot_duration_minutes = forms.IntegerField(
        label=_("Minutes for each visit"), min_value=5, max_value=240
    )
    capacity = forms.IntegerField(
        label=_("Patients at the same time"),
        help_text=_("With more than one, each patient gets a token number."),
        min_value=1,
        max_value=50,
    )
    buffer_minutes = forms.IntegerField(
        label=_("Minutes of break between visits"), min_value=0, max_value=120
    )
    mode = forms.ChoiceField(label=_("How you meet"), choices=Mode.choices)


def usual_terms(rows: Iterable[Availability]) -> dict[str, str]:
    """Give the terms that most windows share, as they would be typed."""
    terms = Counter(tuple(str(getattr(row, name)) for name in TERMS) for row in rows)
    return dict(zip(TERMS, terms.most_common(1)[0][0], strict=True)) if terms else dict(USUAL)
