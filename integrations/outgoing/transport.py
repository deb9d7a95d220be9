"""Connections that go only where they may, and end when the time of their request is over."""

import socket
import ssl
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar
from functools import cache, lru_cache, partial
from typing import Any, Self

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util import parse_url

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


class Session:
    """Guarded connections, kept open for the next request; threads may share it.

    It knows no other way to connect, follows no redirect, and keeps no cookie.
    """

    def __init__(self, *, width: int, authorities: str | None) -> None:
        self._resolver = ThreadPoolExecutor(width, thread_name_prefix="resolver")
        # Our own TLS context always verifies.
        self._pools = PoolManager(
            num_pools=width * 4,
            maxsize=width,
            ssl_context=_tls_context(authorities or DEFAULT_CA_BUNDLE_PATH),
            cert_reqs="CERT_REQUIRED",
        )
        self._pools.pool_classes_by_scheme = {
            "http": partial(_Pool, resolver=self._resolver),  # type: ignore[dict-item]  # It is only called.
            "https": partial(_TLSPool, resolver=self._resolver),  # type: ignore[dict-item]  # It is only called.
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def request(
        self, method: str, url: str, *, body: bytes, headers: Mapping[str, str]
    ) -> BaseHTTPResponse:
        """Send a request and give its answer, unread; whoever reads it closes it.

        Raises:
            TargetForbidden: by its spelling, before anybody resolves it, or by where it leads.
        """
        check_spelling(url)
        target = _parsed(url)
        # As it will be used, too: the parser tidies an address.
        check_spelling(target.url)
        pool = self._pools.connection_from_host(target.host, target.port, target.scheme)
        return pool.urlopen(
            method,
            target.request_uri,
            body=body or None,
            headers=headers,
            redirect=False,
            retries=False,
            preload_content=False,
            decode_content=False,
        )

    def close(self) -> None:
        """Close idle connections; a resolver that hangs is not waited for."""
        self._pools.clear()
        self._resolver.shutdown(wait=False, cancel_futures=True)


_parsed = lru_cache(maxsize=1024)(parse_url)
