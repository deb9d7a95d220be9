"""Not one packet goes where DocPort must not send: watched at the socket, not at our own code."""

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address
from itertools import cycle
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import pytest
from django.test import override_settings
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations import outgoing
from integrations.outgoing import targets, transport
from integrations.tests.packets import connects
from integrations.tests.partner import Partner, Reply
from integrations.tests.sending import PUBLIC, ask, resolving_to, why_not

NAME = "https://insurer.example/hooks"
ALSO_PUBLIC = "1.1.1.1"
PROXIES = [
    name
    for stem in ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "socks_proxy")
    for name in (stem, stem.upper())
]

forbidden_v4 = st.sampled_from(targets.FORBIDDEN_V4).flatmap(
    lambda network: st.integers(int(network.network_address), int(network.broadcast_address)).map(
        IPv4Address
    )
)
public_v4 = st.sampled_from([PUBLIC, ALSO_PUBLIC, "8.8.8.8"])


def _numbers(address: IPv4Address) -> list[str]:
    number, parts = int(address), [int(part) for part in str(address).split(".")]
    return [
        str(address),
        str(number),
        hex(number),
        f"0X{number:X}",
        f"0{number:o}",
        f"00000000{number:o}",
        ".".join(hex(part) for part in parts),
        ".".join(f"0{part:o}" for part in parts),
        f"{parts[0]}.{number & 0xFFFFFF}",
        f"{parts[0]}.{parts[1]}.{number & 0xFFFF}",
        f"{hex(parts[0])}.{parts[1]}.0{parts[2]:o}.{parts[3]}",
    ]


def _in_ipv6(address: IPv4Address) -> list[str]:
    number = int(address)
    carriers = [
        number,
        0xFFFF << 32 | number,
        0x64FF9B << 96 | number,
        0x2002 << 112 | number << 80,
    ]
    return [
        *(f"[{IPv6Address(carrier)}]" for carrier in carriers),
        *(f"[{IPv6Address(carrier).exploded}]" for carrier in carriers),
        f"[::ffff:{address}]",
        f"[::ffff:{address}%25eth0]",
    ]


def _disguised(host: str) -> list[str]:
    wide = host.translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)})
    return [
        host,
        f"{host}.",
        host.replace(".", "\u3002"),
        host.replace(".", "\uff0e"),
        wide,
        quote(host, safe="").replace(".", "%2e"),
        "".join(f"%{ord(character):02x}" for character in host),
        f"insurer.example@{host}",
        f"insurer.example:443@{host}",
        f"{host}#insurer.example",
        f"{host}\\insurer.example",
        f"insurer.example\\@{host}",
        f"insurer.example {host}",
        f"insurer.example\t{host}",
    ]


@st.composite
def spellings(draw: st.DrawFn) -> str:
    """Draw an address of a forbidden host, spelled in one of the ways there are."""
    address = draw(forbidden_v4)
    # Some take the zeros for decoration, others for base eight.
    padded = ".".join(part.zfill(3) for part in str(address).split("."))
    host = draw(st.sampled_from([*_numbers(address), padded, *_in_ipv6(address)]))
    scheme = draw(st.sampled_from(["https", "HTTPS", "http", "hTTp"]))
    port = draw(st.sampled_from(["", ":443", ":80", ":00443", ":22", ":"]))
    return f"{scheme}://{draw(st.sampled_from(_disguised(host)))}{port}/hooks"


@contextmanager
def _resolving(resolve: Callable[..., Any]) -> Iterator[None]:
    with patch.object(socket, "getaddrinfo", resolve), override_settings(LOOPBACK_TARGETS=False):
        yield


@given(spellings())
def test_no_spelling_of_a_forbidden_address_is_called(url: str) -> None:
    # Whatever name one may take it for leads to the public internet, so that nothing else helps.
    with outgoing.new_session() as session, _resolving(resolving_to(PUBLIC)), connects() as seen:
        reason = why_not(session, url)

    assert reason in {"target_forbidden", "dns_error"}
    assert seen == []


