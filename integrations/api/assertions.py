"""Signed assertions, which a client shows instead of a secret (RFC 7523, section 2.2)."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import nan
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from integrations.connectors.client_keys.mapping import ALGORITHMS

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST = timedelta(minutes=5)
CLOCK_SKEW = timedelta(seconds=30)
# What joserfc raises over text that is no assertion at all.
_UNREADABLE = (JoseError, ValueError, TypeError, LookupError, AttributeError, RecursionError)
_JTI = re.compile(r"[\x20-\x7e]{1,255}")


class NotGenuine(Exception):
    """No key of the client has signed this; it is not told why."""


class NotFit(Exception):
    """The client has signed this, but it opens nothing; the text says why."""


@dataclass(frozen=True)
class Assertion:
    """What makes an assertion another one than all before, for as long as it could be shown."""

    jti: str
    expires_at: datetime


def issuer_of(text: str) -> str:
    """Give who says to have signed; nothing is proved yet.

    Raises:
        NotGenuine: it is no assertion.
    """
    try:
        return str(json.loads(jws.extract_compact(text.encode()).payload)["iss"])
    except _UNREADABLE as error:
        raise NotGenuine from error


def check(text: str, *, keys: KeySet, client_id: str, audience: str, at: datetime) -> Assertion:
    """Check signature and claims; whoever takes it must see that it is taken once.

    Raises:
        NotGenuine: no key of the set has signed it, in one of the three algorithms.
        NotFit: a claim is missing or wrong.
    """
    try:
        token = jwt.decode(text, keys, algorithms=ALGORITHMS)
    except _UNREADABLE as error:
        raise NotGenuine from error
    # The library takes the only key of a set for one that is not named.
    if not token.header.get("kid"):
        raise NotGenuine
    for fault in _faults(token.claims, client_id=client_id, audience=audience, at=at):
        raise NotFit(fault)
    return Assertion(token.claims["jti"], datetime.fromtimestamp(token.claims["exp"], UTC))


def _faults(
    claims: dict[str, Any], *, client_id: str, audience: str, at: datetime
) -> Iterator[str]:
    now, longest, skew = at.timestamp(), LONGEST.total_seconds(), CLOCK_SKEW.total_seconds()
    jti = claims.get("jti")
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        yield "iss and sub must both be the client_id."
    if claims.get("aud") != audience:
        yield f"aud must be exactly {audience}, as a string."
    if not now < _number(claims.get("exp")) <= now + longest:
        yield "exp must be a time ahead, and 5 minutes ahead at most."
    if not _number(claims.get("nbf", now)) <= now + skew:
        yield "nbf must be a time that has come."
    if not now - longest <= _number(claims.get("iat", now)) <= now + skew:
        yield "iat must be a time of the last 5 minutes."
    if not isinstance(jti, str) or not _JTI.fullmatch(jti):
        yield "jti must be 1 to 255 visible ASCII characters or spaces."


def _number(value: Any) -> float:
    """Give a number; what is none is neither before nor after any other."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else nan
