"""Every check can fail: an insurer that does all but one thing right fails exactly that check."""

from collections.abc import Callable

import pytest
import requests

from integrations.tests.partner import Heard, Partner, Reply
from integrations.tests.test_conformance.conftest import Sut

Fault = Callable[[Heard, list[Heard]], Reply | None]
_KEPT = ("DocPort-State",)


def in_front(partner: Partner, sut: Sut, fault: Fault) -> None:
    """Let the partner hand everything on to the mock insurer, but for what the fault answers."""

    def answer(heard: Heard) -> Reply:
        before = partner.heard[:-1]
        if (wrong := fault(heard, before)) is not None:
            return wrong
        headers = dict(heard.headers) | {"host": sut.address}
        url = f"http://{sut.address}{heard.path}"
        given = requests.request(heard.method, url, data=heard.body, headers=headers, timeout=5)
        kept = {name: given.headers[name] for name in _KEPT if name in given.headers}
        return Reply(given.status_code, kept, given.content)

    partner.answer = answer


def is_pushed_again(heard: Heard, before: list[Heard]) -> bool:
    return heard.method == "PUT" and heard.body in [one.body for one in before]


def is_replayed(heard: Heard, before: list[Heard]) -> bool:
    mark = ("webhook-id", "webhook-timestamp")
    seen = [[one.headers[name] for name in mark] for one in before]
    return heard.method == "POST" and [heard.headers[name] for name in mark] in seen


def is_altered(heard: Heard, before: list[Heard]) -> bool:
    # The fourth message: a challenge, a genuine one and one that another signed come before.
    return heard.method == "POST" and len(before) == 3


FAULTS: dict[str, Fault] = {
    "webhook.altered": lambda heard, before: Reply(200) if is_altered(heard, before) else None,
    "webhook.size": lambda heard, _: Reply(413) if len(heard.body) > 10_000 else None,
    "webhook.heartbeat": lambda heard, _: Reply(400) if b'"heartbeat"' in heard.body else None,
    "webhook.replay": lambda heard, before: Reply(500) if is_replayed(heard, before) else None,
    "push.again": lambda heard, before: Reply(422) if is_pushed_again(heard, before) else None,
    "push.return": lambda heard, before: (
        Reply(410)
        if heard.method == "PUT"
        and any(one.path == heard.path and one.method == "DELETE" for one in before)
        else None
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_fails_exactly_its_check(sut: Sut, partner: Partner, name: str) -> None:
    in_front(partner, sut, FAULTS[name])

    results = sut.results(url=f"{partner.url}/docport/webhooks", push_url=f"{partner.url}/docport")

    failed = {result.name for result in results if result.outcome == "failed"} - {"recovery"}
    assert failed == {name}


def test_a_system_that_holds_another_state_than_it_was_sent_fails(
    sut: Sut, partner: Partner
) -> None:
    in_front(
        partner,
        sut,
        lambda heard, before: (
            Reply(200, {"DocPort-State": "f00d"})
            if heard.method == "GET" and not any(one.method == "DELETE" for one in before)
            else None
        ),
    )

    results = sut.results(url=f"{partner.url}/docport/webhooks", push_url=f"{partner.url}/docport")

    failed = {result.name for result in results if result.outcome == "failed"}
    assert failed == {"push.state", "push.older"}
