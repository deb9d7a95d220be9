"""Insurers' OAuth2 clients, and the access tokens they get (RFC 6749, section 4.4)."""

import secrets
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from allauth.idp.oidc.models import Client, Token
from django.contrib.auth.hashers import make_password
from django.db import transaction

from integrations import outgoing
from integrations.actions.keys import AlreadyRevoked, locked_insurer
from integrations.connectors.client_keys import mapping
from integrations.hashers import RandomSecretHasher
from integrations.models import NEWEST_VERSION, ApiClient, Scope, SpentAssertion
from registry import ledger, rows
from registry.actions import Refused
from registry.models import InsuranceProvider, User

TOKEN_LASTS = timedelta(minutes=15)
_RANDOM_BYTES = 32


class KeysRefused(Refused):
    """The public keys are none, or cannot be read; nothing was changed."""


class AlreadySpent(Exception):
    """The client has shown this assertion before; it opens nothing a second time."""


@transaction.atomic(durable=True)
def register(
    *,
    provider: InsuranceProvider,
    name: str,
    scopes: Iterable[Scope | str],
    expires_at: datetime,
    is_test: bool,
    by: User | None,
    at: datetime,
) -> tuple[ApiClient, str]:
    """Give an insurer a client; the second value is its secret and is never seen again.

    Args:
        expires_at: aware instant after which it gets no token, and its tokens open nothing.
        by: the admin or the insurer's person; `None` for DocPort itself.

    Raises:
        WrongMode: the client's mode is not the insurer's; nothing was added.
        InsurerSuspended: nothing was added.
    """
    standing = locked_insurer(provider, is_test=is_test)
    secret = f"dps_{secrets.token_urlsafe(_RANDOM_BYTES)}"
    client_id = uuid.uuid4()
    oauth = Client(
        id=str(client_id),
        name=name,
        grant_types=Client.GrantType.CLIENT_CREDENTIALS,
        response_types="",
        secret=make_password(secret, hasher=RandomSecretHasher.algorithm),
        created_at=at,
    )
    oauth.set_scopes(sorted(str(scope) for scope in set(scopes)))
    oauth.save(force_insert=True)
    client = ApiClient.objects.create(
        id=client_id,
        oauth=oauth,
        insurance_provider=standing,
        is_test=is_test,
        api_version=NEWEST_VERSION,
        expires_at=expires_at,
    )
    ledger.record(
        "api_client.registered", subject=client, by=by, at=at, name=name, scopes=oauth.get_scopes()
    )
    return client, secret


def give_keys(*, client: ApiClient, jwks: str, jwks_url: str, by: User, at: datetime) -> ApiClient:
    """Let a client sign assertions from now on; its secret opens nothing any more.

    Args:
        jwks: a JWK set as JSON, or empty.
        jwks_url: where such a set is published, if `jwks` is empty.

    Raises:
        KeysRefused: the set or the address cannot be used; nothing was changed.
        AlreadyRevoked: nothing was changed.
    """
    # The resolver is asked before the transaction begins.
    try:
        keys = mapping.stored(mapping.read(jwks)) if jwks else None
        if keys is None:
            outgoing.check_url(jwks_url)
    except mapping.KeysUnusable as error:
        raise KeysRefused(str(error)) from error
    except (outgoing.TargetForbidden, outgoing.TargetUnknown) as error:
        raise KeysRefused("DocPort cannot read keys from this address.") from error
    return _give_keys(client, keys, "" if jwks else jwks_url, by, at)


@transaction.atomic(durable=True)
def _give_keys(
    client: ApiClient, keys: dict[str, Any] | None, url: str, by: User, at: datetime
) -> ApiClient:
    standing = _locked(client)
    standing.jwks, standing.jwks_url = keys, url
    standing.save(update_fields=["jwks", "jwks_url", "updated_at"])
    Client.objects.filter(pk=standing.oauth_id).update(secret=make_password(None))
    ledger.record("api_client.given_keys", subject=standing, by=by, at=at, jwks=keys, jwks_url=url)
    return standing


@transaction.atomic(durable=True)
def revoke(*, client: ApiClient, by: User, at: datetime) -> ApiClient:
    """Close a client at once, and every access token that it has.

    Raises:
        AlreadyRevoked: nothing was changed and nothing was recorded.
    """
    standing = _locked(client)
    standing.revoked_at, standing.revoked_by = at, by
    standing.save(update_fields=["revoked_at", "revoked_by", "updated_at"])
    Token.objects.filter(client_id=standing.oauth_id).delete()
    ledger.record("api_client.revoked", subject=standing, by=by, at=at)
    return standing


@transaction.atomic(durable=True)
def issue_token(*, client: ApiClient, scopes: Iterable[str], at: datetime) -> tuple[Token, str]:
    """Give a client that has shown who it is a token; the second value is the token itself.

    The client may be revoked meanwhile: whoever takes the token asks for its client again.

    Args:
        scopes: some of the client's.
    """
    value = f"dpt_{secrets.token_urlsafe(_RANDOM_BYTES)}"
    token = Token(
        type=Token.Type.ACCESS_TOKEN,
        client_id=client.oauth_id,
        created_at=at,
        expires_at=min(at + TOKEN_LASTS, client.expires_at),
    )
    token.set_value(value)
    token.set_scopes(sorted(scopes))
    token.save(force_insert=True)
    ledger.record(
        "access_token.issued",
        subject=client,
        by=client.insurance_provider,
        at=at,
        scopes=token.get_scopes(),
    )
    return token, value


@transaction.atomic(durable=True)
def spend_assertion(*, client: ApiClient, jti: str, expires_at: datetime, at: datetime) -> None:
    """Take a signed assertion, once; of two at the same time the database lets one stand.

    Args:
        expires_at: aware instant from which it would be refused anyway.

    Raises:
        AlreadySpent: the client has shown this `jti` before.
    """
    spent = SpentAssertion(client=client, jti=jti, created_at=at, expires_at=expires_at)
    if not rows.insert_if_free(spent):
        raise AlreadySpent


def note_use(*, row_id: UUID, ip: str | None, at: datetime) -> None:
    """Remember the day and the address of the first use of a client's token on that day."""
    today = at.date()
    first_today = ApiClient.objects.filter(pk=row_id).exclude(last_used_on=today)
    first_today.update(last_used_on=today, last_used_ip=ip)


@transaction.atomic(durable=True)
def forget_ended(*, at: datetime) -> int:
    """Delete tokens and assertions that open nothing any more; give how many."""
    tokens: int = Token.objects.filter(expires_at__lte=at).delete()[0]
    return tokens + SpentAssertion.objects.filter(expires_at__lte=at).delete()[0]


def _locked(client: ApiClient) -> ApiClient:
    standing = ApiClient.objects.select_for_update(of=["self"]).get(pk=client.pk)
    if standing.revoked_at is not None:
        raise AlreadyRevoked("It is revoked already.")
    return standing
