"""A client's public keys (RFC 7517), by which the assertions that it signs are known."""

import json
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet, RSAKey

ALGORITHMS = ("RS384", "ES384", "EdDSA")
_ALGORITHM_OF = {("RSA", None): "RS384", ("EC", "P-384"): "ES384", ("OKP", "Ed25519"): "EdDSA"}
_FEWEST_RSA_BITS = 2048
# What joserfc and cryptography raise over members that are missing or make no sense.
_MALFORMED = (JoseError, ValueError, TypeError, LookupError)


class KeysUnusable(Exception):
    """There is no set of keys that a signature could be checked with; the text says why."""


def read(document: str | bytes) -> KeySet:
    """Give the keys of a set that can be used; what else is in it is for others.

    Raises:
        KeysUnusable: it is no set of keys, holds a secret, or no key of it can be used.
    """
    try:
        listed = [dict(one) for one in json.loads(document)["keys"]]
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise KeysUnusable("This is not a JWK set: a JSON object with a list of keys.") from error
    if any({"d", "k"} & set(one) for one in listed):
        raise KeysUnusable("The set holds a secret. Make new keys, and give the public ones.")
    keys = [key for one in listed if (key := _usable(one)) is not None]
    if not keys:
        raise KeysUnusable(
            "No key can be used. Each has a kid, and is RSA of 2048 bits or more, EC on P-384 or "
            "OKP Ed25519."
        )
    if len({key.kid for key in keys}) < len(keys):
        raise KeysUnusable("Two keys have the same kid.")
    return KeySet(keys)


def stored(keys: KeySet) -> dict[str, Any]:
    """Give keys as JSON; what `read` makes of it are the same keys."""
    return dict(keys.as_dict(private=False))


def _usable(one: dict[str, Any]) -> Key | None:
    try:
        algorithm = _ALGORITHM_OF[one["kty"], one.get("crv")]
        key = JWKRegistry.import_key(one)
    except _MALFORMED:
        return None
    is_for_signatures = key.get("use", "sig") == "sig" and key.get("alg", algorithm) == algorithm
    is_strong = not isinstance(key, RSAKey) or key.raw_value.key_size >= _FEWEST_RSA_BITS
    return key if key.kid and is_for_signatures and is_strong else None
