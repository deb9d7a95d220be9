"""Receipts outside of DocPort: our command, and a JOSE library that shares no code with ours."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from joserfc.jwk import OKPKey
from jwcrypto.common import JWException, base64url_decode, base64url_encode
from jwcrypto.jwk import JWKSet
from jwcrypto.jws import JWS
from pytest_django import Settings

from consent.models import ConsentEvent
from consent.tests.pages import make_receipt
from registry.tests.factories import make_provider

pytestmark = pytest.mark.django_db


@pytest.fixture
def event(page: Client) -> ConsentEvent:
    return make_receipt(page, make_provider())


@pytest.fixture
def download(page: Client, event: ConsentEvent, tmp_path: Path) -> Path:
    file = tmp_path / "receipt.json"
    file.write_bytes(page.get(reverse("consent:receipt_json", args=[event.pk])).content)
    return file


def verify(file: Path) -> str:
    out = StringIO()
    call_command("verify_receipt", str(file), stdout=out)
    return out.getvalue()


def checked_elsewhere(token: str, published: bytes) -> bytes:
    """Verify with jwcrypto and what is published, as anybody could."""
    jws = JWS()
    jws.allowed_algs = ["EdDSA"]
    jws.deserialize(token)
    jws.verify(JWKSet.from_json(published.decode()).get_key(jws.jose_header["kid"]))
    payload: bytes = jws.payload
    return payload


def test_what_a_doctor_downloaded_is_genuine(download: Path, event: ConsentEvent) -> None:
    said = verify(download)

    assert said.startswith(f"Genuine: receipt {event.pk}, given at ")
    assert event.receipt["parties"][0]["name"] in said


def test_the_signature_alone_is_enough(event: ConsentEvent, tmp_path: Path) -> None:
    file = tmp_path / "receipt.jws"
    file.write_text(f"{event.signature}\n")

    assert verify(file).startswith("Genuine")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"signature": "e30.e30.e30"}, "the signature is not ours"),
        ({"signature": None}, "the signature is not ours"),
        ({"receipt": {"event": "withdrawn"}}, "the words differ from the signed ones"),
        ({"receipt_sha256": "0" * 64}, "the hash is not that of the signed words"),
    ],
)
def test_what_was_altered_is_refused_with_the_reason(
    download: Path, change: dict[str, object], why: str
) -> None:
    download.write_text(json.dumps(json.loads(download.read_text()) | change))

    with pytest.raises(CommandError, match=why):
        verify(download)


def test_a_file_that_is_no_receipt_is_refused(tmp_path: Path) -> None:
    broken, binary = tmp_path / "broken.json", tmp_path / "picture"
    broken.write_text("{")
    binary.write_bytes(b"\xff\xfe")

    with pytest.raises(CommandError, match="it is no JSON"):
        verify(broken)
    for file in (binary, tmp_path / "missing"):
        with pytest.raises(CommandError, match="cannot be read"):
            verify(file)


def test_a_key_that_was_retired_still_verifies_in_both(
    settings: Settings, page: Client, tmp_path: Path
) -> None:
    older, newer = (
        dict(OKPKey.generate_key("Ed25519", {"kid": kid, "use": "sig"}).as_dict(private=True))
        for kid in ("older", "newer")
    )
    settings.RECEIPT_KEYS = {"keys": [older]}
    event = make_receipt(page, make_provider())
    settings.RECEIPT_KEYS = {"keys": [{k: v for k, v in older.items() if k != "d"}, newer]}
    file = tmp_path / "receipt.jws"
    file.write_text(event.signature)

    published = page.get(reverse("consent:jwks")).content

    assert json.loads(checked_elsewhere(event.signature, published)) == event.receipt
    assert verify(file).startswith("Genuine")


def test_another_library_refuses_a_receipt_with_any_byte_altered(
    client: Client, event: ConsentEvent
) -> None:
    published = client.get(reverse("consent:jwks")).content
    header, payload, signature = event.signature.split(".")
    words = base64url_decode(payload)
    assert checked_elsewhere(event.signature, published) == words

    for place in range(len(words)):
        altered = bytearray(words)
        altered[place] ^= 1
        token = f"{header}.{base64url_encode(bytes(altered))}.{signature}"
        with pytest.raises(JWException):
            checked_elsewhere(token, published)
