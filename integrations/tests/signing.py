"""A client's keys, and the assertions that it signs with them."""

import json
from datetime import datetime
from functools import cache
from typing import Any
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import ECKey, Key, KeySet, OKPKey, RSAKey

from integrations.api.oauth import token_url
from integrations.models import ApiClient
from registry.tests.factories import NOW

ALGORITHM_OF = {"RSA": "RS384", "EC": "ES384", "OKP": "EdDSA"}


@cache
def make_key(kty: str = "EC", kid: str = "key-1") -> Key:
    """Make a private key once; the same one after that."""
    match kty:
        case "RSA":
            return RSAKey.generate_key(2048, {"kid": kid})
        case "EC":
            return ECKey.generate_key("P-384", {"kid": kid})
    return OKPKey.generate_key("Ed25519", {"kid": kid})


def published(*keys: Key) -> str:
    """Give the public parts of keys, as an insurer publishes them."""
    return json.dumps(KeySet(list(keys)).as_dict(private=False))


def key_set(*keys: Key) -> dict[str, Any]:
    """Give the same as JSON."""
    public: dict[str, Any] = json.loads(published(*keys))
    return public


def claims_of(client: ApiClient, at: datetime = NOW, **given: Any) -> dict[str, Any]:
    """Give the claims of a good assertion; `given` are other ones, and `None` leaves one out."""
    claims = {
        "iss": str(client.pk),
        "sub": str(client.pk),
        "aud": token_url(),
        "exp": at.timestamp() + 60,
        "jti": str(uuid4()),
    } | given
    return {name: value for name, value in claims.items() if value is not None}


def sign(claims: dict[str, Any], key: Key | None = None, **header: Any) -> str:
    """Sign claims with a key, as its kind is meant to."""
    key = key or make_key()
    algorithm = header.setdefault("alg", ALGORITHM_OF[key.key_type])
    return jwt.encode({"kid": key.kid} | header, claims, key, algorithms=[algorithm])
