"""Send something out, and say what came of it; names resolve to what a test says."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

from integrations import outgoing

PUBLIC = "93.184.215.14"
Resolved = list[tuple[Any, Any, int, str, tuple[Any, ...]]]


def ask(session: outgoing.Session, url: str) -> outgoing.Answer:
    """Post a small body; give the answer."""
    headers = {"webhook-id": "evt_1"}
    return session.run(outgoing.send(session, "POST", url, body=b"{}", headers=headers))


def why_not(session: outgoing.Session, url: str) -> str:
    """Post a small body, which must fail; give the reason."""
    with pytest.raises(outgoing.PartnerError) as caught:
        ask(session, url)
    return caught.value.reason


def resolving_to(*addresses: str) -> Callable[..., Resolved]:
    """Give a resolver to put in the place of `socket.getaddrinfo`."""

    def resolve(_: str, port: int, **__: Any) -> Resolved:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in addresses]

    return resolve
