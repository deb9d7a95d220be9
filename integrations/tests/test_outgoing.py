import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from integrations import outgoing
from integrations.outgoing import PartnerRefused, PartnerUnavailable, client, targets, transport
from integrations.tests.partner import Heard, Partner, Reply, running_partner
from registry.tests.factories import NOW

PUBLIC = "93.184.215.14"
NETWORKS = [*targets._FORBIDDEN_V4]  # noqa: SLF001
Resolved = list[tuple[Any, Any, int, str, tuple[Any, ...]]]


@pytest.fixture(autouse=True)
def _loopback(settings: Settings) -> None:
    settings.LOOPBACK_TARGETS = True
    settings.OUTGOING_PORTS = [8443]
    settings.BASE_URL = "https://docport.example"


@pytest.fixture
def partner() -> Iterator[Partner]:
    with running_partner() as running:
        yield running


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with outgoing.new_session() as new:
        yield new


def ask(session: requests.Session, url: str) -> outgoing.Answer:
    return outgoing.send(session, "POST", url, body=b"{}", headers={"webhook-id": "evt_1"})


def why_not(session: requests.Session, url: str) -> str:
    with pytest.raises(outgoing.PartnerError) as caught:
        ask(session, url)
    return caught.value.reason


def resolving_to(*addresses: str) -> Callable[..., Resolved]:
    def resolve(_: str, port: int, **__: Any) -> Resolved:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in addresses]

    return resolve


def test_the_bytes_arrive_as_they_are(partner: Partner, session: requests.Session) -> None:
    partner.answer = lambda _: Reply(200, {"X-Held": "7"}, b"thanks")
    headers = {"webhook-id": "evt_1"}

    answer = outgoing.send(session, "PUT", f"{partner.url}/a?b=c", body=b"\x00 {}", headers=headers)

    assert (answer.status, answer.headers["x-held"], answer.body) == (200, "7", b"thanks")
    (heard,) = partner.heard
    assert (heard.method, heard.path, heard.body) == ("PUT", "/a?b=c", b"\x00 {}")
    assert heard.headers["webhook-id"] == "evt_1"
    assert heard.headers["host"] == partner.url.removeprefix("http://")


def test_a_connection_is_used_again(partner: Partner, session: requests.Session) -> None:
    partner.answer = lambda _: Reply(200, body=b"thanks")

    ask(session, partner.url)
    ask(session, partner.url)

    assert len({heard.client for heard in partner.heard}) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(
    partner: Partner, session: requests.Session, status: int
) -> None:
    partner.answer = lambda _: Reply(status, {"Location": "/elsewhere"})

    assert why_not(session, partner.url) == f"http_{status}"
    assert len(partner.heard) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, PartnerRefused),
        (404, PartnerRefused),
        (410, PartnerRefused),
        (429, PartnerUnavailable),
        (500, PartnerUnavailable),
        (503, PartnerUnavailable),
    ],
)
def test_the_error_says_whether_trying_again_can_help(
    partner: Partner,
    session: requests.Session,
    status: int,
    error: type[outgoing.PartnerError],
) -> None:
    partner.answer = lambda _: Reply(status, {"Retry-After": "7"})

    with pytest.raises(error) as caught:
        ask(session, partner.url)

    assert caught.value.status == status
    if isinstance(caught.value, PartnerUnavailable):
        assert caught.value.retry_after == "7"


