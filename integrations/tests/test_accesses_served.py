"""The access ledger of web processes as they run in earnest."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import requests
from django.db.models import Sum
from django.utils.timezone import now

from integrations.models import Access
from integrations.tests.doctors import share
from integrations.tests.insurers import make_caller
from integrations.tests.web import running_web

pytestmark = pytest.mark.django_db(transaction=True)

CALLS = 40
WRITTEN_WITHIN_SECONDS = 20


def shown() -> int:
    return int(Access.objects.aggregate(times=Sum("times_shown"))["times"] or 0)


def test_two_processes_count_every_read_and_write_the_last_when_they_end() -> None:
    caller = make_caller(expires_at=now() + timedelta(days=1))
    doctor = share(caller, granted_at=now() - timedelta(days=1))
    headers = {"Authorization": f"Bearer {caller.key}", "Connection": "close"}

    with running_web() as base_url:

        def read(_: int) -> int:
            path = f"{base_url}/api/v1/doctors/{doctor.pk}"
            return requests.get(path, headers=headers, timeout=20).status_code

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(read, range(CALLS))) == {200}
        deadline = time.monotonic() + WRITTEN_WITHIN_SECONDS
        while shown() < CALLS and time.monotonic() < deadline:
            time.sleep(0.2)
        assert shown() == CALLS
        # Nobody waits for the thread here.
        assert [read(0) for _ in range(3)] == [200] * 3

    assert shown() == CALLS + 3
