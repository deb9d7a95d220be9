import json
import subprocess
import sys
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from integrations.conformance import CHECKS
from integrations.tests.test_conformance.conftest import KEYS, Sut


def told(*arguments: str) -> tuple[str, int]:
    out = StringIO()
    try:
        call_command("conformance", *arguments, stdout=out, no_color=True)
    except SystemExit as ended:
        return out.getvalue(), int(ended.code or 0)
    return out.getvalue(), 0


def test_the_report_names_each_check_and_says_that_it_passed(sut: Sut) -> None:
    text, code = told(sut.webhook_url, *KEYS, "--push", sut.push_url)

    assert code == 0
    assert all(check.name in text for check in CHECKS)
    assert "the system behind the push, do what DocPort expects? It does." in text
    assert not any(key in text for key in KEYS)


def test_a_failure_says_what_was_expected_what_happened_and_what_to_do(sut: Sut) -> None:
    sut.behave(neglects=["unknown_types"])

    text, code = told(sut.webhook_url, *KEYS)

    assert code == 1
    assert "  FAILED  webhook.unknown_type" in text
    assert "A type of the future was answered with 400." in text
    assert "Expected: A type of event that is not known yet" in text
    assert "To fix:   DocPort adds types" in text
    assert "1 failed" in text
    assert text.endswith("Does this endpoint do what DocPort expects? Not yet.\n")


def test_the_report_comes_as_json(sut: Sut) -> None:
    sut.behave(neglects=["repeats"])

    text, code = told(sut.webhook_url, *KEYS, "--json")

    report = json.loads(text)
    assert (code, report["passed"]) == (1, False)
    assert [one["name"] for one in report["checks"]] == [check.name for check in CHECKS]
    (failed,) = [one for one in report["checks"] if one["outcome"] == "failed"]
    assert failed.keys() == {"name", "outcome", "expected", "happened", "fix"}


def test_the_key_may_stand_in_the_environment(sut: Sut, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCPORT_WEBHOOK_SECRET", " ".join(KEYS))

    assert told(sut.webhook_url)[1] == 0


@pytest.mark.parametrize("keys", [[], ["secret"], [KEYS[0], "whsec"], ["whsec_*"]])
def test_what_is_no_key_is_named_before_anything_is_sent(sut: Sut, keys: list[str]) -> None:
    with pytest.raises(CommandError, match="whsec_"):
        call_command("conformance", sut.webhook_url, *keys)

    assert sut.report()["webhooks"] == []


def test_a_wrong_key_fails_the_challenge(sut: Sut) -> None:
    text, code = told(sut.webhook_url, "whsec_" + "A" * 32)

    assert code == 1
    assert "FAILED  webhook.challenge" in text
    assert "the secret is the endpoint's own" in text


def test_it_is_a_program_with_help() -> None:
    ran = subprocess.run(
        [sys.executable, "manage.py", "conformance", "--help"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert "API_BASE_URL" in ran.stdout
