from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from scheduling import wording
from scheduling.holidays import Suggestion


class HolidaysForm(forms.Form):
    """Which public holidays become leave; none is ticked before somebody ticks it."""

    days = forms.MultipleChoiceField(
        label=_("Holidays to take as leave"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Tick the holidays on which you are away.")},
    )

    def __init__(self, *args: Any, suggestions: Sequence[Suggestion], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.suggestions = {key_of(one): one for one in suggestions}
        days = self.fields["days"]
        assert isinstance(days, forms.MultipleChoiceField)
        days.choices = [(key, _words(one)) for key, one in self.suggestions.items()]

    def clean_days(self) -> list[Suggestion]:
        return [self.suggestions[key] for key in self.cleaned_data["days"]]

    @property
    def chosen(self) -> list[Suggestion]:
        """Give what was ticked."""
        chosen: list[Suggestion] = self.cleaned_data["days"]
        return chosen


def key_of(one: Suggestion) -> str:
    """Name a suggestion within its page."""
    return f"{one.day}_{one.location.pk if one.location else ''}"


def _words(one: Suggestion) -> str:
    what = f"{wording.full_date(one.day)}: {one.name}"
    if one.location is None:
        return what
    return gettext("%(holiday)s, at %(place)s") % {"holiday": what, "place": one.location.name}
