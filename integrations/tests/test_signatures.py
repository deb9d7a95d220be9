import base64
import time

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from integrations.connectors.webhooks.mapping import (
    headers,
    new_key_pair,
    new_secret,
    signature,
)
from registry.tests.factories import NOW

# The vector that the specification's own libraries are tested with.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = 1614265330
BODY = b'{"test": 2432232314}'
SIGNED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
PRIVATE_KEY = (
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
)
SIGNED_BY_KEY = (
    "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
)

secrets = st.binary(min_size=24, max_size=64).map(
    lambda key: "whsec_" + base64.b64encode(key).decode()
)
message_ids = st.text("abcdefghijklmnopqrstuvwxyz0123456789_", min_size=1, max_size=64)
timestamps = st.integers(min_value=1, max_value=2**33)


def test_the_specifications_vector_holds() -> None:
    signed = signature(MESSAGE_ID, TIMESTAMP, BODY, key=SECRET)

    assert signed == SIGNED
    assert signed != SIGNED.replace("1OE=", "1OA=")


def test_the_specifications_asymmetric_vector_holds() -> None:
    assert signature(MESSAGE_ID, TIMESTAMP, BODY, key=PRIVATE_KEY) == SIGNED_BY_KEY


@given(message_id=message_ids, timestamp=timestamps, body=st.binary())
def test_whoever_has_the_public_key_can_check_what_the_private_one_signed(
    message_id: str, timestamp: int, body: bytes
) -> None:
    private_key, public_key = new_key_pair()
    signed = signature(message_id, timestamp, body, key=private_key).removeprefix("v1a,")
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key.removeprefix("whpk_")))
    content = f"{message_id}.{timestamp}.".encode() + body

    key.verify(base64.b64decode(signed), content)
    with pytest.raises(InvalidSignature):
        key.verify(base64.b64decode(signed), content + b" ")


@given(secret=secrets, message_id=message_ids, timestamp=timestamps, body=st.binary())
def test_any_change_gives_another_signature(
    secret: str, message_id: str, timestamp: int, body: bytes
) -> None:
    signed = signature(message_id, timestamp, body, key=secret)

    assert signature(message_id, timestamp, body, key=secret) == signed
    assert signature(message_id, timestamp, body + b" ", key=secret) != signed
    assert signature(message_id, timestamp + 1, body, key=secret) != signed
    assert signature(message_id + "x", timestamp, body, key=secret) != signed
    assert signature(message_id, timestamp, body, key=new_secret()) != signed


@given(secret=secrets, body=st.text(st.characters(codec="utf-8")).map(str.encode))
def test_the_standard_receiver_accepts_what_we_sign(secret: str, body: bytes) -> None:
    timestamp = int(time.time())
    text = b'{"data": ' + base64.b64encode(body).join([b'"', b'"']) + b"}"

    signed = headers("evt_1", timestamp, text, keys=[secret])

    Webhook(secret).verify(text, signed)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(text.replace(b"data", b"date"), signed)


def test_while_a_secret_changes_both_are_good() -> None:
    old, new, stranger = new_secret(), new_secret(), new_secret()
    timestamp = int(NOW.timestamp())

    signed = headers("evt_1", timestamp, BODY, keys=[new, old, PRIVATE_KEY])

    entries = signed["webhook-signature"].split(" ")
    assert [entry.partition(",")[0] for entry in entries] == ["v1", "v1", "v1a"]
    expected = [signature("evt_1", timestamp, BODY, key=key) for key in (new, old, PRIVATE_KEY)]
    assert entries == expected
    assert signature("evt_1", timestamp, BODY, key=stranger) not in entries
    assert signed["webhook-id"] == "evt_1"
    assert signed["webhook-timestamp"] == str(timestamp)


def test_a_new_secret_has_32_random_bytes() -> None:
    first, second = new_secret(), new_secret()

    assert first != second
    assert len(base64.b64decode(first.removeprefix("whsec_"), validate=True)) == 32
