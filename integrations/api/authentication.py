"""Who calls: one statement finds what was shown, with its insurer, and then both are judged."""

from datetime import datetime
from typing import Any

from django.utils.timezone import now
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from integrations.actions import keys
from integrations.api.callers import Caller
from integrations.api.problems import AUTHENTICATE, Problem
from registry.http import client_ip
from registry.models import InsuranceProvider
from registry.statements import prepared

# What endpoints ask of an insurer; the rest would be read when it is asked for.
_INSURER = ["id", "name", "slug", "integration_status", "max_open_bookings_per_day", "hold_minutes"]
# By hand: it stands before every answer, and Django takes longer to write it than the database
# to answer it.
_KEY = f"""
    SELECT k.id, k.name, k.last_four, k.is_test, k.scopes, k.api_version, k.expires_at,
        k.revoked_at, k.last_used_on, {", ".join(f"p.{name}" for name in _INSURER)}
    FROM api_keys AS k
    JOIN insurance_providers AS p ON p.id = k.insurance_provider_id
    WHERE k.sha256 = %(sha256)s
"""  # noqa: S608  Names of columns.


class ApiKeyAuthentication(BaseAuthentication):
    """Let an insurer in by `Authorization: Bearer dpk_…`; `request.user` is then a `Caller`."""

    def authenticate(self, request: Request) -> tuple[Caller, None] | None:
        presented = _presented(request)
        if presented is None:
            return None
        return _with_key(presented, ip=client_ip(request), at=now()), None

    def authenticate_header(self, request: Request) -> str:
        return AUTHENTICATE


def _presented(request: Request) -> str | None:
    header = get_authorization_header(request)
    if not header:
        return None
    scheme, _, credentials = header.decode("latin-1").partition(" ")
    if scheme.lower() != "bearer" or not credentials:
        raise Problem("not_authenticated")
    return credentials.strip()


def _with_key(key: str, *, ip: str | None, at: datetime) -> Caller:
    # A typing error or a guess costs no query.
    if not keys.is_well_formed(key):
        raise Problem("invalid_key")
    with prepared() as cursor:
        cursor.execute(_KEY, {"sha256": keys.digest(key)})
        row = cursor.fetchone()
    if row is None:
        raise Problem("invalid_key")
    id_, name, last_four, is_test, scopes, version, expires_at, revoked_at, used_on, *insurer = row
    if revoked_at is not None or expires_at <= at:
        raise Problem("invalid_key")
    caller = Caller(
        id=id_,
        kind="api_key",
        name=name,
        last_four=last_four,
        provider=_admitted(insurer, is_test=is_test),
        is_test=is_test,
        scopes=frozenset(scopes),
        api_version=version,
        expires_at=expires_at,
    )
    if used_on != at.date():
        keys.note_use(key_id=id_, ip=ip, at=at)
    return caller


def _admitted(insurer: list[Any], *, is_test: bool) -> InsuranceProvider:
    provider = InsuranceProvider.from_db("default", _INSURER, insurer)
    if provider.integration_status == InsuranceProvider.Status.SUSPENDED:
        raise Problem("insurer_suspended")
    if is_test != provider.sees_sandbox:
        raise Problem("key_mode_mismatch")
    return provider
