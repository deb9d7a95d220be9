from rest_framework import serializers

from integrations.api.shapes.base import Out, Utc
from integrations.api.shapes.choices import CALLER_KINDS, KEY_MODES, TOKEN_ERRORS
from integrations.models import Scope


class InsurerOut(Out):
    id = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.SlugField()


class CallerOut(Out):
    """The key that you call with, or the client that got your access token."""

    kind = serializers.ChoiceField(CALLER_KINDS)
    id = serializers.UUIDField(help_text="Of a client: its `client_id`.")
    name = serializers.CharField()
    last_four = serializers.RegexField(
        "^[0-9A-Za-z]{4}$", allow_null=True, help_text="How the key ends; null for a client."
    )
    expires_at = Utc()
    token_expires_at = Utc(
        allow_null=True, help_text="When your access token ends, if you use one."
    )


class TokenOut(Out):
    access_token = serializers.RegexField("^dpt_[0-9A-Za-z_-]{43}$")
    token_type = serializers.RegexField("^Bearer$", help_text="Send it as your key.")
    expires_in = serializers.IntegerField(min_value=1, help_text="In seconds. Ask again then.")
    scope = serializers.CharField(help_text="What it may do, with spaces between the scopes.")


class TokenRefusalOut(Out):
    """An error of RFC 6749, section 5.2."""

    error = serializers.ChoiceField(TOKEN_ERRORS, help_text="Decide by this.")
    error_description = serializers.CharField(help_text="What happened, for people.")


class LimitsOut(Out):
    calls_per_second = serializers.IntegerField(help_text="Of each of your keys, in any second.")
    calls_per_hour = serializers.IntegerField(help_text="Of each of your keys, in any hour.")
    body_bytes = serializers.IntegerField(help_text="The largest body.")
    page_rows = serializers.IntegerField(help_text="The largest `limit`.")
    slot_days = serializers.IntegerField(help_text="The longest period of slots.")
    feed_days = serializers.IntegerField(help_text="How long the feed keeps events.")
    open_bookings_per_doctor_and_day = serializers.IntegerField()


class MeOut(Out):
    insurer = InsurerOut()
    mode = serializers.ChoiceField(KEY_MODES)
    scopes = serializers.ListField(child=serializers.ChoiceField(Scope.choices))
    api_version = serializers.RegexField(
        "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", help_text="The version that your calls are answered by."
    )
    caller = CallerOut()
    limits = LimitsOut()
