import base64
import hashlib
import json
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import reverse
from joserfc.jwk import OKPKey
from pytest_django import Settings as SettingsWrapper

from consent import actions, receipts
from consent.models import ConsentEvent
from consent.notices import notice_for
from registry.tests.factories import NOW, make_provider, make_user

pytestmark = pytest.mark.django_db
# The hash of the words of 2026-11 in English; a new version is needed to say anything else.
WORDS_2026_11 = "c64b54688b703a515941afaf02c343fbefa53ef4cbf6b58a80507d1c7724534e"
WORDS_2026_11_IN_HINDI = "80ec2ddfb8b90534e02dbc4ac45e61e436b28d53177d740bc63cdaeb959baad0"


def make_key(kid: str) -> dict[str, Any]:
    return dict(OKPKey.generate_key("Ed25519", {"kid": kid, "use": "sig"}).as_dict(private=True))


def make_given_event(**given: Any) -> ConsentEvent:
    user = make_user()
    assert user.doctor
    values: dict[str, Any] = {
        "provider": make_provider(name="Good Health", contact_email="help@example.org"),
        "data_classes": ["profile", "availability"],
        "expires_at": None,
        "language": "en",
        "at": NOW,
    }
    consent = actions.give(doctor=user.doctor, by=user, **(values | given))
    return ConsentEvent.objects.get(consent=consent)


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def check_with_cryptography_alone(token: str, jwk_set: dict[str, Any]) -> dict[str, Any]:
    """Verify as RFC 7515 says, with none of our code and no JOSE library."""
    header, payload, signature = token.split(".")
    kid = json.loads(decoded(header))["kid"]
    (jwk,) = [jwk for jwk in jwk_set["keys"] if jwk["kid"] == kid]
    key = Ed25519PublicKey.from_public_bytes(decoded(jwk["x"]))
    key.verify(decoded(signature), f"{header}.{payload}".encode())
    receipt: dict[str, Any] = json.loads(decoded(payload))
    return receipt


def test_a_receipt_verifies_with_the_published_key_alone(client: Client) -> None:
    event = make_given_event()

    published = client.get(reverse("consent:jwks")).json()

    assert check_with_cryptography_alone(event.signature, published) == event.receipt
    payload = decoded(event.signature.split(".")[1])
    assert hashlib.sha256(payload).hexdigest() == event.receipt_sha256


def test_a_receipt_says_all_that_the_standard_asks() -> None:
    event = make_given_event()

    receipt = event.receipt
    provider = event.about.insurance_provider
    assert receipt["record"]["schema_version"] == "ISO/IEC TS 27560:2023"
    assert receipt["record"]["principal_id"] == str(event.about.doctor_id)
    processing = receipt["processing"]
    assert [piece["code"] for piece in processing["data_classes"]] == ["profile", "availability"]
    assert "Your name" in processing["data_classes"][0]["items"]
    assert processing["withdrawal_method"].endswith(f"/insurers/{provider.slug}/")
    assert processing["recipients"] == [str(provider.pk)]
    assert {"purpose", "retention", "storage_location", "jurisdiction"} <= processing.keys()
    assert [party["type"] for party in receipt["parties"]] == [
        "principal",
        "controller",
        "recipient",
    ]
    assert receipt["event"]["validity"] == {"from": "2026-11-23T03:30:00Z", "until": None}
    assert receipt["event"]["entity"]["type"] == "DOCTOR"
    assert receipt["artefact"]["dataClasses"] == ["PROFILE", "AVAILABILITY"]
    assert receipt["artefact"]["permission"] == {
        "accessMode": "STORE",
        "dateRange": {"from": "2026-11-23T03:30:00Z", "to": None},
        "dataEraseAt": None,
        "frequency": None,
    }


def test_the_notice_can_be_made_again_from_its_receipt() -> None:
    kept = make_given_event().receipt["processing"]["notice"]

    again = notice_for(
        insurer=kept["insurer"],
        information_use=kept["information_use"],
        language=kept["language"],
        version=kept["version"],
    )

    assert again.sha256 == kept["sha256"]


def test_published_words_never_change_without_a_new_version() -> None:
    notice = notice_for(insurer="I", information_use="U", language="en", version="2026-11")

    assert notice.sha256 == WORDS_2026_11


def test_the_hindi_words_list_the_same_and_never_change_either() -> None:
    hindi, english = (
        notice_for(insurer="I", information_use="U", language=code, version="2026-11")
        for code in ("hi", "en")
    )

    assert hindi.sha256 == WORDS_2026_11_IN_HINDI
    for there, here in zip(hindi.data_classes, english.data_classes, strict=True):
        assert there.code == here.code
        assert [item.fields for item in there.items] == [item.fields for item in here.items]
    for lines in ("never_shared", "withdrawal", "rights", "complaint"):
        assert len(getattr(hindi, lines)) == len(getattr(english, lines))
    assert "{" not in str(hindi)


