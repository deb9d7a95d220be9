from rest_framework import serializers

from integrations.api.shapes.base import Out
from integrations.api.shapes.bookings import SlotOut
from integrations.api.shapes.choices import PROBLEM_CODES, REASONS
from integrations.models import Scope


class ErrorOut(Out):
    """What is wrong with one field of the body (`pointer`) or one query parameter."""

    pointer = serializers.CharField(
        required=False, allow_blank=True, help_text="JSON Pointer (RFC 6901) into the body."
    )
    parameter = serializers.CharField(required=False, help_text="Name of the query parameter.")
    code = serializers.CharField(help_text="Such as `required`, `unknown` or `invalid`.")
    detail = serializers.CharField(help_text="What is wrong, for people.")


class ProblemOut(Out):
    """An error, RFC 9457."""

    type = serializers.URLField(help_text="Where the documentation explains it.")
    title = serializers.CharField()
    status = serializers.IntegerField(min_value=400, max_value=599)
    detail = serializers.CharField(help_text="What happened, for people.")
    instance = serializers.CharField(help_text="The path that was called.")
    code = serializers.ChoiceField(
        PROBLEM_CODES, help_text="Decide by this; it never changes its meaning."
    )
    request_id = serializers.CharField(help_text="Name it when you ask us.")
    errors = ErrorOut(  # type: ignore[assignment]  # Fields are taken off the class.
        many=True, required=False, help_text="In `invalid_request`: each thing that is wrong."
    )
    scope = serializers.ChoiceField(
        Scope.choices, required=False, help_text="In `scope_missing`: the one that is needed."
    )
    reasons = serializers.ListField(
        child=serializers.ChoiceField(REASONS),
        required=False,
        help_text="In `slot_not_available` and `slot_taken`: everything against this time. Absent "
        "unless the doctor shares `availability`.",
    )
    next_free = SlotOut(
        many=True,
        required=False,
        help_text="With `reasons`: the next times that are free, earliest first.",
    )
    head = serializers.IntegerField(
        required=False,
        min_value=0,
        help_text="In `feed_expired`, and where `after` is beyond it: the last number given out.",
    )
