import socket
from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Address, IPv6Address

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from integrations import outgoing
from integrations.outgoing import targets
from integrations.tests.packets import connects
from integrations.tests.partner import Partner, Reply
from integrations.tests.sending import PUBLIC, ask, resolving_to, why_not

pytestmark = pytest.mark.usefixtures("_loopback")


def verdict(look: Callable[[], object]) -> str:
    try:
        look()
    except outgoing.TargetForbidden:
        return "forbidden"
    except outgoing.TargetUnknown:
        return "unknown"
    return "allowed"


@pytest.mark.parametrize(
    "answers", [("10.0.0.1",), (PUBLIC, "169.254.169.254"), ("127.0.0.1", PUBLIC)]
)
def test_one_forbidden_answer_forbids_all_and_no_packet_leaves(
    session: outgoing.Session,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    answers: tuple[str, ...],
) -> None:
    settings.LOOPBACK_TARGETS = False
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to(*answers))

    with connects() as seen:
        assert why_not(session, "https://insurer.example/hooks") == "target_forbidden"

    assert seen == []


def test_every_connect_resolves_and_vets_anew(
    partner: Partner, session: outgoing.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    partner.answer = lambda _: Reply(204, {"Connection": "close"})
    url = partner.url.replace("127.0.0.1", "insurer.example")
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to("127.0.0.1"))
    ask(session, url)

    monkeypatch.setattr(socket, "getaddrinfo", resolving_to("10.0.0.1"))

    assert why_not(session, url) == "target_forbidden"
    (heard,) = partner.heard
    assert heard.headers["host"].startswith("insurer.example:")


def test_plain_http_goes_to_this_machine_only(
    session: outgoing.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to(PUBLIC))

    assert why_not(session, "http://insurer.example") == "target_forbidden"


@pytest.mark.parametrize(
    "url",
    [
        "http://insurer.example/hooks",
        "ftp://insurer.example/",
        "https://user@insurer.example/",
        "https://@insurer.example/",
        "https://insurer.example/#part",
        "https://insurer.example/#",
        "https://insurer.example:8080/",
        "https://insurer.example:99999/",
        "https://",
        "https:///path",
        "https://insurer.example\\@evil.example/",
        "https://insurer .example/",
        "https://insurer/",
        f"https://{PUBLIC}/",
        f"https://{PUBLIC}./",
        "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://127.1/",
        "https://0177.0.0.1/",
        "https://\uff11\uff12\uff17.0.0.1/",
        "https://localhost/",
        "https://a.localhost/",
        "https://printer.local/",
        "https://metadata.google.internal/",
        "https://METADATA.google.internal./",
        "https://docport.example/api",
        "https://docport.example./api",
        "https://xn--\u0080.example/",
        "no address",
    ],
)
def test_spellings_that_production_refuses(
    session: outgoing.Session, settings: Settings, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    settings.LOOPBACK_TARGETS = False
    settings.OUTGOING_PORTS = [8443]
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to(PUBLIC))

    with connects() as seen:
        assert verdict(lambda: outgoing.check_url(url)) == "forbidden"
        assert why_not(session, url) == "target_forbidden"

    assert seen == []


@pytest.mark.parametrize(
    "url",
    [
        "https://insurer.example/hooks?a=b",
        "https://Insurer.Example:443/",
        "https://insurer.example:8443/",
        "https://bücher.example/",
    ],
)
def test_spellings_that_production_takes(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    settings.LOOPBACK_TARGETS = False
    settings.OUTGOING_PORTS = [8443]
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to(PUBLIC))

    assert verdict(lambda: outgoing.check_url(url)) == "allowed"


def test_docports_own_address_is_refused_in_development(settings: Settings) -> None:
    settings.BASE_URL = "http://127.0.0.1:8000"

    assert verdict(lambda: outgoing.check_url("http://127.0.0.1:8001/")) == "allowed"
    assert verdict(lambda: outgoing.check_url("http://127.0.0.1:8000/")) == "forbidden"


forbidden_v4 = st.sampled_from(targets.FORBIDDEN_V4).flatmap(
    lambda network: st.integers(int(network.network_address), int(network.broadcast_address)).map(
        IPv4Address
    )
)


def spellings(address: IPv4Address) -> list[str]:
    number = int(address)
    parts = str(address).split(".")
    return [
        str(address),
        str(number),
        hex(number),
        f"0{number:o}",
        ".".join(hex(int(part)) for part in parts),
        ".".join(f"0{int(part):o}" for part in parts),
        f"{parts[0]}.{number & 0xFFFFFF}",
        f"{parts[0]}.{parts[1]}.{number & 0xFFFF}",
    ]


@given(forbidden_v4)
def test_whatever_the_resolver_makes_of_a_spelling_a_forbidden_ipv4_address_is_refused(
    address: IPv4Address,
) -> None:
    with override_settings(LOOPBACK_TARGETS=False):
        verdicts = {
            verdict(partial(targets.vetted_addresses, host, 443, plain=False))
            for host in spellings(address)
        }

    assert verdicts <= {"forbidden", "unknown"}


@given(forbidden_v4)
def test_ipv6_addresses_that_carry_a_forbidden_ipv4_address_are_refused(
    address: IPv4Address,
) -> None:
    number = int(address)
    carriers = [
        number,
        0xFFFF << 32 | number,
        0x64FF9B << 96 | number,
        0x64FF9B0001 << 80 | number,
        0x2002 << 112 | number << 80,
        0x20010000 << 96 | number ^ 0xFFFFFFFF,
    ]
    for carrier in carriers:
        assert outgoing.is_forbidden(str(IPv6Address(carrier)))


@given(st.ip_addresses(v=6).filter(lambda address: int(address) >> 125 != 1))
def test_only_global_unicast_is_public(address: IPv6Address) -> None:
    assert outgoing.is_forbidden(str(address))


@pytest.mark.parametrize(
    "address",
    [
        "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "::127.0.0.1", "fec0::1", "224.0.0.1", "::1", "::",
        "168.63.129.16", "100.100.100.200", "fd00:ec2::254", "fe80::1%eth0", "2001::1",
        "2001:db8::1", "255.255.255.255", "0.0.0.0", "no address", "2606:4700::1%1",
    ],
)  # fmt: skip
def test_known_traps_are_forbidden(address: str) -> None:
    assert outgoing.is_forbidden(address)


@pytest.mark.parametrize("address", [PUBLIC, "1.1.1.1", "2606:4700:4700::1111", "2a00:1450::1"])
def test_public_addresses_are_not_forbidden(address: str) -> None:
    assert not outgoing.is_forbidden(address)
