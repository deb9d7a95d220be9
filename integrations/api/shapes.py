"""The shape of each answer, for the schema; a test holds them to the representations."""

from typing import Any

from drf_spectacular.drainage import set_override
from rest_framework import serializers

from consent.models import DataClass
from integrations.api.problems import CODES
from integrations.models import Scope
from registry.models.doctors import DoctorCredentialKind
from registry.reference import Council, Language, Specialization, State
from scheduling.models import (
    Appointment,
    AppointmentStatus,
    AvailabilityExceptionKind,
    DayOfWeek,
    Mode,
)
from scheduling.slots import Reason

_BOOKED = [choice for choice in AppointmentStatus.choices if choice[0] != "HELD"]
_MEANINGS = {
    Reason.OUTSIDE_HOURS: "Neither weekly nor extra hours hold this time",
    Reason.BETWEEN_SLOTS: "The doctor works then, but no slot starts then",
    Reason.ON_LEAVE: "The doctor is on leave",
    Reason.PLACE_CLOSED: "The place is not in use any more",
    Reason.WRONG_MODE: "The slot is for the other mode",
    Reason.TAKEN: "Every place of the slot is taken or held",
    Reason.TOO_SOON: "It is past, or sooner than the doctor lets anybody book",
    Reason.BEYOND_HORIZON: "It is further ahead than the doctor lets anybody book",
    Reason.DAY_FULL: "The doctor sees no more patients on that day",
    Reason.CREDENTIAL_EXPIRED: "The doctor's registration is out of date by then",
    Reason.NOT_CONSENTED: "The doctor shares no appointments with you",
}
REASONS = [(reason.value, _MEANINGS[reason]) for reason in Reason]
PROBLEM_CODES = [(code, meaning.title) for code, meaning in CODES.items()]
KEY_MODES = [("test", "Synthetic doctors only"), ("live", "Real doctors")]
_DAYS = [(day.name, day.label) for day in DayOfWeek]
EVENT_TYPES = [
    ("doctor.updated", "The profile or the credentials changed"),
    ("doctor.withdrawn", "The doctor is not visible any more"),
    ("availability.updated", "Hours, leave or extra hours changed"),
    ("consent.requested", "You asked for consent"),
    ("consent.granted", "The doctor opted in to you"),
    ("consent.changed", "The doctor shares more or less than before"),
    ("consent.revoked", "The doctor opted out; erase by `data.erase_by`"),
    ("appointment.booked", "An appointment of yours was made"),
    ("appointment.rescheduled", "An appointment of yours was moved"),
    ("appointment.cancelled", "An appointment of yours was cancelled"),
    ("appointment.arrived", "The patient has come"),
    ("appointment.completed", "The visit is over"),
    ("appointment.no_show", "The patient did not come"),
    ("ping", "A test"),
]


