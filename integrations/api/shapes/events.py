from rest_framework import serializers

from consent.models import DataClass
from integrations.api.shapes.base import Out, Utc
from integrations.api.shapes.choices import ENDS, EVENT_TYPES


class EventDataOut(Out):
    """Ids and a link; which of them are there depends on the type."""

    doctor_id = serializers.UUIDField(required=False, help_text="Whom it is about.")
    appointment_id = serializers.UUIDField(required=False, help_text="In `appointment.*`.")
    data_classes = serializers.ListField(
        child=serializers.ChoiceField(DataClass.choices),
        required=False,
        help_text="In `consent.*`: what the doctor shares from then on, or shared until then.",
    )
    reason = serializers.ChoiceField(
        ENDS, required=False, help_text="In `consent.revoked`: how the consent ended."
    )
    erase_by = Utc(required=False, help_text="In `consent.revoked`.")
    href = serializers.URLField(required=False, help_text="Where to read it as it is now.")


class EventOut(Out):
    """One change, the same in the feed and in webhooks: ids and links, never patient data."""

    id = serializers.RegexField("^evt_", help_text="The same on every delivery.")
    type = serializers.ChoiceField(EVENT_TYPES)
    timestamp = Utc(help_text="When it happened.")
    feed_seq = serializers.IntegerField(
        min_value=1, help_text="1, 2, 3 … without gaps, for you alone."
    )
    subject = serializers.CharField(help_text="What changed, such as doctor/<id>.")
    subject_version = serializers.IntegerField(help_text="Ignore one older than you have.")
    consent_id = serializers.UUIDField(
        allow_null=True, help_text="What lets you hear it; null where no doctor is concerned."
    )
    data = EventDataOut()  # type: ignore[assignment]  # Fields are taken off the class.


class EventsOut(Out):
    items = EventOut(many=True, help_text="In the order of `feed_seq`.")
    next_after = serializers.IntegerField(min_value=0, help_text="`after` of the next call.")
    head = serializers.IntegerField(min_value=0, help_text="The last number given out.")
