import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from integrations import outgoing
from integrations.outgoing import transport
from integrations.tests.partner import Partner, Reply, running_partner
from integrations.tests.sending import ask, resolving_to, why_not

pytestmark = pytest.mark.usefixtures("_loopback")


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
    monkeypatch.setattr(transport, "TOTAL_SECONDS", 0.5)

    with outgoing.new_session(authorities=str(authority)) as session:
        reason = why_not(session, partner.url.replace("127.0.0.1", "insurer.example"))

    assert reason == "timeout"


def test_a_certificate_that_nobody_vouches_for_is_refused(
    tls_partner: tuple[Partner, Path, list[str]],
    session: outgoing.Session,
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