def test_who_read_hindi_has_a_receipt_of_those_words() -> None:
    event = make_given_event(language="hi")
    kept = event.receipt["processing"]["notice"]

    assert (kept["language"], event.receipt["processing"]["language"]) == ("hi", "hi")
    again = notice_for(
        insurer=kept["insurer"], information_use=kept["information_use"], language="hi",
        version=kept["version"],
    )  # fmt: skip
    assert again.sha256 == kept["sha256"]
    assert "प्रोफ़ाइल" in event.receipt["processing"]["data_classes"][0]["name"]


def test_a_language_without_wording_is_shown_in_english_and_says_so() -> None:
    event = make_given_event(language="ta")

    assert event.receipt["processing"]["notice"]["language"] == "en"
    assert event.receipt["processing"]["language"] == "en"


def test_a_receipt_altered_in_any_place_is_refused() -> None:
    token = make_given_event().signature
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    for place, letter in enumerate(token):
        # The next letter of the alphabet differs in the last bit, which no encoding may swallow.
        other = letters[letters.index(letter) ^ 1] if letter != "." else "A"
        with pytest.raises(receipts.ReceiptNotGenuine):
            receipts.verify(token[:place] + other + token[place + 1 :])
    assert receipts.verify(token)


@pytest.mark.parametrize("token", ["", "a.b.c", "€.€.€", "e30.e30.", "....", "bnVsbA.e30.e30"])
def test_what_is_no_receipt_is_refused(token: str) -> None:
    with pytest.raises(receipts.ReceiptNotGenuine):
        receipts.verify(token)


def test_a_receipt_of_somebody_elses_key_is_refused(settings: SettingsWrapper) -> None:
    settings.RECEIPT_KEYS = {"keys": [make_key("ours")]}
    token = make_given_event().signature
    stranger = make_key("ours")

    settings.RECEIPT_KEYS = {"keys": [stranger]}

    with pytest.raises(receipts.ReceiptNotGenuine):
        receipts.verify(token)
    with pytest.raises(InvalidSignature):
        check_with_cryptography_alone(token, receipts.public_keys())


def test_words_that_differ_from_the_signed_ones_are_not_genuine() -> None:
    event = make_given_event()
    assert receipts.is_genuine(event)

    event.receipt["processing"]["purpose"]["words"] = "Anything"
    assert not receipts.is_genuine(event)

    event.signature = "broken"
    assert not receipts.is_genuine(event)


def test_the_newest_key_signs_and_older_receipts_stay_valid(settings: SettingsWrapper) -> None:
    older, newer = make_key("older"), make_key("newer")
    settings.RECEIPT_KEYS = {"keys": [older]}
    first = make_given_event()

    retired = {name: value for name, value in older.items() if name != "d"}
    settings.RECEIPT_KEYS = {"keys": [retired, newer]}
    second = make_given_event()

    assert json.loads(decoded(second.signature.split(".")[0]))["kid"] == "newer"
    assert receipts.is_genuine(first)
    assert receipts.is_genuine(second)


def test_without_a_private_key_nothing_is_given(settings: SettingsWrapper) -> None:
    settings.RECEIPT_KEYS = {}

    with pytest.raises(ImproperlyConfigured, match="RECEIPT_KEYS"):
        make_given_event()

    assert not ConsentEvent.objects.exists()


def test_the_key_set_is_open_cacheable_and_holds_nothing_private(
    client: Client, settings: SettingsWrapper
) -> None:
    secret = {"kty": "oct", "k": "c2VjcmV0", "kid": "secret"}
    settings.RECEIPT_KEYS = {"keys": [make_key("older"), secret, make_key("newer")]}

    answer = client.get(reverse("consent:jwks"))

    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/jwk-set+json"
    assert answer["Cache-Control"] == "public, max-age=3600"
    published = answer.json()["keys"]
    assert [jwk["kid"] for jwk in published] == ["older", "newer"]
    assert all(jwk.keys() == {"kty", "crv", "x", "kid", "use", "alg"} for jwk in published)


@pytest.mark.parametrize(
    ("keys", "problems"),
    [
        ([make_key("a")], []),
        ([make_key("a"), make_key("b")], []),
        ([], ["consent.E001"]),
        ([{"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "public"}], ["consent.E001"]),
        ([{"kty": "OKP", "crv": "Ed25519", "x": "A", "d": "B", "kid": "bad"}], ["consent.E001"]),
        ([make_key("a"), make_key("a")], ["consent.E002"]),
        ([{name: v for name, v in make_key("a").items() if name != "kid"}], ["consent.E002"]),
    ],
)
def test_deployment_is_refused_with_keys_that_cannot_sign(
    settings: SettingsWrapper, keys: list[dict[str, Any]], problems: list[str]
) -> None:
    settings.RECEIPT_KEYS = {"keys": keys}

    assert [problem.id for problem in receipts.check_keys()] == problems
