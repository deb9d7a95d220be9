from rest_framework import serializers

from integrations.api.shapes.base import CURSOR, Out, Utc, Version
from integrations.api.shapes.choices import BOOKED, REASONS
from scheduling.models import Appointment, Mode

_NUMBER = "The patient's number in the queue of that place and day; null without one."


class SlotOut(Out):
    """A free time."""

    start = Utc(help_text="`start` of a hold or a booking.")
    end = Utc()
    location_id = serializers.UUIDField()
    mode = serializers.ChoiceField(Mode.choices)
    capacity = serializers.IntegerField(min_value=1, help_text="How many patients share it.")
    free = serializers.IntegerField(min_value=1, help_text="How many more can be booked.")


class SlotsOut(Out):
    items = SlotOut(many=True, help_text="Free times, earliest first.")
    why_empty = serializers.ListField(
        child=serializers.ChoiceField(REASONS),
        help_text="Everything that stands against the period's times when none is free.",
    )


class FoundSlotOut(SlotOut):
    """A free time of one of the doctors who share their hours with you."""

    doctor_id = serializers.UUIDField()
    distance_km = serializers.FloatField(
        required=False,
        min_value=0,
        help_text="To the place, as the crow flies. Absent unless you asked from where.",
    )


class FoundSlotsOut(Out):
    items = FoundSlotOut(many=True, help_text="Earliest first.")


class HoldOut(Out):
    """A place that is kept for you until `expires_at`."""

    id = serializers.UUIDField(help_text="`hold_id` of the booking.")
    doctor_id = serializers.UUIDField()
    location_id = serializers.UUIDField()
    start = Utc()
    end = Utc()
    mode = serializers.ChoiceField(Mode.choices)
    expires_at = Utc(help_text="From then on it keeps nothing.")
    token_number = serializers.IntegerField(allow_null=True, min_value=1, help_text=_NUMBER)


class AppointmentOut(Out):
    """One of your own appointments."""

    id = serializers.UUIDField(help_text="`appointment_id` everywhere else.")
    doctor_id = serializers.UUIDField()
    location_id = serializers.UUIDField()
    start = Utc()
    end = Utc()
    mode = serializers.ChoiceField(Mode.choices)
    status = serializers.ChoiceField(BOOKED)
    visit_type = serializers.CharField(allow_null=True)
    external_appointment_id = serializers.CharField(help_text="Your id of it.")
    patient_reference = serializers.CharField(allow_null=True, help_text="As you sent it.")
    version = Version(help_text="Grows with each change; the ETag in quotes.")
    token_number = serializers.IntegerField(allow_null=True, min_value=1, help_text=_NUMBER)
    cancel_reason = serializers.ChoiceField(
        Appointment.CancelReason.choices, allow_null=True, help_text="Null unless CANCELLED."
    )
    created_at = Utc()
    updated_at = Utc()


class AppointmentsOut(Out):
    items = AppointmentOut(many=True)
    next = serializers.CharField(allow_null=True, help_text=CURSOR)
