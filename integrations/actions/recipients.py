"""Which insurer hears of which event: asked when the feed is written and again before sending."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef

from consent.models import Consent, DataClass
from registry.models import OutboxEvent

WITHDRAWN = "doctor.withdrawn"
_NEEDS = {"availability.updated": DataClass.AVAILABILITY}


class Consents:
    """The consents of some doctors as they stand at one instant; one query."""

    def __init__(self, doctors: Iterable[UUID | None], *, at: datetime) -> None:
        showing = Consent.objects.showing_at(at).filter(pk=OuterRef("pk"))
        mine = Consent.objects.filter(doctor__in={doctor for doctor in doctors if doctor})
        self._at = at
        self._of_doctor: defaultdict[UUID | None, list[tuple[Consent, bool]]] = defaultdict(list)
        for consent in mine.annotate(shows=Exists(showing)):
            self._of_doctor[consent.doctor_id].append((consent, consent.shows))  # type: ignore[attr-defined]

    def recipients(self, event: OutboxEvent) -> dict[UUID, UUID | None]:
        """Give the insurers that hear of an event, each with its consent's id if there is one.

        An event with an insurer of its own is about the dealings of that insurer with the doctor,
        so it goes there whatever the consent. That a doctor left goes to all who were consented.
        Every other event is about the doctor, and only those who may see the doctor hear it.
        """
        consents = self._of_doctor[event.doctor_id]
        own = event.insurance_provider_id
        if own is not None:
            ids = (consent.pk for consent, _ in consents if consent.insurance_provider_id == own)
            return {own: next(ids, None)}
        return {
            consent.insurance_provider_id: consent.pk
            for consent, shows in consents
            if self._lets_through(consent, event, shows=shows)
        }

    def _lets_through(self, consent: Consent, event: OutboxEvent, *, shows: bool) -> bool:
        if event.type == WITHDRAWN:
            return consent.is_active_at(self._at)
        needed = _NEEDS.get(event.type)
        return shows and (needed is None or needed in consent.data_classes)


def needs_consent_now(event: OutboxEvent) -> bool:
    """Tell whether consent is asked again right before the event is sent."""
    return event.insurance_provider_id is None and event.type != WITHDRAWN
