"""The public keys of a client: those it has given, or those it publishes, read once a minute."""

import hashlib

import structlog
from django.core.cache import cache
from joserfc.jwk import KeySet

from integrations import outgoing
from integrations.connectors.client_keys import client as publisher
from integrations.connectors.client_keys.mapping import KeysUnusable, read
from integrations.models import ApiClient

_KEPT_SECONDS = 60
_NONE = b""

log = structlog.get_logger(__name__)


def keys_of(client: ApiClient) -> KeySet:
    """Give the keys that a client signs with.

    Raises:
        KeysUnusable: it has none, or its address answers with none.
    """
    if client.jwks is not None:
        return KeySet.import_key_set(client.jwks)
    if not client.jwks_url:
        raise KeysUnusable("The client has a secret and no keys.")
    return read(_published(client.jwks_url))


def _published(url: str) -> bytes:
    # That nothing came is kept too: nobody makes DocPort ask an insurer more often.
    name = f"client-keys:{hashlib.sha256(url.encode()).hexdigest()}"
    document: bytes | None = cache.get(name)
    if document is None:
        document = _fetched(url)
        cache.set(name, document, _KEPT_SECONDS)
    return document


def _fetched(url: str) -> bytes:
    try:
        with outgoing.new_session() as session:
            return session.run(publisher.fetch(session, url))
    except outgoing.PartnerError as error:
        log.warning("client_keys_not_read", url=url, reason=error.reason)
        return _NONE
