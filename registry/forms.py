import re
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar
from zoneinfo import available_timezones

import phonenumbers
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.forms.renderers import TemplatesSetting
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from registry.certificates import ACCEPTED
from registry.models import Doctor, DoctorCredential, DoctorLocation
from registry.reference import (
    Council,
    Language,
    Specialization,
    State,
    canonical_registration,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django_stubs_ext import StrOrPromise

    Choices = Sequence[tuple[str, StrOrPromise]]

MEGABYTE = 1024 * 1024
OLDEST_YEAR = 1940


class FormRenderer(TemplatesSetting):
    """Draw every form with our own templates."""

    form_template_name = "forms/form.html"
    field_template_name = "forms/field.html"


@cache
def zones() -> list[tuple[str, str]]:
    """List the world's time zones for a select, as IANA names them: Region/City, and UTC.

    The others do not say where they are, or mean the server's own (`localtime`).
    """
    places = [name for name in available_timezones() if "/" in name and not name.startswith("Etc/")]
    return [(name, name.replace("_", " ")) for name in sorted([*places, "UTC"])]


def or_choose(choices: "Choices") -> "Choices":
    """Put an empty first line before the choices of a select."""
    return [("", _("Choose one")), *choices]


class NameField(forms.CharField):
    """A name or line of an address, its spaces put in order."""

    def to_python(self, value: Any) -> str:
        return " ".join(str(super().to_python(value)).split())


class PhoneField(forms.CharField):
    """A phone number as people write it, an Indian one where no country is given; gives E.164."""

    def __init__(self, **options: Any) -> None:
        given: dict[str, Any] = {"max_length": 30, "label": _("Phone")}
        super().__init__(**(given | options))
        self.widget.input_type = "tel"
        self.widget.attrs["autocomplete"] = "tel"

    def prepare_value(self, value: Any) -> Any:
        try:
            number = phonenumbers.parse(value or "", None)
        except phonenumbers.NumberParseException:
            return value
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)

    def clean(self, value: Any) -> str:
        written = super().clean(value)
        if not written:
            return ""
        try:
            number = phonenumbers.parse(written, "IN")
        except phonenumbers.NumberParseException as error:
            raise _no_phone() from error
        if not phonenumbers.is_valid_number(number):
            raise _no_phone()
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _no_phone() -> ValidationError:
    return ValidationError(
        gettext("Enter a full phone number, such as 98450 12345 or +44 20 7946 0958.")
    )


class SectionForm(forms.Form):
    """One section of the profile, edited on a page of its own."""

    title: ClassVar["StrOrPromise"]

    def __init__(self, data: Any = None, *, doctor: Doctor) -> None:
        super().__init__(data, initial=self.values_of(doctor))

    def values_of(self, doctor: Doctor) -> dict[str, Any]:
        return {name: getattr(doctor, name) for name in self.base_fields}


class IdentityForm(SectionForm):
    title = _("Name, languages and fee")

    full_name = NameField(
        max_length=120,
        label=_("Full name"),
        help_text=_("As on your council registration, without Dr."),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    years_of_experience = forms.IntegerField(
        min_value=0, max_value=80, label=_("Years of experience")
    )
    languages = forms.MultipleChoiceField(
        choices=Language.choices,
        label=_("Languages you consult in"),
        widget=forms.CheckboxSelectMultiple,
    )
    fee = forms.DecimalField(
        min_value=0,
        max_digits=8,
        decimal_places=2,
        label=_("Consultation fee in rupees"),
        help_text=_("For a first visit. You can change it at any time."),
    )

    def clean_languages(self) -> list[str]:
        """Take the same languages in another order for no change."""
        chosen: list[str] = self.cleaned_data["languages"]
        before: list[str] = self.initial["languages"]
        return before if set(chosen) == set(before) else chosen


class RegistrationForm(SectionForm):
    title = _("Registration")

    registration_council = forms.ChoiceField(
        choices=or_choose(Council.choices), label=_("Medical council")
    )
    registration_number = forms.CharField(
        max_length=30,
        label=_("Registration number"),
        help_text=_("As on your registration certificate, such as 45123 or 2011/08/1234."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    hpr_id = forms.CharField(
        max_length=20,
        required=False,
        label=_("HPR ID"),
        help_text=_(
            "14 digits from the Healthcare Professionals Registry, such as 21-1521-3828-3227."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "numeric"}),
    )

    def values_of(self, doctor: Doctor) -> dict[str, Any]:
        number = doctor.registration_number or ""
        return {
            "registration_council": doctor.registration_council,
            "registration_number": number.removeprefix(f"{doctor.registration_council}-"),
            "hpr_id": doctor.hpr_id_shown,
        }

    def clean_registration_number(self) -> str:
        written: str = self.cleaned_data["registration_number"]
        council = self.cleaned_data.get("registration_council", "")
        canonical = canonical_registration(council, written) or ""
        if not re.fullmatch(r"[A-Z0-9][A-Z0-9/.-]*", canonical.removeprefix(f"{council}-")):
            raise ValidationError(
                gettext("Use only letters, digits, / . and - in the registration number.")
            )
        return canonical

    def clean_hpr_id(self) -> str:
        digits = re.sub(r"[\s-]", "", self.cleaned_data["hpr_id"])
        if digits and not re.fullmatch(r"[0-9]{14}", digits):
            raise ValidationError(gettext("An HPR ID has 14 digits, such as 21-1521-3828-3227."))
        return digits


class PracticeForm(SectionForm):
    title = _("Practice")

    specialization = forms.ChoiceField(
        choices=or_choose(Specialization.choices), label=_("Specialization")
    )
    timezone = forms.ChoiceField(
        choices=zones,
        label=_("Your time zone"),
        help_text=_(
            "Your own days and lists are shown in it. Each place has a zone for its hours."
        ),
    )


class ContactForm(SectionForm):
    title = _("Phone")

    phone = PhoneField(help_text=_("A number where we and insurers can reach your practice."))


SECTIONS: dict[str, type[SectionForm]] = {
    "identity": IdentityForm,
    "registration": RegistrationForm,
    "practice": PracticeForm,
    "contact": ContactForm,
}


class PlaceForm(forms.Form):
    name = NameField(
        max_length=120, label=_("Name of the place"), help_text=_("Such as City Clinic.")
    )
    address = NameField(max_length=240, label=_("Street and area"))
    city = NameField(max_length=80, label=_("City"))
    state = forms.ChoiceField(choices=or_choose(State.choices), label=_("State or territory"))
    pin = forms.RegexField(
        r"^[1-9][0-9]{5}$",
        label=_("PIN code"),
        error_messages={"invalid": _("A PIN code has 6 digits, such as 560011.")},
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "postal-code"}),
    )
    phone = PhoneField(required=False, label=_("Phone of the place"))
    timezone = forms.ChoiceField(
        choices=zones,
        initial="Asia/Kolkata",
        label=_("Time zone"),
        help_text=_("The hours you set for this place are in this zone."),
    )