@given(forbidden_v4)
def test_what_a_resolver_reads_as_a_forbidden_address_is_not_called(address: IPv4Address) -> None:
    # As if nobody looked at spellings; the system's own resolver reads numbers in every base.
    with (
        outgoing.new_session() as session,
        override_settings(LOOPBACK_TARGETS=False),
        patch.object(transport, "check_spelling"),
        connects() as seen,
    ):
        for host in [*_numbers(address), f"[::ffff:{address}]", f"[::{address}]"]:
            assert why_not(session, f"https://{host}/hooks") in {"target_forbidden", "dns_error"}

    assert seen == []


@given(st.lists(st.lists(st.one_of(public_v4, forbidden_v4.map(str)), min_size=1), min_size=1))
@settings(deadline=None)
def test_a_resolver_that_changes_its_answer_leads_nowhere_it_must_not(
    answers: Sequence[Sequence[str]],
) -> None:
    given_so_far: list[Sequence[str]] = []
    turns = cycle(answers)

    def rebinding(name: str, port: int, **how: Any) -> Any:
        given_so_far.append(next(turns))
        return resolving_to(*given_so_far[-1])(name, port, **how)

    called: list[str] = []

    def note(_: socket.socket, address: tuple[str, int]) -> None:
        called.append(address[0])
        raise ConnectionRefusedError

    with (
        outgoing.new_session() as session,
        _resolving(rebinding),
        patch.object(socket.socket, "connect", note),  # Nobody answers at public addresses here.
    ):
        for _ in range(len(answers)):
            called.clear()
            asked_before = len(given_so_far)
            reason = why_not(session, NAME)
            asked = given_so_far[asked_before:]

            assert len(asked) == 1
            is_clean = not any(outgoing.is_forbidden(address) for address in asked[0])
            assert reason == ("connection_refused" if is_clean else "target_forbidden")
            assert set(called) == (set(asked[0][:4]) if is_clean else set())


@pytest.mark.usefixtures("_loopback")
@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308])
@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:9/", "http://169.254.169.254/latest/meta-data/", "//10.0.0.1/",
        "http://[::1]:9/", "https://metadata.google.internal/", "file:///etc/passwd",
        "gopher://127.0.0.1:9/_x", "/elsewhere",
    ],
)  # fmt: skip
def test_no_packet_follows_a_redirect(partner: Partner, status: int, location: str) -> None:
    partner.answer = lambda _: Reply(status, {"Location": location, "Refresh": f"0; {location}"})

    with outgoing.new_session() as session, connects() as seen:
        reason = why_not(session, partner.url)

    assert reason == f"http_{status}"
    assert [address[1] for address in seen] == [int(partner.url.rpartition(":")[2])]
    assert len(partner.heard) == 1


@pytest.mark.usefixtures("_loopback")
@pytest.mark.parametrize("scheme", ["http", "https", "socks5", "socks5h"])
def test_no_packet_goes_to_a_proxy_of_the_environment(partner: Partner, scheme: str) -> None:
    proxies = dict.fromkeys(PROXIES, f"{scheme}://127.0.0.1:9") | {"no_proxy": "", "NO_PROXY": ""}

    with patch.dict(os.environ, proxies), outgoing.new_session() as session, connects() as seen:
        ask(session, partner.url)

    assert [address[1] for address in seen] == [int(partner.url.rpartition(":")[2])]


def test_a_public_name_is_called_past_every_proxy() -> None:
    called: list[Any] = []

    def note(_: socket.socket, address: Any) -> None:
        called.append(address)
        raise ConnectionRefusedError

    with (
        patch.dict(os.environ, dict.fromkeys(PROXIES, "http://127.0.0.1:9")),
        outgoing.new_session() as session,
        _resolving(resolving_to(PUBLIC)),
        patch.object(socket.socket, "connect", note),  # Nobody answers at public addresses here.
    ):
        assert why_not(session, NAME) == "connection_refused"

    assert called == [(PUBLIC, 443)]


@pytest.mark.usefixtures("_loopback")
def test_the_watcher_sees_what_is_sent(partner: Partner) -> None:
    with outgoing.new_session() as session, connects() as seen:
        ask(session, partner.url)

    assert len(seen) == 1
