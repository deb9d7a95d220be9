from consent.models.consents import (
    ERASE_WITHIN,
    GIVEN,
    SHOWS,
    Consent,
    ConsentQuerySet,
    ConsentStatus,
    DataClass,
    insurers_for,
    visible_doctors,
)
from consent.models.history import ConsentEvent, ConsentEventKind
from consent.models.mails import ConsentMail
from consent.models.requests import (
    ANSWER_WITHIN,
    QUIET_AFTER,
    ConsentRequest,
    ConsentRequestQuerySet,
)

__all__ = [
    "ANSWER_WITHIN",
    "ERASE_WITHIN",
    "GIVEN",
    "QUIET_AFTER",
    "SHOWS",
    "Consent",
    "ConsentEvent",
    "ConsentEventKind",
    "ConsentMail",
    "ConsentQuerySet",
    "ConsentRequest",
    "ConsentRequestQuerySet",
    "ConsentStatus",
    "DataClass",
    "insurers_for",
    "visible_doctors",
]
