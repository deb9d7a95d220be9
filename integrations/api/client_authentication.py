"""Which client asks for a token: it shows its secret, in one of two places, or an assertion."""

from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import unquote_plus
from uuid import UUID

import structlog
from rest_framework.request import Request

from integrations.actions import clients
from integrations.api import assertions
from integrations.api.callers import reason_against
from integrations.api.client_keys import keys_of
from integrations.api.oauth import Refusal, token_url
from integrations.api.problems import CODES
from integrations.connectors.client_keys.mapping import KeysUnusable
from integrations.models import ApiClient

log = structlog.get_logger(__name__)


def client_of(request: Request, form: Mapping[str, str], *, at: datetime) -> ApiClient:
    """Give the client that has shown who it is, and may have a token.

    Raises:
        Refusal: it has not, or may not.
    """
    client = _proved(request.headers.get("Authorization"), form, at)
    if form.get("client_id", str(client.pk)) != str(client.pk):
        raise Refusal("invalid_request", "client_id is another client's than what is shown.")
    if reason := reason_against(client.insurance_provider, is_test=client.is_test):
        raise Refusal("unauthorized_client", CODES[reason].detail)
    return client


def _proved(header: str | None, form: Mapping[str, str], at: datetime) -> ApiClient:
    ways = [header is not None, "client_secret" in form, "client_assertion" in form]
    if sum(ways) > 1:
        raise Refusal("invalid_request", "Show the client in one way: a secret or an assertion.")
    if "client_assertion" in form:
        return _by_assertion(form["client_assertion"], form.get("client_assertion_type"), at)
    if header is not None:
        return _by_secret(*_basic(header), at)
    return _by_secret(form.get("client_id", ""), form.get("client_secret", ""), at)


def _basic(header: str) -> tuple[str, str]:
    """Read a header of RFC 7617, its two parts encoded as RFC 6749, section 2.3.1, has it."""
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        raise Refusal("invalid_client", "Authorization must be Basic, with client_id and secret.")
    try:
        client_id, _, secret = b64decode(credentials.strip(), validate=True).decode().partition(":")
    except ValueError as error:
        raise _not_proved("no Basic header") from error
    return unquote_plus(client_id), unquote_plus(secret)


def _by_secret(client_id: str, secret: str, at: datetime) -> ApiClient:
    client = _client(client_id, at)
    # Of a client that signs there is no secret, and Django takes long to find that out.
    if client.signs or not client.oauth.check_secret(secret):
        raise _not_proved("wrong secret", client)
    return client


def _by_assertion(text: str, kind: str | None, at: datetime) -> ApiClient:
    if kind != assertions.TYPE:
        raise Refusal("invalid_request", f"client_assertion_type must be {assertions.TYPE}.")
    try:
        client = _client(assertions.issuer_of(text), at)
        assertion = assertions.check(
            text, keys=keys_of(client), client_id=str(client.pk), audience=token_url(), at=at
        )
        clients.spend_assertion(
            client=client, jti=assertion.jti, expires_at=assertion.expires_at, at=at
        )
    except (assertions.NotGenuine, KeysUnusable) as error:
        raise _not_proved(type(error).__name__) from error
    except assertions.NotFit as error:
        raise Refusal("invalid_client", str(error)) from error
    except clients.AlreadySpent as error:
        raise Refusal("invalid_client", "jti was used before. Sign a new one each time.") from error
    return client


def _client(client_id: str, at: datetime) -> ApiClient:
    known = ApiClient.objects.select_related("oauth", "insurance_provider")
    try:
        client = known.filter(pk=UUID(client_id)).first()
    except ValueError as error:
        raise _not_proved("no client_id") from error
    # An id can be written in several ways, and only one of them is the client's.
    if client is None or str(client.pk) != client_id:
        raise _not_proved("unknown client")
    if not client.is_usable_at(at):
        raise _not_proved("revoked or ended", client)
    return client


def _not_proved(reason: str, client: ApiClient | None = None) -> Refusal:
    """Tell the log what is not told to whoever asks."""
    log.info("client_not_proved", reason=reason, client=client and str(client.pk))
    return Refusal("invalid_client", "The client is unknown, or what it shows is not right.")
