"""Who calls: one statement finds what was shown, with its insurer, who is then judged."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.utils.timezone import now
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from integrations.actions import clients, keys
from integrations.api.callers import Caller, Kind, reason_against
from integrations.api.problems import AUTHENTICATE, Problem
from registry.http import client_ip
from registry.models import InsuranceProvider
from registry.statements import prepared

# What endpoints ask of an insurer; the rest would be read when it is asked for.
_INSURER = [
    "id",
    "name",
    "slug",
    "integration_status",
    "max_open_bookings_per_day",
    "hold_minutes",
    "calls_per_hour",
]
_OF_INSURER = ", ".join(f"p.{name}" for name in _INSURER)
# By hand: one of them stands before every answer, and Django takes longer to write it than the
# database to answer it.
_KEY = f"""
    SELECT k.last_used_on, k.id, k.name, k.last_four, k.is_test, k.scopes, k.api_version,
        k.expires_at, NULL::timestamptz, {_OF_INSURER}
    FROM api_keys AS k
    JOIN insurance_providers AS p ON p.id = k.insurance_provider_id
    WHERE k.sha256 = %(sha256)s AND k.revoked_at IS NULL AND k.expires_at > %(at)s
"""  # noqa: S608  Names of columns.
_TOKEN = f"""
    SELECT c.last_used_on, c.id, o.name, NULL::text, c.is_test, string_to_array(t.scopes, E'\\n'),
        c.api_version, c.expires_at, t.expires_at, {_OF_INSURER}
    FROM allauth_idp_oidc_token AS t
    JOIN allauth_idp_oidc_client AS o ON o.id = t.client_id
    JOIN api_clients AS c ON c.oauth_id = o.id
    JOIN insurance_providers AS p ON p.id = c.insurance_provider_id
    WHERE t.type = 'at' AND t.hash = %(sha256)s AND t.expires_at > %(at)s
        AND c.revoked_at IS NULL AND c.expires_at > %(at)s
"""  # noqa: S608  Names of columns.
_TOKEN_SHAPE = re.compile(r"dpt_[0-9A-Za-z_-]{43}")


@dataclass(frozen=True)
class _Way:
    """What can be shown: how it looks, what finds it, and the code of when it opens nothing."""

    kind: Kind
    is_well_formed: Callable[[str], object]
    statement: str
    note_use: Callable[..., None]
    refusal: str


_BY_KEY = _Way("api_key", keys.is_well_formed, _KEY, keys.note_use, "invalid_key")
_BY_TOKEN = _Way("oauth_client", _TOKEN_SHAPE.fullmatch, _TOKEN, clients.note_use, "invalid_token")


class BearerAuthentication(BaseAuthentication):
    """Let an insurer in by `Authorization: Bearer` and a key or an access token, as a `Caller`."""

    def authenticate(self, request: Request) -> tuple[Caller, None] | None:
        shown = _shown(request)
        if shown is None:
            return None
        way = _BY_TOKEN if shown.startswith("dpt_") else _BY_KEY
        return _caller(way, shown, ip=client_ip(request), at=now()), None

    def authenticate_header(self, request: Request) -> str:
        return AUTHENTICATE


def _shown(request: Request) -> str | None:
    header = get_authorization_header(request)
    if not header:
        return None
    scheme, _, credentials = header.decode("latin-1").partition(" ")
    if scheme.lower() != "bearer" or not credentials:
        raise Problem("not_authenticated")
    return credentials.strip()


def _caller(way: _Way, shown: str, *, ip: str | None, at: datetime) -> Caller:
    # A typing error or a guess costs no query.
    if not way.is_well_formed(shown):
        raise Problem(way.refusal)
    with prepared() as cursor:
        cursor.execute(way.statement, {"sha256": keys.digest(shown), "at": at})
        row = cursor.fetchone()
    if row is None:
        raise Problem(way.refusal)
    used_on, id_, name, last_four, is_test, scopes, version, ends, token_ends, *insurer = row
    provider = InsuranceProvider.from_db("default", _INSURER, insurer)
    if reason := reason_against(provider, is_test=is_test):
        raise Problem(reason)
    if used_on != at.date():
        way.note_use(row_id=id_, ip=ip, at=at)
    return Caller(
        kind=way.kind,
        id=id_,
        name=name,
        last_four=last_four,
        provider=provider,
        is_test=is_test,
        scopes=frozenset(scopes),
        api_version=version,
        expires_at=ends,
        token_expires_at=token_ends,
    )
