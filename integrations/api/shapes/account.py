from rest_framework import serializers

from integrations.api.shapes.base import Out, Utc
from integrations.api.shapes.choices import KEY_MODES
from integrations.models import Scope


class InsurerOut(Out):
    id = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.SlugField()


class KeyOut(Out):
    name = serializers.CharField()
    last_four = serializers.RegexField("^[0-9A-Za-z]{4}$")
    expires_at = Utc()


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
