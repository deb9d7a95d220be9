import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError
from django.test import Client
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerSecond
from pytest_django import Settings
from redis.exceptions import ConnectionError as NoConnection

from integrations.actions import keys
from integrations.api import limits
from integrations.api.limits import Counter, InMemory, InRedis, Verdict
from integrations.tests.factories import make_api_key
from integrations.tests.insurers import Caller, make_caller
from registry.actions import save_provider
from registry.models import AuditLog
from registry.tests.factories import NOW, make_admin, make_provider

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]

THREADS = 64
A_BIT_UNDER_AN_HOUR = range(3_540, 3_601)
A_BIT_UNDER_A_MINUTE = range(30, 61)
NOBODY_LISTENS = "redis://127.0.0.1:1/0"


def per_second(quota: int) -> RateLimitItem:
    return RateLimitItemPerSecond(quota, namespace="burst")


def per_hour(quota: int) -> RateLimitItem:
    return RateLimitItemPerHour(quota, namespace="hour")


def left(verdict: Verdict) -> dict[str, int]:
    return {one.policy.namespace: one.left for one in verdict.standings}


@pytest.fixture
def who() -> str:
    return str(uuid4())


@pytest.fixture
def _three_in_an_hour(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.CALLS_PER_HOUR = 3
    settings.CALLS_PER_SECOND = 50
    settings.CALLS_PER_MINUTE_WITHOUT_KEY = 3
    # Addresses are the same in every test, other than keys.
    limits.counter.cache_clear()
    monkeypatch.setitem(settings.CACHES["default"], "KEY_PREFIX", str(uuid4()))
    yield
    limits.counter.cache_clear()


@pytest.fixture
def _no_redis(settings: Settings) -> Iterator[None]:
    settings.REDIS_URL = NOBODY_LISTENS
    limits.counter.cache_clear()
    yield
    limits.counter.cache_clear()


def told(answer: Any) -> dict[str, tuple[int, int]]:
    """Give what is left of each policy, and the seconds until one more is."""
    found = re.findall(r'"(\w+)";r=(\d+);t=(\d+)', answer["RateLimit"])
    return {name: (int(rest), int(seconds)) for name, rest, seconds in found}


def answers(caller: Caller, number: int, path: str = "/me") -> list[Any]:
    return [caller.get(path) for _ in range(number)]


@pytest.mark.usefixtures("_three_in_an_hour")
def test_who_calls_too_often_is_told_when_to_come_back() -> None:
    *passed, refused = answers(make_caller(), 4)

    assert [one.status_code for one in passed] == [200] * 3
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert refused["RateLimit-Policy"] == '"burst";q=50;w=1, "hour";q=3;w=3600'
    ((policy, (rest, seconds)),) = told(refused).items()
    assert (policy, rest) == ("hour", 0)
    assert seconds in A_BIT_UNDER_AN_HOUR
    assert refused["Retry-After"] == str(seconds)
    assert refused["Content-Type"] == "application/problem+json"
    assert refused["Cache-Control"] == "no-store"


@pytest.mark.usefixtures("_three_in_an_hour")
def test_each_answer_says_what_is_left() -> None:
    passed = answers(make_caller(), 3)

    assert {one["RateLimit-Policy"] for one in passed} == {'"burst";q=50;w=1, "hour";q=3;w=3600'}
    assert [told(one)["hour"][0] for one in passed] == [2, 1, 0]
    for one in passed:
        assert told(one)["hour"][1] in A_BIT_UNDER_AN_HOUR
        assert told(one)["burst"][0] in range(47, 50)
        assert told(one)["burst"][1] == 1


@pytest.mark.usefixtures("_three_in_an_hour")
def test_errors_count_and_say_the_same() -> None:
    caller = make_caller()
    errors = [
        caller.get("/doctors/nothing"),
        caller.get("/doctors", {"unknown": "1"}),
        caller.delete("/doctors"),
    ]

    assert [one.status_code for one in errors] == [404, 400, 405]
    assert [told(one)["hour"][0] for one in errors] == [2, 1, 0]
    assert caller.get("/me").status_code == 429


@pytest.mark.usefixtures("_three_in_an_hour")
def test_who_is_refused_costs_no_query_but_that_of_the_key(  # type: ignore[no-untyped-def]  # Untyped fixture.
    django_assert_num_queries,
) -> None:
    caller = make_caller()
    answers(caller, 3)

    with django_assert_num_queries(1):
        assert caller.get(f"/doctors/{uuid4()}").status_code == 429


@pytest.mark.usefixtures("_three_in_an_hour")
def test_each_key_has_its_own_limit() -> None:
    provider = make_provider()
    one = make_caller(insurance_provider=provider)
    _, key = make_api_key(insurance_provider=provider)
    answers(one, 4)

    assert Caller(provider, key).get("/me").status_code == 200
    assert make_caller().get("/me").status_code == 200


@pytest.mark.usefixtures("_three_in_an_hour")
def test_an_insurer_may_have_an_hour_of_its_own() -> None:
    generous = make_caller(insurance_provider=make_provider(calls_per_hour=5))

    passed = answers(generous, 5)

    assert [one.status_code for one in passed] == [200] * 5
    assert passed[0].json()["limits"]["calls_per_hour"] == 5
    assert passed[0].json()["limits"]["calls_per_second"] == 50
    assert generous.get("/me").status_code == 429


def test_an_insurers_hour_is_changed_on_record() -> None:
    provider = make_provider()
    provider.calls_per_hour = 100_000

    save_provider(provider=provider, by=make_admin(), at=NOW)

    provider.refresh_from_db()
    assert provider.calls_per_hour == 100_000
    assert AuditLog.objects.get(action="insurer.updated").metadata["changed"] == ["calls_per_hour"]


def test_the_database_refuses_an_hour_without_calls() -> None:
    with pytest.raises(IntegrityError, match="provider_may_call"):
        make_provider(calls_per_hour=0)


@pytest.mark.usefixtures("_three_in_an_hour")
@pytest.mark.parametrize("kind", ["mistyped", "unknown", "none"])
def test_who_shows_no_good_key_is_limited_by_address(kind: str) -> None:
    caller = make_caller()
    shown = {"mistyped": f"{caller.key}x", "unknown": keys.generate(is_test=True), "none": ""}[kind]
    client = Client(headers={"Authorization": f"Bearer {shown}"} if shown else {})

    tried = [client.get("/api/v1/doctors") for _ in range(5)]

    assert [one.status_code for one in tried] == [401, 401, 401, 429, 429]
    assert tried[0]["RateLimit-Policy"] == '"address";q=3;w=60'
    assert [told(one)["address"][0] for one in tried] == [2, 1, 0, 0, 0]
    assert int(tried[-1]["Retry-After"]) in A_BIT_UNDER_A_MINUTE
    elsewhere = client.get("/api/v1/doctors", REMOTE_ADDR="192.0.2.7")
    assert elsewhere.status_code == 401
    # One client with a wrong key locks out nobody behind the same proxy.
    assert caller.get("/me").status_code == 200


@pytest.mark.usefixtures("_three_in_an_hour")
def test_paths_that_are_not_there_are_limited_by_address() -> None:
    tried = [Client().get("/api/v1/nothing") for _ in range(4)]

    assert [one.status_code for one in tried] == [404, 404, 404, 429]


def test_a_network_of_one_customer_is_one_address() -> None:
    assert limits.address_of("192.0.2.7") == "192.0.2.7"
    assert limits.address_of("::ffff:192.0.2.7") == "192.0.2.7"
    assert limits.address_of("2001:db8:1:2:3:4:5:6") == limits.address_of("2001:db8:1:2::9")
    assert limits.address_of("2001:db8:1:3::9") != limits.address_of("2001:db8:1:2::9")
    assert limits.address_of(None) == "nowhere"


@pytest.mark.parametrize("quota", [1, 50, 500])
def test_of_64_threads_exactly_the_quota_passes(who: str, quota: int) -> None:
    counter = InRedis()
    policies = [per_second(5_000), per_hour(quota)]

    def call(_: int) -> bool:
        return counter.take(who, policies).passes

    with ThreadPoolExecutor(THREADS) as pool:
        passed = sum(pool.map(call, range(quota * 3)))

    assert passed == quota


def test_what_one_window_refuses_takes_no_place_in_another(who: str) -> None:
    counter = InRedis()
    policies = [per_second(2), per_hour(100)]

    verdicts = [counter.take(who, policies) for _ in range(20)]

    assert sum(one.passes for one in verdicts) == 2
    assert left(verdicts[-1]) == {"burst": 0, "hour": 98}
    assert verdicts[-1].headers["RateLimit"] == '"burst";r=0;t=1'
    assert verdicts[-1].retry_after_seconds == 1


@pytest.mark.parametrize("kind", [InRedis, InMemory])
def test_no_second_holds_more_calls_than_the_quota(
    kind: type[InRedis | InMemory], who: str, settings: Settings
) -> None:
    settings.WEB_PROCESSES = 1
    counter, quota = kind(), 10
    passed_at: list[float] = []
    ends_at = time.monotonic() + 2.5
    while time.monotonic() < ends_at:
        if counter.take(who, [per_second(quota)]).passes:
            passed_at.append(time.monotonic())

    assert len(passed_at) == 3 * quota
    # The clocks that count and that measure are two.
    pairs = zip(passed_at, passed_at[quota:], strict=False)
    assert all(later - sooner > 0.98 for sooner, later in pairs)


def test_who_waits_as_told_may_call(who: str) -> None:
    counter = InRedis()
    counter.take(who, [per_second(1)])
    refused = counter.take(who, [per_second(1)])

    time.sleep(refused.retry_after_seconds)

    assert counter.take(who, [per_second(1)]).passes


@pytest.mark.parametrize(("quota", "processes", "share"), [(50, 2, 25), (51, 2, 26), (1, 4, 1)])
def test_without_redis_a_process_counts_its_share(
    who: str, settings: Settings, quota: int, processes: int, share: int
) -> None:
    settings.WEB_PROCESSES = processes
    counter = InMemory()

    verdicts = [counter.take(who, [per_hour(quota)]) for _ in range(quota + 1)]

    assert sum(one.passes for one in verdicts) == share
    # What was promised is still what is named.
    assert verdicts[0].headers["RateLimit-Policy"] == f'"hour";q={quota};w=3600'
    assert left(verdicts[0]) == {"hour": share - 1}
    assert left(verdicts[-1]) == {"hour": 0}


def test_in_memory_a_refused_burst_takes_no_place_in_the_hour(who: str, settings: Settings) -> None:
    settings.WEB_PROCESSES = 1
    counter = InMemory()

    for _ in range(20):
        verdict = counter.take(who, [per_second(2), per_hour(100)])

    assert left(verdict) == {"burst": 0, "hour": 98}


@pytest.mark.usefixtures("_no_redis")
def test_without_redis_calls_are_answered_and_limited(settings: Settings) -> None:
    settings.CALLS_PER_SECOND, settings.CALLS_PER_HOUR = 500, 8
    settings.WEB_PROCESSES = 2

    tried = answers(make_caller(), 6)

    assert [one.status_code for one in tried] == [200] * 4 + [429] * 2
    assert int(tried[-1]["Retry-After"]) in A_BIT_UNDER_AN_HOUR


@pytest.mark.usefixtures("_no_redis")
def test_a_dead_redis_is_asked_once_in_a_while(who: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask(*_: object) -> Verdict:
        asked.append("once more")
        raise NoConnection

    monkeypatch.setattr(InRedis, "take", ask)
    counter, clock = Counter(), [100.0]
    monkeypatch.setattr("integrations.api.limits.time.monotonic", lambda: clock[0])

    for clock[0] in (100.0, 101.0, 104.9, 105.0, 105.1, 109.9, 110.0):
        counter.take(who, [per_hour(100)])

    assert len(asked) == 3


def test_a_redis_that_is_back_counts_again(who: str, monkeypatch: pytest.MonkeyPatch) -> None:
    counter, clock = Counter(), [100.0]
    monkeypatch.setattr("integrations.api.limits.time.monotonic", lambda: clock[0])
    real = InRedis.take

    def fail(*_: object) -> Verdict:
        raise NoConnection

    monkeypatch.setattr(InRedis, "take", fail)
    counter.take(who, [per_hour(100)])
    monkeypatch.setattr(InRedis, "take", real)
    clock[0] = 105.0
    first, second = (counter.take(who, [per_hour(100)]) for _ in range(2))

    assert left(first) == {"hour": 99}
    assert left(second) == {"hour": 98}
