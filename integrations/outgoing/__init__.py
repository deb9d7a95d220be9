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
from integrations.outgoing.transport import Session

__all__ = [
    "Answer",
    "PartnerError",
    "PartnerRefused",
    "PartnerUnavailable",
    "Session",
    "TargetForbidden",
    "TargetUnknown",
    "check_url",
    "is_forbidden",
    "new_session",
    "send",
    "wait_asked",
]