def test_proxies_of_the_environment_are_not_used(
    partner: Partner, session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    ask(session, partner.url)

    assert len(partner.heard) == 1


def test_cookies_are_not_kept(partner: Partner, session: requests.Session) -> None:
    partner.answer = lambda _: Reply(204, {"Set-Cookie": "a=b"})

    ask(session, partner.url)
    ask(session, partner.url)

    assert "cookie" not in partner.heard[1].headers


def test_at_most_8_kib_are_read(partner: Partner, session: requests.Session) -> None:
    partner.answer = lambda _: Reply(200, body=b"x" * 100_000)

    assert len(ask(session, partner.url).body) == 8192


def test_dripping_bytes_do_not_extend_the_deadline(
    partner: Partner, session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "TOTAL_SECONDS", 0.5)
    partner.answer = lambda _: Reply(200, body=b"x" * 1000, drip=0.05)
    began = time.monotonic()

    assert why_not(session, partner.url) == "timeout"
    assert time.monotonic() - began < 1


def test_silence_ends_at_the_deadline(
    partner: Partner, session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "TOTAL_SECONDS", 0.3)

    def say_nothing(_: Heard) -> Reply:
        partner.over.wait(5)
        return Reply()

    partner.answer = say_nothing

    assert why_not(session, partner.url) == "timeout"


def test_a_request_whose_time_is_over_is_not_begun(
    partner: Partner, session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "TOTAL_SECONDS", 0)

    assert why_not(session, partner.url) == "timeout"
    assert partner.heard == []


def test_a_connection_that_is_not_taken_ends_in_time(
    session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "CONNECT_SECONDS", 0.3)
    with closing(socket.socket()) as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for client_socket in waiting:
            client_socket.setblocking(False)  # noqa: FBT003
            client_socket.connect_ex(full.getsockname())

        reason = why_not(session, f"http://127.0.0.1:{full.getsockname()[1]}")

        for client_socket in waiting:
            client_socket.close()
    assert reason == "timeout"


def test_a_closed_port_is_told(session: requests.Session) -> None:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    assert why_not(session, f"http://127.0.0.1:{port}") == "connection_refused"


def test_a_name_that_does_not_resolve_is_told(
    session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Resolved:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", fail)

    assert why_not(session, "https://insurer.example") == "dns_error"


def test_a_resolver_that_hangs_is_not_waited_for(
    session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(*_: Any, **__: Any) -> Resolved:
        time.sleep(0.5)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr(transport, "CONNECT_SECONDS", 0.1)
    began = time.monotonic()

    assert why_not(session, "https://insurer.example") == "dns_error"
    assert time.monotonic() - began < 0.4


@pytest.mark.parametrize(
    "answers", [("10.0.0.1",), (PUBLIC, "169.254.169.254"), ("127.0.0.1", PUBLIC)]
)
def test_one_forbidden_answer_forbids_all_and_no_packet_leaves(
    session: requests.Session,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    answers: tuple[str, ...],
) -> None:
    settings.LOOPBACK_TARGETS = False
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to(*answers))
    monkeypatch.setattr(transport, "_connected", lambda *_: pytest.fail("a packet left"))

    assert why_not(session, "https://insurer.example/hooks") == "target_forbidden"


def test_every_connect_resolves_and_vets_anew(
    partner: Partner, session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    partner.answer = lambda _: Reply(204, {"Connection": "close"})
    url = partner.url.replace("127.0.0.1", "insurer.example")
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to("127.0.0.1"))
    ask(session, url)

    monkeypatch.setattr(socket, "getaddrinfo", resolving_to("10.0.0.1"))

    assert why_not(session, url) == "target_forbidden"
    (heard,) = partner.heard
    assert heard.headers["host"].startswith("insurer.example:")


def test_the_next_address_is_tried_when_one_refuses(
    partner: Partner, session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to("127.0.0.2", "127.0.0.1"))

    ask(session, partner.url.replace("127.0.0.1", "insurer.example"))

    assert len(partner.heard) == 1


def test_plain_http_goes_to_this_machine_only(
    session: requests.Session, monkeypatch: pytest.MonkeyPatch
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
    session: requests.Session, settings: Settings, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    settings.LOOPBACK_TARGETS = False
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to(PUBLIC))
    monkeypatch.setattr(transport, "_connected", lambda *_: pytest.fail("a packet left"))

    with pytest.raises(outgoing.TargetForbidden):
        outgoing.check_url(url)
    assert why_not(session, url) == "target_forbidden"


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
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to(PUBLIC))

    outgoing.check_url(url)


def test_docports_own_address_is_refused_in_development(settings: Settings) -> None:
    settings.BASE_URL = "http://127.0.0.1:8000"

    outgoing.check_url("http://127.0.0.1:8001/")
    with pytest.raises(outgoing.TargetForbidden):
        outgoing.check_url("http://127.0.0.1:8000/")


forbidden_v4 = st.sampled_from(NETWORKS).flatmap(
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
def test_every_spelling_of_a_forbidden_ipv4_address_is_refused(address: IPv4Address) -> None:
    for host in spellings(address):
        with pytest.raises((outgoing.TargetForbidden, outgoing.TargetUnknown)):
            targets.vetted_addresses(host, 443, plain=False) if not address.is_loopback else (
                targets._check_public("https", host, 443)  # noqa: SLF001
            )


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


def certificate(name: str, directory: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = directory / "certificate.pem", directory / "key.pem"
    certificate_file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file


@pytest.fixture
def tls_partner(tmp_path: Path) -> Iterator[tuple[Partner, Path, list[str]]]:
    certificate_file, key_file = certificate("insurer.example", tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file, key_file)
    names: list[str] = []
    context.sni_callback = lambda _, name, __: names.append(str(name))
    with running_partner(context) as running:
        yield running, certificate_file, names


def test_tls_is_spoken_to_the_name_at_the_vetted_address(
    tls_partner: tuple[Partner, Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    partner, authority, names = tls_partner
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to("127.0.0.1"))
    url = partner.url.replace("127.0.0.1", "insurer.example")

    with outgoing.new_session(authorities=str(authority)) as session:
        ask(session, url)
        ask(session, url)

    assert names == ["insurer.example"]
    assert [h.headers["host"].split(":")[0] for h in partner.heard] == ["insurer.example"] * 2


def test_a_deadline_holds_over_tls_too(
    tls_partner: tuple[Partner, Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    partner, authority, _ = tls_partner
    partner.answer = lambda _: Reply(200, body=b"x" * 1000, drip=0.05)
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to("127.0.0.1"))
    monkeypatch.setattr(client, "TOTAL_SECONDS", 0.5)

    with outgoing.new_session(authorities=str(authority)) as session:
        reason = why_not(session, partner.url.replace("127.0.0.1", "insurer.example"))

    assert reason == "timeout"


def test_a_certificate_that_nobody_vouches_for_is_refused(
    tls_partner: tuple[Partner, Path, list[str]],
    session: requests.Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    partner, _, _ = tls_partner
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to("127.0.0.1"))
    url = partner.url.replace("127.0.0.1", "insurer.example")

    assert why_not(session, url) == "tls_error"
    assert partner.heard == []


def test_a_certificate_for_another_name_is_refused(
    tls_partner: tuple[Partner, Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    partner, authority, _ = tls_partner
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to("127.0.0.1"))

    with outgoing.new_session(authorities=str(authority)) as session:
        reason = why_not(session, partner.url.replace("127.0.0.1", "other.example"))

    assert reason == "tls_error"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("soon", None),
        ("120", timedelta(minutes=2)),
        ("0", timedelta(seconds=1)),
        ("9" * 30, timedelta(hours=24)),
        (format_datetime(NOW + timedelta(minutes=5), usegmt=True), timedelta(minutes=5)),
        (format_datetime(NOW - timedelta(minutes=5), usegmt=True), timedelta(seconds=1)),
        ("Mon, 23 Nov 2026 03:31:00 -0000", timedelta(minutes=1)),
    ],
)
def test_retry_after_is_seconds_or_a_date_within_a_day(
    text: str | None, expected: timedelta | None
) -> None:
    assert outgoing.wait_asked(text, at=NOW) == expected
