"""Which addresses DocPort may call; asked when one is registered and again at every connect."""

import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

import idna
from django.conf import settings

# Everything that is not the public internet. Python's own `is_global` lets several of these pass.
FORBIDDEN_V4 = [
    IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32",
        "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24",
        "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
    )
]  # fmt: skip
# Of IPv6 only global unicast may be called, and of that nothing that carries an IPv4 address
# (Teredo, 6to4) or is kept for documentation, benchmarks and the like. All of ::/8, with the
# mapped and translated (NAT64) addresses, lies outside.
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_FORBIDDEN_V6 = [
    IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
]
_UNFIT = re.compile(r"[\x00-\x20\\\x7f]")
_INSIDE = re.compile(
    r"(.*\.)?(metadata|instance-data|internal|local|localdomain|localhost|home\.arpa)"
    r"|metadata\..*|instance-data\..*"
)
# The URL standard's rule: a host whose last label is a number means an IPv4 address.
_ENDS_IN_A_NUMBER = re.compile(r"(.*\.)?([0-9]+|0[xX][0-9a-fA-F]*)")
_HTTPS_PORT = 443


class TargetForbidden(Exception):
    """DocPort does not call this address; no packet went there."""


class TargetUnknown(Exception):
    """The name has no address just now."""


@dataclass(frozen=True)
class Address:
    """One vetted answer of the resolver, ready to connect to."""

    family: socket.AddressFamily
    sockaddr: tuple[str, int] | tuple[str, int, int, int]


def is_forbidden(address: str) -> bool:
    """Tell whether an IP address lies outside the public internet; so does what is none."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return True
    if isinstance(parsed, IPv4Address):
        return any(parsed in network for network in FORBIDDEN_V4)
    return (
        parsed.scope_id is not None
        or parsed not in _GLOBAL_UNICAST
        or any(parsed in network for network in _FORBIDDEN_V6)
    )


def check_url(url: str) -> None:
    """Check an address as it is typed in: its spelling, and where its name leads now.

    Raises:
        TargetForbidden: it is not a plain https address on the public internet.
        TargetUnknown: the name does not exist, or the resolver did not answer.
    """
    check_spelling(url)
    parts = urlsplit(url)
    assert parts.hostname is not None
    port = parts.port or (_HTTPS_PORT if parts.scheme == "https" else 80)
    vetted_addresses(host_name(parts.hostname), port, plain=parts.scheme == "http")


def check_spelling(url: str) -> None:
    """Check what can be told without asking the resolver.

    Raises:
        TargetForbidden: the scheme, host, port, or a part that no such address needs.
    """
    if _UNFIT.search(url):
        raise TargetForbidden
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise TargetForbidden from error
    # A bare "#" or "@" leaves no trace in the parts.
    if "#" in url or "@" in parts.netloc or not parts.hostname:
        raise TargetForbidden
    if not settings.LOOPBACK_TARGETS:
        _check_public(parts.scheme, host_name(parts.hostname), port)
    elif parts.scheme not in {"http", "https"} or parts.netloc == _own().netloc:
        raise TargetForbidden


def _check_public(scheme: str, host: str, port: int | None) -> None:
    if scheme != "https" or port not in {None, _HTTPS_PORT, *settings.OUTGOING_PORTS}:
        raise TargetForbidden
    bare = host.rstrip(".")
    is_address = ":" in bare or _ENDS_IN_A_NUMBER.fullmatch(bare)
    if is_address or "." not in bare or bare == _own().hostname or _INSIDE.fullmatch(bare):
        raise TargetForbidden


def _own() -> SplitResult:
    return urlsplit(settings.BASE_URL)


def host_name(host: str) -> str:
    """Give a host as the resolver gets it: lower case, international names encoded.

    Raises:
        TargetForbidden: it is no name.
    """
    try:
        return host.lower() if host.isascii() else idna.encode(host, uts46=True).decode()
    except idna.IDNAError as error:
        raise TargetForbidden from error


def vetted_addresses(host: str, port: int, *, plain: bool) -> list[Address]:
    """Resolve a host and give its addresses; one forbidden address forbids all of them.

    Args:
        plain: without TLS, which goes to this machine only.

    Raises:
        TargetForbidden: some answer may not be called.
        TargetUnknown: there is no answer.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise TargetUnknown from error
    for *_, sockaddr in found:
        check_address(str(sockaddr[0]), plain=plain)
    return [Address(family, sockaddr) for family, _, _, _, sockaddr in found]  # type: ignore[arg-type]  # Other shapes are for a Python without IPv6.


def check_address(address: str, *, plain: bool) -> None:
    """Check an IP address.

    Args:
        plain: without TLS, which goes to this machine only.

    Raises:
        TargetForbidden: it may not be called.
    """
    if settings.LOOPBACK_TARGETS and _is_loopback(address):
        return
    if plain or is_forbidden(address):
        raise TargetForbidden


def _is_loopback(address: str) -> bool:
    parsed = ip_address(address.partition("%")[0])
    return parsed == IPv6Address("::1") or parsed in IPv4Network("127.0.0.0/8")
