"""HTTP over connections that go only where they may, and end when the time of a request is over."""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache, partial
from typing import Any

import certifi
from aiohttp import (
    ClientConnectorDNSError,
    ClientError,
    ClientSession,
    ClientSSLError,
    ClientTimeout,
    DummyCookieJar,
    StreamReader,
    TCPConnector,
)
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from integrations.outgoing.answers import Answer, PartnerUnavailable
from integrations.outgoing.targets import (
    TargetForbidden,
    TargetUnknown,
    check_address,
    check_spelling,
    vetted_addresses,
)

TOTAL_SECONDS = 15.0
# Of them for the name, the connection and the handshake of TLS; and of these for the name.
CONNECT_SECONDS, RESOLVE_SECONDS = 5.0, 4.0
MOST_BYTES_READ = 8 * 1024
# Names that resolve slowly are waited for at once.
_RESOLVERS = 64
# Of the addresses of a name, which are tried in turn: an insurer's name may have thousands.
_MOST_TRIED = 4
# Of an answer's head. What has been accepted with a long cookie has been accepted.
_LONGEST_LINE = 64 * 1024
# Said by us, or not at all.
_UNSAID = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class Transport:
    """Connections of one event loop, kept open for the next request.

    It knows no other way to connect, follows no redirect, and keeps no cookie.
    """

    def __init__(self, *, authorities: str | None) -> None:
        self._resolvers = ThreadPoolExecutor(_RESOLVERS, "resolver")
        # Our own TLS context always verifies.
        tls = _tls_context(authorities or certifi.where())
        self._clients = {
            "http": self._client(tls, plain=True),
            "https": self._client(tls, plain=False),
        }

    def _client(self, tls: ssl.SSLContext, *, plain: bool) -> ClientSession:
        connector = TCPConnector(
            resolver=_Resolver(self._resolvers, plain=plain),
            socket_factory=partial(_vetted_socket, plain=plain),
            ssl=tls,
            # How many go out at once is decided where they are leased.
            limit=0,
            # Each new connection asks anew: an address may have become a forbidden one.
            use_dns_cache=False,
        )
        return ClientSession(
            connector=connector,
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=_UNSAID,
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
        )

    async def ask(
        self, method: str, url: str, *, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        """Send a request and give its answer, of the body the first 8 KiB.

        Raises:
            PartnerUnavailable: nothing answered, or the address is forbidden: by its spelling,
                before anybody resolves it, or by where it leads.
        """
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                return await self._ask(method, _target(url), body, headers)
        except (TargetUnknown, ClientConnectorDNSError) as error:
            raise PartnerUnavailable("dns_error") from error
        except TimeoutError as error:
            raise PartnerUnavailable("timeout") from error
        except ClientSSLError as error:
            raise PartnerUnavailable("tls_error") from error
        except (TargetForbidden, ValueError) as error:
            # What cannot be made an address is a ValueError.
            raise PartnerUnavailable("target_forbidden") from error
        except (ClientError, OSError) as error:
            raise PartnerUnavailable("connection_refused") from error

    async def _ask(
        self, method: str, target: URL, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        request = self._clients[target.scheme].request(
            method,
            target,
            data=body or None,
            headers=headers,
            allow_redirects=False,
            timeout=ClientTimeout(connect=CONNECT_SECONDS),
        )
        async with request as response:
            read = await _beginning(response.content)
            return Answer(response.status, response.headers, read)

    async def close(self) -> None:
        """Close all connections; a resolver that hangs is not waited for."""
        for client in self._clients.values():
            await client.close()
        self._resolvers.shutdown(wait=False, cancel_futures=True)


async def _beginning(content: StreamReader) -> bytes:
    try:
        return await content.readexactly(MOST_BYTES_READ)
    except asyncio.IncompleteReadError as all_there_was:
        return all_there_was.partial


class _Resolver(AbstractResolver):
    """Resolve, and vet all answers."""

    def __init__(self, threads: ThreadPoolExecutor, *, plain: bool) -> None:
        self._threads, self._plain = threads, plain

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        asked = asyncio.get_running_loop().run_in_executor(
            self._threads, partial(vetted_addresses, host, port, plain=self._plain)
        )
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                addresses = await asked
        except TimeoutError as error:
            raise TargetUnknown from error
        return [
            ResolveResult(
                hostname=host,
                host=address.sockaddr[0],
                port=port,
                family=address.family,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses[:_MOST_TRIED]
        ]

    async def close(self) -> None:
        pass


def _vetted_socket(address: tuple[Any, ...], *, plain: bool) -> socket.socket:
    """Make the socket of a connection; nothing connects past this, whoever resolved the address."""
    family, kind, protocol, _, sockaddr = address
    check_address(str(sockaddr[0]), plain=plain)
    return socket.socket(family, kind, protocol)


@lru_cache(maxsize=1024)
def _parsed(url: str) -> URL:
    return URL(url)


def _target(url: str) -> URL:
    check_spelling(url)
    target = _parsed(url)
    # As it will be used, too: the parser tidies an address.
    if str(target) != url:
        check_spelling(str(target))
    return target


@cache
def _tls_context(authorities: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authorities)
