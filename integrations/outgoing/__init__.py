"""The one way out: every request to an address that an insurer can choose goes through here."""

from integrations.outgoing.client import (
    Answer,
    PartnerError,
    PartnerRefused,
    PartnerUnavailable,
    new_session,
    send,
    wait_asked,
)
from integrations.outgoing.targets import TargetForbidden, TargetUnknown, check_url, is_forbidden

__all__ = [
    "Answer",
    "PartnerError",
    "PartnerRefused",
    "PartnerUnavailable",
    "TargetForbidden",
    "TargetUnknown",
    "check_url",
    "is_forbidden",
    "new_session",
    "send",
    "wait_asked",
]