class Out(serializers.Serializer[Any]):
    """A shape only: representations make the JSON."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        set_override(cls, "component_name", cls.__name__.removesuffix("Out"))


class MoneyOut(Out):
    amount = serializers.RegexField(r"^[0-9]+\.[0-9]{2}$", help_text="A decimal, as a string.")
    currency = serializers.CharField(help_text="ISO 4217.")


class LocationOut(Out):
    id = serializers.UUIDField()
    name = serializers.CharField()
    address = serializers.CharField()
    city = serializers.CharField()
    state = serializers.ChoiceField(State.choices)
    pin = serializers.RegexField(r"^[1-9][0-9]{5}$")
    latitude = serializers.FloatField(allow_null=True)
    longitude = serializers.FloatField(allow_null=True)
    timezone = serializers.CharField(help_text="IANA zone.")
    phone = serializers.CharField(allow_null=True, help_text="E.164.")


class CredentialOut(Out):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(DoctorCredentialKind.choices)
    degree = serializers.CharField()
    institution = serializers.CharField()
    year = serializers.IntegerField()
    verified = serializers.BooleanField(help_text="Always true: others are not shown.")
    verified_at = serializers.DateTimeField()
    valid_until = serializers.DateField(allow_null=True)


class DoctorOut(Out):
    """A doctor who has opted in to you; a data class that is not shared has no keys here."""

    id = serializers.UUIDField()
    version = serializers.IntegerField(help_text="Grows with each change of the doctor's data.")
    updated_at = serializers.DateTimeField()
    consent_id = serializers.UUIDField()
    data_classes = serializers.ListField(child=serializers.ChoiceField(DataClass.choices))
    full_name = serializers.CharField(required=False)
    registration_council = serializers.ChoiceField(Council.choices, required=False)
    registration_number = serializers.CharField(
        required=False, help_text="Canonical, COUNCIL-NUMBER."
    )
    hpr_id = serializers.CharField(required=False, allow_null=True, help_text="14 digits.")
    specialization = serializers.ChoiceField(Specialization.choices, required=False)
    languages = serializers.ListField(
        child=serializers.ChoiceField(Language.choices), required=False
    )
    years_of_experience = serializers.IntegerField(required=False, allow_null=True)
    fee = MoneyOut(required=False, allow_null=True)
    email = serializers.EmailField(required=False)
    phone = serializers.CharField(required=False, help_text="E.164.")
    timezone = serializers.CharField(required=False, help_text="IANA zone.")
    locations = LocationOut(many=True, required=False)
    credentials = CredentialOut(many=True, required=False)


class DoctorsOut(Out):
    items = DoctorOut(many=True)
    next = serializers.CharField(allow_null=True, help_text="`cursor` of the next page.")


class CredentialsOut(Out):
    doctor_id = serializers.UUIDField()
    version = serializers.IntegerField()
    items = CredentialOut(many=True)


class WindowOut(Out):
    """Weekly hours in the wall time of their place; an end not after the start is next day's."""

    id = serializers.UUIDField()
    location_id = serializers.UUIDField()
    timezone = serializers.CharField(help_text="IANA zone of the place.")
    day_of_week = serializers.ChoiceField(_DAYS)
    start_time = serializers.RegexField(r"^[0-2][0-9]:[0-5][0-9]$")
    end_time = serializers.RegexField(r"^[0-2][0-9]:[0-5][0-9]$")
    slot_duration_minutes = serializers.IntegerField()
    buffer_minutes = serializers.IntegerField()
    capacity = serializers.IntegerField(help_text="How many patients share a slot.")
    mode = serializers.ChoiceField(Mode.choices)
    valid_from = serializers.DateField(help_text="First local date.")
    valid_to = serializers.DateField(allow_null=True, help_text="First local date after it.")


