import json
import time

import pytest
from standardwebhooks import Webhook

from integrations.mock_insurer.signatures import NotGenuine, sign, verify
from integrations.tests.test_mock_insurer.conftest import (
    NOW,
    SECRET,
)


def test_the_published_vector_of_standard_webhooks_verifies() -> None:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1a,other v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }

    signed = verify(headers, b'{"test": 2432232314}', secret=SECRET, at=1614265330)

    assert (signed.message_id, signed.signed_at) == ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330)


def test_it_agrees_with_the_public_library() -> None:
    body = '{"type": "ping", "data": {}}'
    stamp = int(time.time())
    signature = sign("evt_1", stamp, body.encode(), secret=SECRET)
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(stamp),
        "webhook-signature": signature,
    }

    assert Webhook(SECRET).verify(body, headers) == json.loads(body)


@pytest.mark.parametrize(
    "wrong",
    [
        {"webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA="},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,\u0663"},
        {"webhook-id": "msg_other"},
        {"webhook-id": ""},
        {"webhook-timestamp": "1614265331"},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "\u0661"},
    ],
)
def test_an_altered_message_is_not_genuine(wrong: dict[str, str]) -> None:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }

    with pytest.raises(NotGenuine):
        verify(headers | wrong, b'{"test": 2432232314}', secret=SECRET, at=1614265330)


@pytest.mark.parametrize(
    ("seconds", "genuine"), [(-301, False), (-300, True), (300, True), (301, False)]
)
def test_a_message_is_good_for_five_minutes_both_ways(*, seconds: int, genuine: bool) -> None:
    signature = sign("m", NOW, b"{}", secret=SECRET)
    headers = {"webhook-id": "m", "webhook-timestamp": str(NOW), "webhook-signature": signature}

    if genuine:
        assert verify(headers, b"{}", secret=SECRET, at=NOW + seconds).signed_at == NOW
    else:
        with pytest.raises(NotGenuine, match="five minutes"):
            verify(headers, b"{}", secret=SECRET, at=NOW + seconds)
