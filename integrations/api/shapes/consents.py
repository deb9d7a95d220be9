from rest_framework import serializers

from consent.models import GIVEN, DataClass
from integrations.api.shapes.base import CURSOR, Out, Utc, Version

_MEANINGS = {
    "ACTIVE": "In force",
    "REVOKED": "The doctor has withdrawn it",
    "EXPIRED": "The period that the doctor chose is over",
}
STATUSES = [(status.value, _MEANINGS[status.value]) for status in GIVEN]

NOT_VISIBLE = [
    ("consent_withdrawn", "The doctor has withdrawn the consent"),
    ("consent_expired", "The period that the doctor chose is over"),
    ("doctor_unavailable", "The doctor is not active at the moment; the consent stands"),
]


class ConsentOut(Out):
    """A doctor's consent to you, in force or ended."""

    id = serializers.UUIDField(help_text="`consent_id` everywhere else.")
    doctor_id = serializers.UUIDField(
        help_text="Readable as a doctor while the consent is in force."
    )
    status = serializers.ChoiceField(STATUSES)
    not_visible_because = serializers.ChoiceField(
        NOT_VISIBLE, allow_null=True, help_text="Why you cannot read the doctor; null if you can."
    )
    data_classes = serializers.ListField(
        child=serializers.ChoiceField(DataClass.choices),
        help_text="What the doctor shares, or shared until the end.",
    )
    purpose = serializers.CharField(help_text="What it is for, as a code.")
    notice_version = serializers.CharField(help_text="Of the words that the doctor read.")
    granted_at = Utc(help_text="When it was given last.")
    expires_at = Utc(allow_null=True, help_text="When it ends by itself; null until withdrawn.")
    revoked_at = Utc(allow_null=True, help_text="When the doctor withdrew it.")
    erase_by = Utc(allow_null=True, help_text="Once ended: erase what you hold by then.")
    erasure_acknowledged_at = Utc(
        allow_null=True, help_text="When you first said that you know you must erase."
    )
    erased_at = Utc(allow_null=True, help_text="When you erased it, as you told us.")
    version = Version(help_text="Grows with each step of the doctor, as in the events.")
    created_at = Utc()
    updated_at = Utc()


class ConsentsOut(Out):
    items = ConsentOut(many=True, help_text="In a stable order.")
    next = serializers.CharField(allow_null=True, help_text=CURSOR)


class ConsentRequestOut(Out):
    """What you asked, whoever has the number and whatever became of it."""

    registration_number = serializers.CharField(help_text="Canonical, COUNCIL-NUMBER.")
    data_classes = serializers.ListField(child=serializers.ChoiceField(DataClass.choices))
    message = serializers.CharField(allow_null=True)
    asked_at = Utc(help_text="When you first asked; asking again meanwhile changes nothing.")
    answer_by = Utc(help_text="If somebody has the number, they can answer until then.")
    ask_again_from = Utc(help_text="From then on you can ask this number again.")
