"""What insurers send, checked; what they get is in `shapes`."""

from collections.abc import Mapping
from functools import cache
from typing import Any, cast

from drf_spectacular.drainage import set_override
from rest_framework import serializers

from integrations.api.fields import (
    ExactChoice,
    ExactString,
    ExactUUID,
    Instant,
    InstantOrDate,
    PlainNumber,
    WholeNumber,
)
from integrations.api.problems import Problem
from registry.reference import Language, Specialization, State
from scheduling.models import Appointment, AppointmentStatus, Mode

MOST_WAIT_SECONDS = 20
MOST_ROWS = 100
_AROUND = ("latitude", "longitude", "distance_km")
_BOOKED = [choice for choice in AppointmentStatus.choices if choice[0] != "HELD"]


class Exact(serializers.Serializer[Any]):
    """Refuse what it does not know."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        set_override(cls, "component_name", cls.__name__.removesuffix("In"))

    def to_internal_value(self, data: Any) -> Any:
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, Mapping) else []
        if unknown:
            message = serializers.ErrorDetail("This is not known here.", code="unknown")
            raise serializers.ValidationError({name: [message] for name in unknown})
        return super().to_internal_value(data)

    @classmethod
    def read(cls, data: Any) -> dict[str, Any]:
        """Give what was sent, checked.

        Raises:
            ValidationError: something is wrong with it.
        """
        return cast("dict[str, Any]", _shared(cls).run_validation(data))


@cache
def _shared(serializer: type[Exact]) -> Exact:
    """Make a serializer once: its fields keep nothing of what they check, and are dear to copy."""
    return serializer()


class Page(Exact):
    limit = WholeNumber(min_value=1, max_value=MOST_ROWS, default=50, help_text="How many at most.")
    cursor = ExactString(
        required=False, help_text="`next` of the page before; opaque, for the same filters only."
    )


class DoctorQuery(Page):
    specialization = ExactChoice(
        Specialization.choices, required=False, help_text="A specialization's code."
    )
    city = ExactString(
        required=False, max_length=80, help_text="City of one of the places, whatever its case."
    )
    state = ExactChoice(
        State.choices, required=False, help_text="State of one of the places: ISO 3166-2 after IN-."
    )
    language = ExactChoice(
        Language.choices, required=False, help_text="A language the doctor consults in: ISO 639-1."
    )
    q = ExactString(
        required=False,
        min_length=2,
        max_length=80,
        help_text="A part of the name, or the whole registration number.",
    )
    updated_since = InstantOrDate(
        required=False,
        help_text="Only doctors whose data or consent changed at or after this time; a date means "
        "its start in UTC.",
    )


class AsOfQuery(Exact):
    as_of = InstantOrDate(
        required=False,
        help_text="Show the doctor as at this time, for a dispute: since the consent was given "
        "last, and not after now. RFC 3339 with an offset; a date means its start in UTC.",
    )


class SlotQuery(Exact):
    def get_fields(self) -> dict[str, Any]:
        # `from` is no name for an attribute.
        return {
            "from": InstantOrDate(
                required=False,
                help_text="First time of interest: RFC 3339 with an offset, or a date, which "
                "means the start of that day in the doctor's time zone. Default: now.",
            ),
            "to": InstantOrDate(
                required=False,
                help_text="End of the period, at most 31 days after `from`: RFC 3339 with an "
                "offset, not included, or a date, which is included whole. Default: 7 days later.",
            ),
            "location_id": ExactUUID(required=False, help_text="Only at this place."),
        }


class SearchQuery(Exact):
    specialization = ExactChoice(
        Specialization.choices, required=False, help_text="A specialization's code."
    )
    city = ExactString(required=False, max_length=80, help_text="City, whatever its case.")
    latitude = PlainNumber(
        required=False,
        min_value=-90,
        max_value=90,
        help_text="From where distances count, in degrees; with `longitude` and `distance_km`.",
    )
    longitude = PlainNumber(
        required=False, min_value=-180, max_value=180, help_text="The same, degrees east."
    )
    distance_km = PlainNumber(
        required=False, min_value=0, max_value=200, help_text="Only places as near as this."
    )
    mode = ExactChoice(Mode.choices, required=False, help_text="How doctor and patient meet.")
    limit = WholeNumber(min_value=1, max_value=MOST_ROWS, default=20, help_text="How many at most.")
    per_doctor = WholeNumber(
        min_value=1, max_value=10, default=1, help_text="How many of one doctor at most."
    )

    def get_fields(self) -> dict[str, Any]:
        return super().get_fields() | {
            "from": InstantOrDate(
                required=False,
                help_text="First time of interest: RFC 3339 with an offset, or a date in UTC. "
                "Default: now.",
            ),
            "to": InstantOrDate(
                required=False,
                help_text="End of the period, at most 31 days after `from`: RFC 3339 with an "
                "offset, not included, or a date in UTC, which is included whole. "
                "Default: 7 days later.",
            ),
        }

    def validate(self, query: dict[str, Any]) -> dict[str, Any]:
        missing = [name for name in _AROUND if name not in query]
        if missing and len(missing) < len(_AROUND):
            message = serializers.ErrorDetail(
                f"Give {', '.join(_AROUND)} together.", code="incomplete"
            )
            raise serializers.ValidationError({name: [message] for name in missing})
        return query


class AppointmentQuery(Page):
    doctor_id = ExactUUID(required=False, help_text="Only with this doctor.")
    status = ExactChoice(_BOOKED, required=False, help_text="Only in this status.")
    external_appointment_id = ExactString(
        required=False, max_length=120, help_text="Only the one that you know by this id."
    )

    def get_fields(self) -> dict[str, Any]:
        return super().get_fields() | {
            "from": InstantOrDate(
                required=False,
                help_text="Only those that start at or after: RFC 3339 with an offset, or a date "
                "in UTC.",
            ),
            "to": InstantOrDate(
                required=False,
                help_text="Only those that start before: RFC 3339 with an offset, or a date in "
                "UTC, which is included whole.",
            ),
        }


class EventQuery(Exact):
    after = WholeNumber(
        min_value=0,
        max_value=2**63 - 1,
        default=0,
        help_text="`next_after` of the page before; 0 is the beginning.",
    )
    limit = WholeNumber(
        min_value=1, max_value=MOST_ROWS, default=MOST_ROWS, help_text="How many at most."
    )
    wait = serializers.IntegerField(
        min_value=0,
        max_value=MOST_WAIT_SECONDS,
        default=0,
        help_text="So many seconds to wait for an event when there is none; then, or when too many "
        "calls wait already, the answer is an empty page.",
    )


class TimeIn(Exact):
    start = Instant(help_text="A slot's start, RFC 3339 with any offset.")
    location_id = ExactUUID(
        required=False,
        allow_null=True,
        help_text="One of the doctor's places; without it, the one whose slot starts then.",
    )
    mode = ExactChoice(
        Mode.choices,
        required=False,
        allow_null=True,
        help_text="How they meet; without it, as the slot has it.",
    )


class MoveIn(TimeIn):
    pass


class OfDoctor(Exact):
    doctor_id = ExactUUID(help_text="A doctor who has opted in to you.")


class HoldIn(OfDoctor, TimeIn):
    pass


class AppointmentIn(HoldIn):
    hold_id = ExactUUID(
        required=False,
        allow_null=True,
        help_text="Your hold of this time. One that has ended keeps nothing: then the time is "
        "booked if it is free.",
    )
    external_appointment_id = ExactString(
        max_length=120, help_text="Your id of the appointment; it can be used once."
    )
    patient_reference = ExactString(
        max_length=200,
        help_text="Your opaque reference to the patient. Never a name, a number or a condition.",
    )
    visit_type = ExactString(
        required=False, allow_null=True, max_length=40, help_text="Your word, such as follow_up."
    )


class CancelIn(Exact):
    reason = ExactChoice(Appointment.CancelReason.choices, help_text="Why, as a code.")
    note = ExactString(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=500,
        help_text="For the doctor to read. Never about the patient's health.",
    )


def query_of(serializer: type[Exact], params: Any) -> dict[str, Any]:
    """Check query parameters; each may be given once."""
    errors: list[dict[str, str]] = []
    query: dict[str, Any] = {}
    try:
        query = serializer.read({name: params[name] for name in params})
    except serializers.ValidationError as error:
        errors = [
            {"parameter": name, "code": one.code, "detail": str(one)}
            for name, found in cast("dict[str, Any]", error.detail).items()
            for one in found
        ]
    errors += [
        {"parameter": name, "code": "repeated", "detail": "Give this once."}
        for name in params
        if len(params.getlist(name)) > 1
    ]
    if errors:
        raise Problem("invalid_request", errors=errors)
    return query
