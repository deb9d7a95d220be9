"""Every change of a consent: each is one transaction with its event, receipt and ledger lines."""

from consent.actions.asking_again import ask_again
from consent.actions.ending import acknowledge_erasure, expire, withdraw
from consent.actions.giving import change, give
from consent.actions.mails import (
    REMINDED_BEFORE,
    drop_mail,
    note_sent,
    owe_mails,
    take_mail,
)
from consent.actions.refusals import (
    AlreadyGiven,
    AlreadyWithdrawn,
    DataClassesRefused,
    DoctorNotActive,
    EndsInPast,
    ErasedAtImpossibleTime,
    NotAsked,
    NothingToChange,
    NoticeChanged,
    NotInForce,
    ProviderSuspended,
    StillInForce,
    TooManyRequests,
    WrongMode,
)
from consent.actions.requests import MOST_A_DAY, MOST_OPEN, ask, decline

__all__ = [
    "MOST_A_DAY",
    "MOST_OPEN",
    "REMINDED_BEFORE",
    "AlreadyGiven",
    "AlreadyWithdrawn",
    "DataClassesRefused",
    "DoctorNotActive",
    "EndsInPast",
    "ErasedAtImpossibleTime",
    "NotAsked",
    "NotInForce",
    "NothingToChange",
    "NoticeChanged",
    "ProviderSuspended",
    "StillInForce",
    "TooManyRequests",
    "WrongMode",
    "acknowledge_erasure",
    "ask",
    "ask_again",
    "change",
    "decline",
    "drop_mail",
    "expire",
    "give",
    "note_sent",
    "owe_mails",
    "take_mail",
    "withdraw",
]
