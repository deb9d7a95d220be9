from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from integrations.admin import push as admin_module
from integrations.models import ProviderDoctorSync, ProviderPush
from integrations.tests.factories import make_push, make_sync
from registry.models import AuditLog, InsuranceProvider, User
from registry.tests.factories import NOW, make_provider

pytestmark = pytest.mark.django_db

LIST = "/admin/integrations/providerpush/"
MINUTE = timedelta(minutes=1)
Status = ProviderDoctorSync.Status


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_module, "now", lambda: NOW)


@pytest.fixture
def provider() -> InsuranceProvider:
    return make_provider(api_base_url="https://insurer.example/api")


def run(browser: Client, action: str, push: ProviderPush) -> Any:
    chosen = {"action": action, "_selected_action": [str(push.pk)]}
    return browser.post(LIST, chosen, follow=True).content.decode()


def test_each_insurer_says_how_far_it_is(browser: Client, provider: InsuranceProvider) -> None:
    push = make_push(
        insurance_provider=provider,
        check_began_at=NOW,
        checked=7,
        differed=2,
        check_error="timeout",
    )
    make_sync(insurance_provider=provider, sync_status=Status.IN_STEP)
    make_sync(insurance_provider=provider, sync_status=Status.STOPPED)
    make_sync(insurance_provider=provider, sync_status=Status.FAILING, failing_since=NOW - MINUTE)
    make_sync(insurance_provider=provider, next_attempt_at=NOW - MINUTE)
    for _ in range(2):
        make_sync(insurance_provider=provider, is_backfill=True)

    for page in (LIST, f"{LIST}{push.pk}/change/"):
        shown = browser.get(page).content.decode()
        assert "1 of 6 doctors" in shown
        assert "1, the first since 23 Nov 03:29 UTC" in shown
        assert "60 s" in shown
        assert "2 to send, at most 600 a minute, until about 23 Nov 03:30 UTC" in shown
        assert "under way: 7 checked, 2 differed, 0 outdated; waits because of timeout" in shown


def test_where_nothing_waits_it_says_none(browser: Client) -> None:
    make_push()

    shown = browser.get(LIST).content.decode()

    assert "0 of 0 doctors" in shown
    assert "not yet" in shown


def test_a_check_that_ended_says_what_it_found(browser: Client) -> None:
    make_push(check_began_at=NOW, check_ended_at=NOW - MINUTE, checked=7, tells_states=False)

    shown = browser.get(LIST).content.decode()

    assert "ended 0:01:00 ago: 7 checked, 0 differed, 0 outdated" in shown
    assert "its system does not tell what it holds" in shown


def test_everything_is_sent_again(
    browser: Client, provider: InsuranceProvider, admin_user: User
) -> None:
    pair = make_sync(insurance_provider=provider, sync_status=Status.IN_STEP)

    shown = run(browser, "send_all_again", make_push(insurance_provider=provider))

    assert "1 will be sent again, at the rate of a backfill." in shown
    pair.refresh_from_db()
    assert (pair.sync_status, pair.is_backfill) == (Status.PENDING, True)
    assert AuditLog.objects.get().performed_by == admin_user


def test_what_fails_is_tried_again(browser: Client, provider: InsuranceProvider) -> None:
    pair = make_sync(
        insurance_provider=provider, sync_status=Status.FAILING, failing_since=NOW, attempts=6,
        next_attempt_at=NOW + 99 * MINUTE,
    )  # fmt: skip

    shown = run(browser, "try_failing_again", make_push(insurance_provider=provider))

    assert "1 will be sent again within seconds." in shown
    pair.refresh_from_db()
    assert (pair.next_attempt_at, pair.attempts) == (NOW, 0)


def test_an_insurer_is_checked_now(browser: Client, provider: InsuranceProvider) -> None:
    push = make_push(insurance_provider=provider, next_check_at=NOW + MINUTE)

    run(browser, "check_now", push)

    push.refresh_from_db()
    assert push.next_check_at == NOW


def test_the_insurers_page_leads_there(browser: Client, provider: InsuranceProvider) -> None:
    page = reverse("admin:registry_insuranceprovider_change", args=[provider.pk])

    shown = browser.get(page).content.decode()

    assert f'href="{LIST}?q={provider.slug}"' in shown


def test_the_list_takes_as_many_queries_for_many_as_for_one(
    browser: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(5):
        make_push(insurance_provider=make_sync().insurance_provider)

    with django_assert_max_num_queries(6):
        browser.get(LIST)


def test_the_monitor_keeps_those_that_fail_for_one_reason(browser: Client) -> None:
    silent = make_sync(sync_status=Status.FAILING, failing_since=NOW, last_error="timeout")
    make_sync(sync_status=Status.STOPPED, last_error="http_410")
    page = "/admin/integrations/providerdoctorsync/"

    shown = browser.get(page, {"last_error": "timeout"})

    assert list(shown.context["cl"].result_list) == [silent]
    assert "?last_error=http_410" in shown.content.decode()
    assert len(browser.get(page).context["cl"].result_list) == 2
