"""Every change of a consent: each is one transaction with its event, receipt and ledger lines."""

from consent.actions.ending import decline, withdraw
from consent.actions.giving import change, give
from consent.actions.refusals import (
    AlreadyGiven,
    AlreadyWithdrawn,
    DataClassesRefused,
    DoctorNotActive,
    EndsInPast,
    NotAsked,
    NothingToChange,
    NoticeChanged,
    NotInForce,
    ProviderSuspended,
    WrongMode,
)

__all__ = [
    "AlreadyGiven",
    "AlreadyWithdrawn",
    "DataClassesRefused",
    "DoctorNotActive",
    "EndsInPast",
    "NotAsked",
    "NotInForce",
    "NothingToChange",
    "NoticeChanged",
    "ProviderSuspended",
    "WrongMode",
    "change",
    "decline",
    "give",
    "withdraw",
]