class PlaceEditForm(PlaceForm):
    is_active = forms.BooleanField(
        required=False,
        label=_("I see patients here"),
        help_text=_("Without it, insurers are offered no times here. Booked appointments stay."),
    )

    def __init__(self, data: Any = None, *, location: DoctorLocation) -> None:
        initial = {name: getattr(location, name) for name in self.base_fields}
        super().__init__(data, initial=initial)


class CredentialForm(forms.Form):
    kind = forms.ChoiceField(choices=DoctorCredential.Kind.choices, label=_("What it is"))
    degree = NameField(
        max_length=80,
        label=_("Degree or title"),
        help_text=_("Such as MBBS, or MD General Medicine."),
    )
    institution = NameField(max_length=160, label=_("University, college or council"))
    year = forms.IntegerField(min_value=OLDEST_YEAR, label=_("Year it was given"))
    valid_until = forms.DateField(
        required=False,
        label=_("Valid until"),
        help_text=_("Only where it must be renewed."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    certificate = forms.FileField(
        label=_("Certificate"),
        help_text=_("A PDF with up to 50 pages, or a clear photo (JPEG or PNG), up to 10 MB."),
        widget=forms.FileInput(attrs={"accept": ",".join(ACCEPTED)}),
    )

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today

    def clean_year(self) -> int:
        year: int = self.cleaned_data["year"]
        if year > self.today.year:
            raise ValidationError(gettext("The year it was given cannot be in the future."))
        return year

    def clean_valid_until(self) -> date | None:
        last_day: date | None = self.cleaned_data["valid_until"]
        if last_day and last_day < self.today:
            raise ValidationError(
                gettext("This certificate is no longer valid. Upload the renewed one.")
            )
        return last_day

    def clean_certificate(self) -> Any:
        file = self.cleaned_data["certificate"]
        if file.size > settings.CERTIFICATE_MAX_BYTES:
            most = settings.CERTIFICATE_MAX_BYTES // MEGABYTE
            raise ValidationError(
                gettext(
                    "The file has %(size)s MB, more than %(most)s MB. "
                    "Scan it in grey or at a lower resolution, and choose it again."
                )
                % {"size": f"{file.size / MEGABYTE:.1f}", "most": most}
            )
        return file


class SubmitForm(forms.Form):
    attest = forms.BooleanField(
        label=_("I confirm that everything here is true and that these certificates are mine"),
        error_messages={"required": _("Confirm that everything is true before you send it.")},
    )


class SeenForm(forms.Form):
    """Bring along which version of a doctor's record the person saw who now decides."""

    version = forms.IntegerField(min_value=1, widget=forms.HiddenInput)


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=500,
        label=_("What is wrong, and what helps"),
        help_text=_("The doctor reads this."),
        widget=forms.Textarea(attrs={"rows": 4}),
    )


class ReceptionistForm(forms.Form):
    email = forms.EmailField(help_text=_("They sign in with it, after they set a password."))
    phone = PhoneField(
        required=False,
        help_text=_("Only admins see it. Left empty, the number there is stays."),
    )
    permissions = forms.MultipleChoiceField(
        choices=Doctor._meta.permissions,
        label=_("What they may do"),
        widget=forms.CheckboxSelectMultiple,
    )
