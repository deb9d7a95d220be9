from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from integrations.models import ConformanceRun
from integrations.tests.factories import make_endpoint
from integrations.tests.test_conformance.test_runs import make_run
from registry.models import AuditLog, InsuranceProvider
from registry.tests.factories import make_admin, make_provider, make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(make_admin())
    return client


@pytest.fixture
def insurer() -> InsuranceProvider:
    provider = make_provider(name="Nila Health")
    make_endpoint(insurance_provider=provider)
    return provider


def url(name: str, provider: InsuranceProvider) -> str:
    return reverse(f"admin:insurer_{name}", args=[provider.pk])


def page_of(client: Client, provider: InsuranceProvider) -> str:
    path = reverse("admin:registry_insuranceprovider_change", args=[provider.pk])
    return client.get(path).content.decode()


def passed(provider: InsuranceProvider) -> ConformanceRun:
    at = now() - timedelta(days=1)
    result = {
        "name": "webhook.tls",
        "outcome": "failed",
        "expected": "TLS.",
        "happened": "No <b>TLS</b>.",
        "fix": "Serve it.",
    }
    return make_run(provider, asked_at=at, finished_at=at, results=[result])


def test_the_button_asks_for_a_run_and_the_page_shows_how_far_it_is(
    admin: Client, insurer: InsuranceProvider
) -> None:
    answer = admin.post(url("check", insurer), follow=True)

    assert "The checks begin within seconds" in answer.content.decode()
    assert "Under way, 0 of 25" in page_of(admin, insurer)
    assert ConformanceRun.objects.get().asked_by is not None
    again = admin.post(url("check", insurer), follow=True)
    assert "under way already" in again.content.decode()


def test_the_button_is_no_link(admin: Client, insurer: InsuranceProvider) -> None:
    assert admin.get(url("check", insurer)).status_code == 405


def test_an_insurer_without_a_pass_needs_a_reason(
    admin: Client, insurer: InsuranceProvider
) -> None:
    assert "has not passed the checks" in page_of(admin, insurer)

    refused = admin.post(url("live", insurer), {"reason": " "})
    assert refused.status_code == 422
    assert "say why it may go live" in refused.content.decode()
    accepted = admin.post(url("live", insurer), {"reason": "Pilot."}, follow=True)

    assert "Nila Health is live and sees real doctors." in accepted.content.decode()
    assert "for this reason: Pilot." in page_of(admin, insurer)
    assert "Bring live" not in page_of(admin, insurer)


def test_an_insurer_that_passed_needs_none(admin: Client, insurer: InsuranceProvider) -> None:
    passed(insurer)
    assert "it can be brought live" in page_of(admin, insurer)

    assert admin.get(url("live", insurer)).status_code == 200
    admin.post(url("live", insurer))

    assert "by the pass of" in page_of(admin, insurer)


def test_an_insurer_that_is_live_is_told_so(admin: Client) -> None:
    provider = make_provider(integration_status="LIVE")

    answer = admin.post(url("live", provider), {"reason": "Again."})

    assert (answer.status_code, b"is live already" in answer.content) == (422, True)


@pytest.mark.parametrize(("name", "status"), [("suspend", "SUSPENDED"), ("sandbox", "SANDBOX")])
def test_an_insurer_is_moved_with_a_reason(admin: Client, name: str, status: str) -> None:
    provider = make_provider(integration_status="LIVE")

    assert admin.get(url(name, provider)).status_code == 200
    assert admin.post(url(name, provider), {"reason": ""}).status_code == 422
    assert admin.post(url(name, provider), {"reason": "Asked to."}).status_code == 302

    provider.refresh_from_db()
    assert provider.integration_status == status
    assert AuditLog.objects.get().metadata["reason"] == "Asked to."


def test_a_run_shows_each_check(admin: Client, insurer: InsuranceProvider) -> None:
    run = passed(insurer)
    waiting = make_run(insurer, status="WAITING", finished_at=None)

    path = "admin:integrations_conformancerun_change"
    shown = admin.get(reverse(path, args=[run.pk])).content.decode()

    assert "<strong>Failed</strong>" in shown
    assert "No &lt;b&gt;TLS&lt;/b&gt;." in shown
    assert "To fix: Serve it." in shown
    assert "0 of 25 done" in admin.get(reverse(path, args=[waiting.pk])).content.decode()
    assert admin.get(reverse("admin:integrations_conformancerun_changelist")).status_code == 200


@pytest.mark.parametrize("name", ["check", "live", "suspend", "sandbox"])
def test_nobody_else_gets_there(client: Client, insurer: InsuranceProvider, name: str) -> None:
    assert client.post(url(name, insurer), {"reason": "Mine."}).status_code == 302
    client.force_login(make_user())
    assert client.post(url(name, insurer), {"reason": "Mine."}).status_code == 302

    insurer.refresh_from_db()
    assert insurer.integration_status == "SANDBOX"
    assert not ConformanceRun.objects.exists()


@pytest.mark.parametrize("name", ["check", "live", "suspend", "sandbox"])
def test_an_unknown_insurer_is_not_found(admin: Client, name: str) -> None:
    path = reverse(f"admin:insurer_{name}", args=[uuid4()])

    assert admin.post(path, {"reason": "Mine."}).status_code == 404


def test_the_page_asks_the_database_little(
    admin: Client, insurer: InsuranceProvider, django_assert_max_num_queries: object
) -> None:
    for _ in range(7):
        passed(insurer)

    with django_assert_max_num_queries(8):  # type: ignore[operator]  # A fixture of the library's.
        page_of(admin, insurer)
