"""Runs of the checks that are kept, and what brings an insurer live."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from integrations import outgoing, tasks
from integrations.actions import conformance
from integrations.conformance import CHECKS, Sandbox
from integrations.models import ConformanceRun, WebhookEndpoint
from integrations.tests.factories import make_endpoint
from integrations.tests.test_conformance.conftest import KEYS, Sut
from registry.models import AuditLog, InsuranceProvider
from registry.tests.factories import NOW, make_admin, make_provider
from registry.tests.traces import recorded

pytestmark = pytest.mark.django_db(transaction=True)
SECRET, PRIVATE_KEY = KEYS
A_DAY = timedelta(days=1)
FIELDS = ("integration_status", "live_at", "live_passed_at", "live_reason")


@pytest.fixture
def checked(sut: Sut) -> InsuranceProvider:
    """An insurer whose system is the mock insurer."""
    provider = make_provider(slug="nila", api_base_url=sut.push_url)
    make_endpoint(
        insurance_provider=provider,
        url=sut.webhook_url,
        secret=SECRET,
        private_key=PRIVATE_KEY,
    )
    return provider


def make_run(provider: InsuranceProvider, **given: Any) -> ConformanceRun:
    endpoint = WebhookEndpoint.objects.signing_for(provider)
    values = {
        "webhook_url": endpoint.url if endpoint else "https://insurer.example/hooks",
        "api_base_url": provider.api_base_url,
        "docport_version": "0.1.0",
        "status": "PASSED",
        "asked_at": NOW,
        "finished_at": NOW,
    }
    return ConformanceRun.objects.create(insurance_provider=provider, **(values | given))


def carry_out(at: Any = NOW) -> ConformanceRun | None:
    with outgoing.new_session() as session:
        return conformance.carry_out_next(session=session, clock=lambda: at)


def standing(provider: InsuranceProvider) -> tuple[Any, ...]:
    provider.refresh_from_db()
    return tuple(getattr(provider, name) for name in FIELDS)


def test_a_run_is_asked_for_carried_out_and_kept(checked: InsuranceProvider) -> None:
    admin = make_admin()

    asked = conformance.ask(provider=checked, by=admin, at=NOW)
    assert tasks.check_conformance() == 1

    asked.refresh_from_db()
    assert (asked.status, asked.lease_until, asked.asked_by) == ("PASSED", None, admin)
    assert asked.finished_at is not None
    assert [result["name"] for result in asked.results] == [check.name for check in CHECKS]
    assert asked.docport_version
    assert recorded(checked) == ["conformance.asked", "conformance.passed"]
    assert tasks.check_conformance() == 0


def test_a_failure_is_kept_with_what_failed(sut: Sut, checked: InsuranceProvider) -> None:
    sut.behave(neglects=["versions"])
    conformance.ask(provider=checked, by=make_admin(), at=NOW)

    tasks.check_conformance()

    assert ConformanceRun.objects.get().status == "FAILED"
    assert AuditLog.objects.get(action="conformance.failed").metadata["failed"] == ["push.older"]


def test_an_insurer_without_an_endpoint_cannot_be_checked() -> None:
    provider = make_provider()

    with pytest.raises(conformance.NothingToCheck):
        conformance.ask(provider=provider, by=None, at=NOW)

    assert not ConformanceRun.objects.exists()
    assert recorded(provider) == []


def test_an_insurer_is_checked_once_at_a_time(checked: InsuranceProvider) -> None:
    conformance.ask(provider=checked, by=None, at=NOW)

    with pytest.raises(conformance.UnderWay):
        conformance.ask(provider=checked, by=None, at=NOW)

    assert recorded(checked) == ["conformance.asked"]
    with pytest.raises(IntegrityError, match="one_at_a_time"), transaction.atomic():
        make_run(checked, status="WAITING", finished_at=None)


def test_a_run_is_somebodys_until_its_lease_ends(checked: InsuranceProvider) -> None:
    run = conformance.ask(provider=checked, by=None, at=NOW)
    ConformanceRun.objects.filter(pk=run.pk).update(lease_until=NOW + A_DAY, results=[{"n": 1}])

    assert carry_out(NOW) is None
    done = carry_out(NOW + A_DAY)

    assert done is not None
    # By the clock of then, the insurer finds every signature too old.
    assert done.status == "FAILED"
    assert {"n": 1} not in done.results


def test_a_run_that_outlived_its_lease_changes_nothing(
    checked: InsuranceProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = conformance.ask(provider=checked, by=None, at=NOW)

    def another_takes_it(_: Sandbox) -> list[Any]:
        ConformanceRun.objects.filter(pk=run.pk).update(lease_until=NOW + A_DAY)
        return []

    monkeypatch.setattr("integrations.conformance.run", another_takes_it)

    left = carry_out()

    assert left is not None
    assert (left.status, left.lease_until) == ("WAITING", NOW + A_DAY)
    assert recorded(checked) == ["conformance.asked"]


def test_a_fault_of_our_own_ends_the_run_and_says_whose_it_is(
    checked: InsuranceProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Sandbox) -> Any:
        raise RuntimeError

    conformance.ask(provider=checked, by=None, at=NOW)
    monkeypatch.setattr("integrations.conformance.run", broken)

    tasks.check_conformance()

    run = ConformanceRun.objects.get()
    assert run.status == "FAILED"
    assert "not the insurer's" in run.results[-1]["happened"]


def test_an_endpoint_that_was_deleted_meanwhile_fails_the_challenge(
    checked: InsuranceProvider,
) -> None:
    conformance.ask(provider=checked, by=None, at=NOW)
    WebhookEndpoint.objects.update(status="DELETED", deleted_at=NOW)

    tasks.check_conformance()

    failed = [one["name"] for one in ConformanceRun.objects.get().results
              if one["outcome"] == "failed"]  # fmt: skip
    assert failed == ["webhook.challenge", "push.put"]


def test_a_pass_brings_an_insurer_live() -> None:
    provider, admin = make_provider(), make_admin()
    make_endpoint(insurance_provider=provider)
    make_run(provider, finished_at=NOW - A_DAY)
    last = make_run(provider, finished_at=NOW)

    conformance.bring_live(provider=provider, reason="", by=admin, at=NOW)

    assert standing(provider) == ("LIVE", NOW, NOW, "")
    (line,) = AuditLog.objects.filter(action="insurer.brought_live")
    assert (line.performed_by, line.metadata) == (
        admin, {"before": "SANDBOX", "reason": "", "run": str(last.pk)},
    )  # fmt: skip


@pytest.mark.parametrize(
    "given",
    [
        {"status": "FAILED"},
        {"finished_at": NOW - timedelta(days=30, seconds=1)},
        {"finished_at": NOW + A_DAY},
        {"webhook_url": "https://other.example/hooks"},
        {"api_base_url": "https://other.example/api"},
    ],
)
def test_what_does_not_vouch_for_the_system_as_it_is_brings_nobody_live(
    given: dict[str, Any],
) -> None:
    provider = make_provider()
    make_endpoint(insurance_provider=provider)
    make_run(provider, **given)

    with pytest.raises(conformance.NotYetLive):
        conformance.bring_live(provider=provider, reason="", by=make_admin(), at=NOW)

    assert standing(provider) == ("SANDBOX", None, None, "")
    assert recorded(provider) == []


def test_another_insurers_pass_brings_nobody_live() -> None:
    provider, other = make_provider(), make_provider()
    make_endpoint(insurance_provider=provider)
    make_endpoint(insurance_provider=other)
    make_run(other)

    with pytest.raises(conformance.NotYetLive):
        conformance.bring_live(provider=provider, reason="", by=make_admin(), at=NOW)


def test_a_reason_stands_in_for_a_pass() -> None:
    provider = make_provider(integration_status="SUSPENDED")

    conformance.bring_live(provider=provider, reason="Pilot, by contract.", by=None, at=NOW)

    assert standing(provider) == ("LIVE", NOW, None, "Pilot, by contract.")
    assert AuditLog.objects.get().metadata["reason"] == "Pilot, by contract."


def test_who_is_live_is_not_brought_live_again() -> None:
    provider = make_provider(integration_status="LIVE")
    before = standing(provider)

    with pytest.raises(conformance.AlreadyLive):
        conformance.bring_live(provider=provider, reason="Again.", by=None, at=NOW)

    assert standing(provider) == before
    assert recorded(provider) == []


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"live_at": NOW},
        {"live_reason": "No time."},
        {"live_passed_at": NOW},
        {"live_at": NOW, "live_passed_at": NOW - timedelta(days=30, seconds=1)},
        {"live_at": NOW, "live_passed_at": NOW + A_DAY},
    ],
)
def test_the_database_lets_nobody_go_live_without_a_pass_or_a_reason(given: Any) -> None:
    make_provider()

    with pytest.raises(IntegrityError, match="provider_live_after_pass_or_reason"):
        InsuranceProvider.objects.update(integration_status="LIVE", **given)


def test_the_command_keeps_what_came_of_an_insurers_own_addresses(
    checked: InsuranceProvider,
) -> None:
    out = StringIO()

    call_command("conformance", "--insurer", "nila", "--json", stdout=out)

    run = ConformanceRun.objects.get()
    assert (run.status, run.asked_by) == ("PASSED", None)
    assert json.loads(out.getvalue()) == {"passed": True, "checks": run.results}


def test_the_command_says_what_it_cannot_do() -> None:
    make_provider(slug="nila")

    with pytest.raises(CommandError, match="There are: nila"):
        call_command("conformance", "--insurer", "acme")
    with pytest.raises(CommandError, match="webhook endpoint first"):
        call_command("conformance", "--insurer", "nila")
    with pytest.raises(CommandError, match="one of the two"):
        call_command("conformance")
