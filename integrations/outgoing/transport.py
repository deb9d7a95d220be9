"""Connections that go only where they may, and end when the time of their request is over."""

import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar
from functools import cache, partial
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from integrations.outgoing.targets import (
    Address,
    TargetUnknown,
    check_spelling,
    vetted_addresses,
)

CONNECT_SECONDS = 5.0

# When the request in hand must be over, by the monotonic clock. Nothing is sent without one.
deadline: ContextVar[float] = ContextVar("deadline")


def _time_left(limit: float) -> float:
    left = min(limit, deadline.get()) - time.monotonic()
    if left <= 0:
        raise TimeoutError("The request took too long.")
    return left


class _Hurried:
    """A socket that never waits beyond the deadline, however slowly bytes drip."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self._hurry()
        return super().recv_into(*args, **kwargs)  # type: ignore[misc, no-any-return]  # Mixed into sockets only.

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self._hurry()
        super().sendall(*args, **kwargs)  # type: ignore[misc]  # Mixed into sockets only.

    def _hurry(self) -> None:
        self.settimeout(_time_left(deadline.get()))  # type: ignore[attr-defined]  # Mixed into sockets only.


class _Socket(_Hurried, socket.socket):
    pass


class _TLSSocket(_Hurried, ssl.SSLSocket):
    pass


class _Guarded(HTTPConnection):
    """Resolve, vet all answers, and connect to one of them; SNI and Host keep the name."""

    def __init__(self, *args: Any, resolver: ThreadPoolExecutor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._resolver = resolver

    def _new_conn(self) -> socket.socket:
        limit = time.monotonic() + CONNECT_SECONDS
        try:
            return self._first_that_answers(limit)
        except TimeoutError as timeout:
            raise ConnectTimeoutError(self, "connect timed out") from timeout
        except OSError as error:
            raise NewConnectionError(self, "connection refused") from error

    def _first_that_answers(self, limit: float) -> socket.socket:
        *others, last = self._addresses(limit)
        for address in others:
            with suppress(OSError):
                return _connected(address, limit)
        return _connected(last, limit)

    def _addresses(self, limit: float) -> list[Address]:
        plain = not isinstance(self, HTTPSConnection)
        time_left = _time_left(limit)
        asked = self._resolver.submit(vetted_addresses, self.host, self.port, plain=plain)
        try:
            return asked.result(timeout=time_left)
        except TimeoutError as error:
            raise TargetUnknown from error


def _connected(address: Address, limit: float) -> socket.socket:
    sock = _Socket(address.family, socket.SOCK_STREAM)
    try:
        sock.settimeout(_time_left(limit))
        sock.connect(address.sockaddr)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # The TLS handshake that follows is a part of connecting.
        sock.settimeout(_time_left(limit))
    except OSError:
        sock.close()
        raise
    return sock


class _GuardedTLS(_Guarded, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Guarded


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedTLS


@cache
def _tls_context(authorities: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authorities)
    context.sslsocket_class = _TLSSocket
    return context


class GuardedAdapter(HTTPAdapter):
    """What a session of ours sends with; it knows no other way to connect."""

    def __init__(self, *, width: int, authorities: str | None) -> None:
        self._resolver = ThreadPoolExecutor(width, thread_name_prefix="resolver")
        self._tls = _tls_context(authorities or DEFAULT_CA_BUNDLE_PATH)
        super().__init__(pool_connections=width * 4, pool_maxsize=width, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, *_: Any, **__: Any) -> None:
        """Make the pools of guarded connections only."""
        manager = PoolManager(num_pools=connections, maxsize=maxsize)
        manager.pool_classes_by_scheme = {
            "http": partial(_Pool, resolver=self._resolver),  # type: ignore[dict-item]  # It is only called.
            "https": partial(_TLSPool, resolver=self._resolver),  # type: ignore[dict-item]  # It is only called.
        }
        self.poolmanager = manager

    def build_connection_pool_key_attributes(self, *args: Any, **kwargs: Any) -> Any:
        """Use our own TLS context, which always verifies."""
        host, _ = super().build_connection_pool_key_attributes(*args, **kwargs)
        return host, {"ssl_context": self._tls, "cert_reqs": "CERT_REQUIRED"}

    def cert_verify(self, *_: Any) -> None:
        """Leave the authorities to the context."""

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        """Refuse an address by its spelling before anybody resolves it."""
        assert request.url is not None
        check_spelling(request.url)
        return super().send(request, *args, **kwargs)

    def close(self) -> None:
        """Close idle connections; a resolver that hangs is not waited for."""
        super().close()
        self._resolver.shutdown(wait=False, cancel_futures=True)
