from consent.models.consents import (
    SHOWS,
    Consent,
    ConsentStatus,
    DataClass,
    insurers_for,
    visible_doctors,
)
from consent.models.history import ConsentEvent, ConsentEventKind

__all__ = [
    "SHOWS",
    "Consent",
    "ConsentEvent",
    "ConsentEventKind",
    "ConsentStatus",
    "DataClass",
    "insurers_for",
    "visible_doctors",
]
