"""See every address that this process connects to, whichever code does it."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch


@contextmanager
def connects() -> Iterator[list[Any]]:
    """Give the list to which every address is added that a socket is told to connect to."""
    seen: list[Any] = []

    def noting(connect: Callable[[socket.socket, Any], Any]) -> Callable[[socket.socket, Any], Any]:
        def note(one: socket.socket, address: Any) -> Any:
            seen.append(address)
            return connect(one, address)

        return note

    # Not an audit hook: Python 3.11 runs those while it sets a new thread's tracer, and a thread
    # that starts meanwhile dies.
    with (
        patch.object(socket.socket, "connect", noting(socket.socket.connect)),
        patch.object(socket.socket, "connect_ex", noting(socket.socket.connect_ex)),
    ):
        yield seen
