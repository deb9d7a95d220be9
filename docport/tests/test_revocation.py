"""A key or a client that is taken back opens nothing anywhere, also while Redis is down."""

import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from django.utils.timezone import now
from pytest_django import Settings

from docport.embedded.places import Places
from docport.embedded.redis_server import RedisServer
from integrations.actions import clients, keys
from integrations.tests.factories import make_api_client, make_api_key
from integrations.tests.web import running_web
from registry.tests.factories import make_admin

pytestmark = pytest.mark.django_db(transaction=True)

# Far more than one of the two workers would take by itself.
CALLS = 60


@contextmanager
def running_redis() -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Run a Redis that a test may stop; give its address and the process."""
    # The path of a socket must be short.
    with tempfile.TemporaryDirectory() as directory:
        places = Places(var=Path(directory), runtime=Path(directory) / "run")
        places.create()
        server = RedisServer(places).start()
        try:
            yield places.redis_url, server
        finally:
            server.terminate()
            server.wait(10)


def answers(base_url: str, token: str) -> set[int]:
    """Call many times at once, so that both workers answer; give what they said."""
    headers = {"Authorization": f"Bearer {token}", "Connection": "close"}

    def call(_: int) -> int:
        return requests.get(f"{base_url}/api/v1/me", headers=headers, timeout=10).status_code

    with ThreadPoolExecutor(20) as pool:
        return set(pool.map(call, range(CALLS)))


def test_what_is_revoked_opens_nothing_in_any_process_though_redis_is_down(
    settings: Settings,
) -> None:
    tomorrow = now() + timedelta(days=1)
    row, key = make_api_key(expires_at=tomorrow)
    client, _ = make_api_client(expires_at=tomorrow)
    _, token = clients.issue_token(client=client, scopes=client.oauth.get_scopes(), at=now())
    with running_redis() as (settings.REDIS_URL, redis), running_web() as base_url:
        assert answers(base_url, key) == answers(base_url, token) == {200}
        redis.terminate()
        redis.wait(10)
        assert answers(base_url, key) == answers(base_url, token) == {200}

        keys.revoke(key=row, by=make_admin(), at=now())
        assert (answers(base_url, key), answers(base_url, token)) == ({401}, {200})

        clients.revoke(client=client, by=make_admin(), at=now())
        assert answers(base_url, token) == {401}
