from typing import Any

import pytest

from integrations.connectors.webhooks.mapping import new_key_pair, signature
from integrations.mock_insurer.signatures import NotGenuine, sign, verify
from integrations.tests.factories import PRIVATE_KEY, PUBLIC_KEY
from integrations.tests.test_mock_insurer.conftest import NOW, SECRET, Mock

CHALLENGE = {
    "id": "msg_1",
    "type": "endpoint.challenge",
    "timestamp": "2026-11-23T03:30:00Z",
    "data": {"challenge": "repeat this"},
}
BODY = b'{"test": 2432232314}'


def signed(*entries: str) -> dict[str, str]:
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(NOW),
        "webhook-signature": " ".join(entries),
    }


def by_secret() -> str:
    return sign("msg_1", NOW, BODY, secret=SECRET)


def by_key(private_key: str = PRIVATE_KEY) -> str:
    return signature("msg_1", NOW, BODY, key=private_key)


def test_a_challenge_is_answered_each_time_it_comes_and_is_no_event(mock: Mock) -> None:
    for _ in range(2):
        answer = mock.say("POST", "/docport/webhooks", CHALLENGE)
        assert (answer.status_code, answer.json()) == (200, {"challenge": "repeat this"})

    assert mock.get("/events.json").json()["events"] == []


def test_nobody_else_can_have_a_challenge_answered(mock: Mock) -> None:
    answer = mock.say("POST", "/docport/webhooks", CHALLENGE, signed_at=NOW - 301)

    assert answer.status_code == 401
    assert "repeat this" not in answer.text


def test_a_ping_is_an_event_like_any_other(mock: Mock) -> None:
    ping: dict[str, Any] = CHALLENGE | {"type": "ping", "data": {"endpoint_id": "e"}}

    assert mock.say("POST", "/docport/webhooks", ping).json() == {"known": False}


def test_both_kinds_of_signature_are_checked() -> None:
    headers = signed(by_secret(), by_key())

    assert verify(headers, BODY, secret=SECRET, public_key=PUBLIC_KEY, at=NOW).message_id == "msg_1"
    assert verify(signed(by_secret()), BODY, secret=SECRET, at=NOW).message_id == "msg_1"


@pytest.mark.parametrize(
    "entries",
    [
        [by_secret()],
        [by_key()],
        [by_secret(), by_key(new_key_pair()[0])],
        [by_secret(), "v1a,AAAA"],
        [by_secret(), "v1a,not base64"],
    ],
)
def test_one_kind_of_signature_alone_is_not_enough_where_both_are_known(
    entries: list[str],
) -> None:
    with pytest.raises(NotGenuine):
        verify(signed(*entries), BODY, secret=SECRET, public_key=PUBLIC_KEY, at=NOW)


@pytest.mark.parametrize("public_key", ["whpk_AAAA", "whpk_no base64"])
def test_a_public_key_that_is_none_lets_nothing_through(public_key: str) -> None:
    with pytest.raises(NotGenuine):
        verify(signed(by_secret(), by_key()), BODY, secret=SECRET, public_key=public_key, at=NOW)
