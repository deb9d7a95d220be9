"""What has to run inside DocPort; `bench.inside` calls it by name."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils.timezone import now

from bench import sync_tasks
from bench.calls import Caller, Waiting, read
from bench.profiles import profiled
from bench.strangers import compare
from integrations.actions import keys
from integrations.models import Scope
from registry.models import InsuranceProvider


def add_insurers() -> dict[str, str]:
    """Add the insurer who sees every doctor and the one who sees few; give their keys."""
    return {slug: _insurer(slug) for slug in ("sees-all", "sees-few")}


def _insurer(slug: str) -> str:
    provider = InsuranceProvider.objects.create(
        name=slug.replace("-", " ").capitalize(),
        slug=slug,
        integration_status=InsuranceProvider.Status.LIVE,
        live_at=now(),
        live_reason="To measure.",
        information_use="To measure.",
    )
    _, key = keys.issue(
        provider=provider,
        name="Benchmarks",
        scopes=Scope.values,
        expires_at=now() + timedelta(days=1),
        is_test=False,
        by=None,
        at=now(),
    )
    return key


def time_in_database(file: str, key: str, count: str) -> dict[str, float]:
    """Send requests one at a time; give what one of them waits for PostgreSQL, on average."""
    caller = Caller(key)
    first, *others = read(file, count=int(count) + 1)
    caller.call(first)
    with Waiting() as waiting:
        for request in others:
            caller.call(request)
    return {
        "ms": waiting.seconds / len(others) * 1000,
        "round_trips": waiting.round_trips / len(others),
    }


def profile(file: str, key: str, count: str) -> str:
    """Send requests one at a time; say what takes their time."""
    caller = Caller(key)
    first, *others = read(file, count=int(count) + 1)
    caller.call(first)
    return profiled(lambda: [caller.call(request) for request in others])


TASKS: dict[str, Callable[..., Any]] = {
    "insurers": add_insurers,
    "time-in-database": time_in_database,
    "profile": profile,
    "strangers": compare,
    "sync-fill": sync_tasks.fill,
    "sync-sequence": sync_tasks.sequence,
    "sync-claim": sync_tasks.claim,
    "sync-post": sync_tasks.post_plainly,
    "sync-wake": sync_tasks.wake,
}
