from typing import Any

from rest_framework import serializers

from consent.models import DataClass
from integrations.api.shapes.base import CURSOR, Out, Phone, Utc, Version, Zone
from integrations.api.shapes.choices import DAYS
from registry.models.doctors import DoctorCredentialKind
from registry.reference import Council, Language, Specialization, State
from scheduling.models import AvailabilityExceptionKind, Mode

_CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"


def _shared(data_class: DataClass, text: str = "") -> dict[str, Any]:
    """Say that a field is absent, not null, unless the doctor shares a data class."""
    absent = f"Absent unless the doctor shares `{data_class.value}`."
    return {"required": False, "help_text": f"{text} {absent}".strip()}


def _profile(text: str = "") -> dict[str, Any]:
    return _shared(DataClass.PROFILE, text)


class MoneyOut(Out):
    amount = serializers.RegexField(r"^[0-9]+\.[0-9]{2}$", help_text="A decimal, as a string.")
    currency = serializers.RegexField(r"^[A-Z]{3}$", help_text="ISO 4217.")


class LocationOut(Out):
    """A place where the doctor sees patients."""

    id = serializers.UUIDField(help_text="`location_id` everywhere else.")
    name = serializers.CharField()
    address = serializers.CharField()
    city = serializers.CharField()
    state = serializers.ChoiceField(State.choices)
    pin = serializers.RegexField(r"^[1-9][0-9]{5}$", help_text="India's postal code.")
    latitude = serializers.FloatField(allow_null=True, min_value=-90, max_value=90)
    longitude = serializers.FloatField(allow_null=True, min_value=-180, max_value=180)
    timezone = Zone()
    phone = Phone(allow_null=True)


class CredentialOut(Out):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(DoctorCredentialKind.choices)
    degree = serializers.CharField(help_text="Or the name of the registration or fellowship.")
    institution = serializers.CharField()
    year = serializers.IntegerField(help_text="When it was given.")
    verified = serializers.BooleanField(help_text="Always true: others are not shown.")
    verified_at = Utc(help_text="When an admin compared it with its certificate.")
    valid_until = serializers.DateField(allow_null=True, help_text="Last day; null is for ever.")


class DoctorOut(Out):
    """A doctor who has opted in to you; a data class that is not shared has no keys here."""

    id = serializers.UUIDField(help_text="`doctor_id` everywhere else.")
    version = Version(help_text="Grows with each change of the doctor's data.")
    updated_at = Utc()
    consent_id = serializers.UUIDField(help_text="What lets you see this.")
    data_classes = serializers.ListField(
        child=serializers.ChoiceField(DataClass.choices), help_text="What the doctor shares."
    )
    full_name = serializers.CharField(**_profile())
    registration_council = serializers.ChoiceField(
        Council.choices, **_profile("Who registered the doctor.")
    )
    registration_number = serializers.CharField(**_profile("Canonical, COUNCIL-NUMBER."))
    hpr_id = serializers.RegexField(
        r"^[0-9]{14}$", allow_null=True, **_profile("Healthcare Professionals Registry.")
    )
    specialization = serializers.ChoiceField(Specialization.choices, **_profile())
    languages = serializers.ListField(
        child=serializers.ChoiceField(Language.choices),
        **_profile("What the doctor consults in: ISO 639-1."),
    )
    years_of_experience = serializers.IntegerField(allow_null=True, min_value=0, **_profile())
    fee = MoneyOut(allow_null=True, **_profile("For one visit."))
    email = serializers.EmailField(**_profile())
    phone = Phone(**_profile("E.164."))
    timezone = Zone(**_profile("IANA zone of the doctor's calendar."))
    locations = LocationOut(many=True, **_profile("Places in use, by name."))
    credentials = CredentialOut(
        many=True, **_shared(DataClass.CREDENTIALS, "Verified and valid today, newest first.")
    )


class DoctorsOut(Out):
    items = DoctorOut(many=True)
    next = serializers.CharField(allow_null=True, help_text=CURSOR)


class CredentialsOut(Out):
    doctor_id = serializers.UUIDField()
    version = Version(help_text="The doctor's.")
    items = CredentialOut(many=True, help_text="Verified and valid today, newest first.")


class WindowOut(Out):
    """Weekly hours in the wall time of their place; an end not after the start is next day's."""

    id = serializers.UUIDField()
    location_id = serializers.UUIDField()
    timezone = Zone(help_text="IANA zone of the place.")
    day_of_week = serializers.ChoiceField(DAYS)
    start_time = serializers.RegexField(_CLOCK, help_text="Wall time, 24 hours.")
    end_time = serializers.RegexField(_CLOCK, help_text="Wall time, not included.")
    slot_duration_minutes = serializers.IntegerField(min_value=5, max_value=240)
    buffer_minutes = serializers.IntegerField(min_value=0, help_text="Kept free between two slots.")
    capacity = serializers.IntegerField(min_value=1, help_text="How many patients share a slot.")
    mode = serializers.ChoiceField(Mode.choices)
    valid_from = serializers.DateField(help_text="First local date.")
    valid_to = serializers.DateField(
        allow_null=True, help_text="First local date after it; null is for ever."
    )


class ExceptionOut(Out):
    """Leave (CLOSED) or extra hours (EXTRA, which alone have slot fields), `[start, end)`."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(AvailabilityExceptionKind.choices)
    location_id = serializers.UUIDField(allow_null=True, help_text="Null is all places.")
    start = Utc()
    end = Utc()
    slot_duration_minutes = serializers.IntegerField(
        allow_null=True, min_value=5, max_value=240, help_text="Null in leave."
    )
    buffer_minutes = serializers.IntegerField(
        allow_null=True, min_value=0, help_text="Null in leave."
    )
    capacity = serializers.IntegerField(allow_null=True, min_value=1, help_text="Null in leave.")
    mode = serializers.ChoiceField(Mode.choices, allow_null=True, help_text="Null in leave.")


class AvailabilityOut(Out):
    doctor_id = serializers.UUIDField()
    version = Version(help_text="The doctor's.")
    windows = WindowOut(many=True)
    exceptions = ExceptionOut(many=True)
