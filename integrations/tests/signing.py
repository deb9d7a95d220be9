"""A client's keys, and the assertions that it signs with them."""

import json
from functools import cache
from typing import Any

from joserfc.jwk import ECKey, Key, KeySet, OKPKey, RSAKey

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
