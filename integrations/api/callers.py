"""Who calls the API, however they have shown it."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from registry.models import InsuranceProvider

Kind = Literal["api_key", "oauth_client"]


@dataclass(frozen=True, kw_only=True)
class Caller:
    """An insurer's system that has shown its key or an access token; `request.user` of its calls.

    `id`, for which limits are counted, is the key's or the client's. So is all else, but a token
    may have fewer `scopes` than its client.
    """

    kind: Kind
    id: UUID
    name: str
    # Of a key.
    last_four: str | None
    provider: InsuranceProvider
    is_test: bool
    scopes: frozenset[str]
    # The dated version of the API that it is pinned to.
    api_version: str
    expires_at: datetime
    # Of an access token.
    token_expires_at: datetime | None

    # Django REST framework asks whoever is signed in.
    is_authenticated: ClassVar[bool] = True


def reason_against(provider: InsuranceProvider, *, is_test: bool) -> str | None:
    """Give the code of why nothing of this mode opens anything for the insurer; mostly none."""
    if provider.integration_status == InsuranceProvider.Status.SUSPENDED:
        return "insurer_suspended"
    return None if is_test == provider.sees_sandbox else "key_mode_mismatch"
