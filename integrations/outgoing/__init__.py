"""The one way out: every request to an address that an insurer can choose goes through here."""

from integrations.outgoing.answers import (
    Answer,
    PartnerError,
    PartnerRefused,
    PartnerUnavailable,
    wait_asked,
)
from integrations.outgoing.session import Session, new_session, send
from integrations.outgoing.targets import TargetForbidden, TargetUnknown, check_url, is_forbidden

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
