"""What the checks find, against a real insurer that misbehaves on command."""

from typing import Any

import pytest

from integrations.conformance import CHECKS, has_passed
from integrations.outgoing import transport
from integrations.tests.test_conformance.conftest import Sut

pytestmark = pytest.mark.usefixtures("sut")
NOTHING: set[str] = set()


def test_a_good_insurer_passes_every_check(sut: Sut) -> None:
    results = sut.results()

    assert [result.name for result in results] == [check.name for check in CHECKS]
    assert {result.name for result in results if result.outcome != "passed"} == {"webhook.tls"}
    assert has_passed(results)


def test_nothing_of_the_made_up_doctor_stays(sut: Sut) -> None:
    sut.results()

    assert sut.report()["held"] == []


@pytest.mark.parametrize(
    ("neglected", "failing"),
    [
        (
            "signatures",
            {
                "webhook.wrong_signature", "webhook.altered", "webhook.unsigned",
                "webhook.timestamp", "push.unsigned",
            },
        ),
        ("age", {"webhook.timestamp"}),
        ("public_key", NOTHING),
        ("challenges", {"webhook.challenge"}),
        ("repeats", {"webhook.repeat"}),
        ("unknown_types", {"webhook.unknown_type"}),
        ("unknown_fields", {"webhook.unknown_field"}),
        ("order", {"webhook.order"}),
        ("versions", {"push.older"}),
        ("erasures", {"push.erase"}),
    ],
)  # fmt: skip
def test_each_neglect_fails_exactly_the_checks_that_are_about_it(
    sut: Sut, neglected: str, failing: set[str]
) -> None:
    sut.behave(neglects=[neglected])

    assert sut.failures() == failing


@pytest.mark.parametrize(
    ("behaviour", "failing"),
    [
        ({"redirect_to": "/elsewhere"}, {"webhook.no_redirect", "push.put"}),
        ({"status": 503}, {"webhook.challenge", "push.put", "recovery"}),
        ({"status": 404}, {"webhook.challenge", "push.put"}),
        ({"delay_seconds": 1}, {"webhook.in_time", "push.put"}),
        ({"drip_seconds": 0.1}, {"webhook.in_time", "push.put"}),
    ],
)
def test_each_misbehaviour_fails_exactly_the_checks_that_are_about_it(
    sut: Sut, monkeypatch: pytest.MonkeyPatch, behaviour: dict[str, Any], failing: set[str]
) -> None:
    monkeypatch.setattr(transport, "TOTAL_SECONDS", 0.5)
    sut.behave(**behaviour)

    assert sut.failures() == failing


def test_what_a_failure_makes_pointless_is_not_asked(sut: Sut) -> None:
    sut.behave(neglects=["challenges"])

    results = {result.name: result for result in sut.results(push=False)}

    assert results["webhook.genuine"].outcome == "skipped"
    assert "webhook.challenge failed" in results["webhook.genuine"].happened
    assert results["push.put"].happened == "No address to push doctors to was given."
    assert len(sut.report()["webhooks"]) == 1  # type: ignore[arg-type]  # A list, as JSON.


@pytest.mark.parametrize("status", [429, 503])
def test_an_insurer_that_was_busy_for_a_moment_passes(sut: Sut, status: int) -> None:
    sut.behave(status=status, retry_after="2", times=2)

    results = sut.results()

    assert has_passed(results)
    assert results[-1].happened == "Messages that met 429 or 5xx first, and then an answer: 1."
    assert sut.waits == [2.0, 2.0]


def test_an_insurer_that_asks_for_a_day_is_waited_for_a_little(sut: Sut) -> None:
    sut.behave(status=503, retry_after="86400")

    sut.results(push=False)

    assert set(sut.waits) == {10.0}


def test_tls_with_a_certificate_that_holds_passes(sut: Sut) -> None:
    url = sut.webhook_url.replace("http://127.0.0.1", "https://localhost")

    results = sut.results(url=url, trusts=True)

    assert {result.outcome for result in results} == {"passed"}


@pytest.mark.parametrize("tls", ["untrusted", "none"])
def test_broken_tls_fails_its_check_alone(sut: Sut, tls: str) -> None:
    sut.behave(tls=tls)
    url = sut.webhook_url.replace("http://127.0.0.1", "https://localhost")

    results = sut.results(url=url, push=False, trusts=True)

    assert [result.name for result in results if result.outcome == "failed"] == ["webhook.tls"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "https://169.254.169.254/", "nowhere"])
def test_an_address_that_cannot_be_called_fails_its_check_alone(sut: Sut, url: str) -> None:
    results = sut.results(url=url, push=False)

    assert [result.name for result in results if result.outcome == "failed"] == ["webhook.address"]


def test_an_insurer_that_does_not_say_what_it_holds_passes(
    sut: Sut, monkeypatch: pytest.MonkeyPatch
) -> None:
    routes = [one for one in sut.server.routes if one.method != "GET"]
    monkeypatch.setattr(sut.server, "routes", routes)

    outcomes = {result.name: result for result in sut.results()}

    assert outcomes["push.state"].outcome == "skipped"
    assert outcomes["push.erase"].happened.endswith("second erasure was answered with 200.")
    assert has_passed(outcomes.values())


def test_names_are_unique_and_needed_ones_come_before() -> None:
    seen: set[str] = set()
    for check in CHECKS:
        assert check.name not in seen
        assert set(check.needs) <= seen
        seen.add(check.name)