class ExceptionOut(Out):
    """Leave (CLOSED) or extra hours (EXTRA, which alone have slot fields), `[start, end)`."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(AvailabilityExceptionKind.choices)
    location_id = serializers.UUIDField(allow_null=True, help_text="Null is all places.")
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    slot_duration_minutes = serializers.IntegerField(allow_null=True)
    buffer_minutes = serializers.IntegerField(allow_null=True)
    capacity = serializers.IntegerField(allow_null=True)
    mode = serializers.ChoiceField(Mode.choices, allow_null=True)


class AvailabilityOut(Out):
    doctor_id = serializers.UUIDField()
    version = serializers.IntegerField()
    windows = WindowOut(many=True)
    exceptions = ExceptionOut(many=True)


class SlotOut(Out):
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    location_id = serializers.UUIDField()
    mode = serializers.ChoiceField(Mode.choices)
    capacity = serializers.IntegerField()
    free = serializers.IntegerField(help_text="How many more can be booked.")


class SlotsOut(Out):
    items = SlotOut(many=True)
    why_empty = serializers.ListField(
        child=serializers.ChoiceField(REASONS),
        help_text="Everything that stands against the period's times when none is free.",
    )


class FoundSlotOut(SlotOut):
    """A free time of one of the doctors who share their hours with you."""

    doctor_id = serializers.UUIDField()
    distance_km = serializers.FloatField(
        required=False, help_text="To the place, as the crow flies; only if you asked from where."
    )


class FoundSlotsOut(Out):
    items = FoundSlotOut(many=True)


class HoldOut(Out):
    """A place that is kept for you until `expires_at`."""

    id = serializers.UUIDField(help_text="`hold_id` of the booking.")
    doctor_id = serializers.UUIDField()
    location_id = serializers.UUIDField()
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    mode = serializers.ChoiceField(Mode.choices)
    expires_at = serializers.DateTimeField(help_text="From then on it keeps nothing.")
    token_number = serializers.IntegerField(
        allow_null=True, help_text="The patient's number in the queue of that day, if booked."
    )


class AppointmentOut(Out):
    id = serializers.UUIDField()
    doctor_id = serializers.UUIDField()
    location_id = serializers.UUIDField()
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    mode = serializers.ChoiceField(Mode.choices)
    status = serializers.ChoiceField(_BOOKED)
    visit_type = serializers.CharField(allow_null=True)
    external_appointment_id = serializers.CharField()
    patient_reference = serializers.CharField(allow_null=True)
    version = serializers.IntegerField(help_text="Grows with each change; the ETag in quotes.")
    token_number = serializers.IntegerField(
        allow_null=True, help_text="The patient's number in the queue of that day."
    )
    cancel_reason = serializers.ChoiceField(Appointment.CancelReason.choices, allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class AppointmentsOut(Out):
    items = AppointmentOut(many=True)
    next = serializers.CharField(allow_null=True, help_text="`cursor` of the next page.")


class EventDataOut(Out):
    doctor_id = serializers.UUIDField(required=False)
    appointment_id = serializers.UUIDField(required=False, help_text="In `appointment.*`.")
    data_classes = serializers.ListField(
        child=serializers.ChoiceField(DataClass.choices),
        required=False,
        help_text="In `consent.*`.",
    )
    erase_by = serializers.DateTimeField(required=False, help_text="In `consent.revoked`.")
    href = serializers.URLField(required=False, help_text="Where to read it now.")


class EventOut(Out):
    """One change, the same in the feed and in webhooks: ids and links, never patient data."""

    id = serializers.CharField(help_text="The same on every delivery.")
    type = serializers.ChoiceField(EVENT_TYPES)
    timestamp = serializers.DateTimeField(help_text="When it happened.")
    feed_seq = serializers.IntegerField(help_text="1, 2, 3 … without gaps, for you alone.")
    subject = serializers.CharField(help_text="Such as doctor/<id>.")
    subject_version = serializers.IntegerField(help_text="Ignore one older than you have.")
    consent_id = serializers.UUIDField(allow_null=True)
    data = EventDataOut()  # type: ignore[assignment]  # Fields are taken off the class.


class EventsOut(Out):
    items = EventOut(many=True)
    next_after = serializers.IntegerField(help_text="`after` of the next call.")
    head = serializers.IntegerField(help_text="The last number given out.")


class InsurerOut(Out):
    id = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.SlugField()


class KeyOut(Out):
    name = serializers.CharField()
    last_four = serializers.CharField()
    expires_at = serializers.DateTimeField()


class LimitsOut(Out):
    body_bytes = serializers.IntegerField(help_text="The largest body.")
    page_rows = serializers.IntegerField(help_text="The largest `limit`.")
    slot_days = serializers.IntegerField(help_text="The longest period of slots.")
    feed_days = serializers.IntegerField(help_text="How long the feed keeps events.")
    open_bookings_per_doctor_and_day = serializers.IntegerField()


class MeOut(Out):
    insurer = InsurerOut()
    mode = serializers.ChoiceField(KEY_MODES)
    scopes = serializers.ListField(child=serializers.ChoiceField(Scope.choices))
    key = KeyOut()
    limits = LimitsOut()


class ErrorOut(Out):
    """What is wrong with one field of the body (`pointer`) or one query parameter."""

    pointer = serializers.CharField(required=False, help_text="JSON Pointer (RFC 6901).")
    parameter = serializers.CharField(required=False)
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemOut(Out):
    """An error, RFC 9457."""

    type = serializers.URLField(help_text="Where the documentation explains it.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField()
    code = serializers.ChoiceField(PROBLEM_CODES)
    request_id = serializers.CharField(help_text="Name it when you ask us.")
    errors = ErrorOut(many=True, required=False)  # type: ignore[assignment]  # As above.
    scope = serializers.ChoiceField(
        Scope.choices, required=False, help_text="In `scope_missing`: the one that is needed."
    )
    reasons = serializers.ListField(
        child=serializers.ChoiceField(REASONS),
        required=False,
        help_text="In `slot_not_available` and `slot_taken`: everything against this time.",
    )
    next_free = SlotOut(
        many=True, required=False, help_text="The next times that are free, earliest first."
    )
    head = serializers.IntegerField(
        required=False, help_text="In `feed_expired`: go on after this number."
    )
