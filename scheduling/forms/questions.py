from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from registry.models import DoctorLocation, InsuranceProvider
from scheduling.forms.times import WallTimeField


class QuestionForm(forms.Form):
    """A time of a day, to learn why it is not free; with one place, nobody is asked which."""

    time = WallTimeField(
        label=_("Time"), error_messages={"required": _("Enter a time, such as 9am or 17:30.")}
    )

    def __init__(
        self,
        *args: Any,
        places: Sequence[DoctorLocation],
        insurers: Sequence[InsuranceProvider],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.places = {str(place.pk): place for place in places}
        self.insurers = {insurer.slug: insurer for insurer in insurers}
        if len(places) > 1:
            self.fields["place"] = forms.ChoiceField(
                label=gettext("Place"),
                choices=[
                    ("", gettext("Any place")),
                    *((key, one.name) for key, one in self.places.items()),
                ],
                error_messages={"invalid_choice": gettext("Choose one of your places.")},
                required=False,
            )
        if insurers:
            self.fields["insurer"] = forms.ChoiceField(
                label=gettext("Insurer"),
                help_text=gettext("Checks also whether it may book with you."),
                choices=[
                    ("", gettext("Any insurer")),
                    *((key, one.name) for key, one in self.insurers.items()),
                ],
                error_messages={"invalid_choice": gettext("Choose one of the insurers.")},
                required=False,
            )

    @property
    def chosen_places(self) -> list[DoctorLocation]:
        """Give the place that was chosen, or else all that were to choose from."""
        chosen = self.places.get(self.cleaned_data.get("place", ""))
        return [chosen] if chosen else list(self.places.values())

    @property
    def insurer(self) -> InsuranceProvider | None:
        """Give the insurer that was chosen."""
        return self.insurers.get(self.cleaned_data.get("insurer", ""))
