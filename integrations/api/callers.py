"""Who calls the API, however they have shown it."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from registry.models import InsuranceProvider


@dataclass(frozen=True, kw_only=True)
class Caller:
    """An insurer's system that has shown its key; `request.user` of every call it makes."""

    # Of the key: limits are counted for it.
    id: UUID
    kind: Literal["api_key"]
    name: str
    last_four: str
    provider: InsuranceProvider
    is_test: bool
    scopes: frozenset[str]
    # The dated version of the API that it was made for.
    api_version: str
    expires_at: datetime

    # Django REST framework asks whoever is signed in.
    is_authenticated: ClassVar[bool] = True
