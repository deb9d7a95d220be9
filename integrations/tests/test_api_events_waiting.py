"""Waiting for events, against the real web application."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.utils.timezone import now

from integrations.actions import keys
from integrations.api import waiting
from integrations.models import ApiKey, Scope
from integrations.tests.factories import make_feed_entry
from integrations.tests.web import running_web
from registry.models import InsuranceProvider
from registry.tests.factories import make_admin, make_provider

pytestmark = pytest.mark.django_db(transaction=True)

WORKERS = 2


@pytest.fixture
def site() -> Iterator[str]:
    with running_web() as base_url:
        yield f"{base_url}/api/v1"


@pytest.fixture
def provider() -> InsuranceProvider:
    return make_provider()


@pytest.fixture
def key(provider: InsuranceProvider) -> str:
    return keys.issue(
        provider=provider,
        name="Waiting",
        scopes=Scope.values,
        expires_at=now() + timedelta(days=1),
        is_test=True,
        by=None,
        at=now(),
    )[1]


def ask(site: str, key: str, **query: Any) -> tuple[float, requests.Response]:
    """Ask for events; give how many seconds the answer took, and the answer."""
    began = time.monotonic()
    headers = {"Authorization": f"Bearer {key}"}
    answer = requests.get(f"{site}/events", params=query, headers=headers, timeout=30)
    return time.monotonic() - began, answer


def test_an_answer_comes_with_the_event_and_without_one_when_the_time_is_up(
    site: str, provider: InsuranceProvider, key: str
) -> None:
    with ThreadPoolExecutor() as threads:
        waits = threads.submit(ask, site, key, wait=20)
        time.sleep(1)
        make_feed_entry(insurance_provider=provider)
        took, answer = waits.result()
    late, empty = ask(site, key, after=1, wait=1)

    assert 1 <= took < 10
    assert [one["feed_seq"] for one in answer.json()["items"]] == [1]
    assert late >= 1
    assert empty.json() == {"items": [], "next_after": 1, "head": 1}


def test_a_key_that_is_revoked_while_its_call_waits_hears_nothing(
    site: str, provider: InsuranceProvider, key: str
) -> None:
    with ThreadPoolExecutor() as threads:
        waits = threads.submit(ask, site, key, wait=20)
        time.sleep(1)
        keys.revoke(key=ApiKey.objects.get(), by=make_admin(), at=now())
        make_feed_entry(insurance_provider=provider)
        _, answer = waits.result()

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_key")


def test_calls_that_wait_leave_room_for_others(site: str, key: str) -> None:
    most = WORKERS * waiting.MOST_WAITING
    with ThreadPoolExecutor(max_workers=4 * most) as threads:
        all_at_once = [threads.submit(ask, site, key, wait=3) for _ in range(4 * most)]
        took = sorted(call.result()[0] for call in all_at_once)

    assert sum(seconds >= 3 for seconds in took) <= most
    assert took[most] < 3
