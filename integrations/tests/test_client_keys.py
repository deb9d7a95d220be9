import json
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey

from integrations.connectors.client_keys.mapping import KeysUnusable, read, stored
from integrations.tests.signing import key_set, make_key, published


def document(*keys: Any) -> str:
    return json.dumps({"keys": list(keys)})


def public(key: Any, **members: Any) -> dict[str, Any]:
    return dict(key.as_dict(private=False)) | members


@pytest.mark.parametrize("kty", ["RSA", "EC", "OKP"])
def test_keys_of_the_three_algorithms_are_read(kty: str) -> None:
    keys = read(published(make_key(kty)))

    assert stored(keys) == key_set(make_key(kty))
    assert read(json.dumps(stored(keys))) == keys


def test_a_key_may_say_what_it_is_for() -> None:
    one = public(make_key("EC"), use="sig", alg="ES384")

    assert [key.kid for key in read(document(one))] == ["key-1"]


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "RSA", "n": "_" * 171 + "w", "e": "AQAB", "kid": "weak"},
        public(ECKey.generate_key("P-256", {"kid": "another curve"})),
        public(OKPKey.generate_key("X25519", {"kid": "not for signatures"})),
        public(OKPKey.generate_key("Ed448", {"kid": "another curve"})),
        public(make_key("EC"), use="enc"),
        public(make_key("RSA"), alg="RS256"),
        public(make_key("EC"), kid=""),
        {name: value for name, value in public(make_key("EC")).items() if name != "kid"},
        public(make_key("EC"), x="AA"),
        public(make_key("EC"), kty=["EC"]),
        public(make_key("RSA"), n=5),
        {"kty": "AKP", "kid": "of tomorrow"},
        {},
    ],
)
@pytest.mark.filterwarnings("ignore:Key size should be")
def test_what_cannot_be_used_is_left_out(key: dict[str, Any]) -> None:
    with pytest.raises(KeysUnusable, match="No key can be used"):
        read(document(key))

    beside = public(make_key("OKP", "good"))
    assert [one.kid for one in read(document(key, beside))] == ["good"]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        "nonsense",
        "[]",
        "3",
        "null",
        "{}",
        '{"keys": 3}',
        '{"keys": ["x"]}',
        b"\xff",
        "[" * 99999,
    ],
)
def test_what_is_no_set_of_keys_is_refused(text: str | bytes) -> None:
    with pytest.raises(KeysUnusable, match="not a JWK set"):
        read(text)


@pytest.mark.parametrize(
    "secret",
    [make_key("EC").as_dict(private=True), OctKey.generate_key(256, {"kid": "shared"}).as_dict()],
)
def test_a_set_with_a_secret_is_refused_whole(secret: dict[str, Any]) -> None:
    with pytest.raises(KeysUnusable, match="secret"):
        read(document(public(make_key("OKP", "good")), secret))


def test_two_keys_of_one_name_are_refused() -> None:
    with pytest.raises(KeysUnusable, match="same kid"):
        read(document(public(make_key("EC")), public(make_key("OKP"))))
