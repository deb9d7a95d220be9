"""What has to run inside DocPort: `python -m bench.inside <task>`, in the site's environment.

The answer is one line of JSON on standard output.
"""

import json
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
django.setup()

from django.utils.timezone import now  # noqa: E402  Models need the settings first.

from bench.calls import Caller, Waiting, read  # noqa: E402
from bench.profiles import profiled  # noqa: E402
from integrations.actions import keys  # noqa: E402
from integrations.models import Scope  # noqa: E402
from registry.models import InsuranceProvider  # noqa: E402


def add_insurers() -> dict[str, str]:
    """Add the insurer who sees every doctor and the one who sees few; give their keys."""
    return {slug: _insurer(slug) for slug in ("sees-all", "sees-few")}


def _insurer(slug: str) -> str:
    provider = InsuranceProvider.objects.create(
        name=slug.replace("-", " ").capitalize(),
        slug=slug,
        integration_status=InsuranceProvider.Status.LIVE,
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
        "round_trips": waiting.statements / len(others),
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
}

if __name__ == "__main__":
    print(json.dumps(TASKS[sys.argv[1]](*sys.argv[2:])))
