"""The push at size: what is asked again and again reads no table as a whole."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.actions import drift, push
from integrations.models import ProviderDoctorSync, ProviderPush
from integrations.monitor import push_progress
from integrations.tests.factories import make_push
from registry.models import InsuranceProvider
from registry.tests.factories import NOW, make_provider

pytestmark = pytest.mark.django_db

DOCTORS = 50_000
TABLE = ProviderDoctorSync._meta.db_table
_FILL = f"""
    INSERT INTO {TABLE} (
        id, doctor_id, insurance_provider_id, sync_status, is_backfill, wanted, sent, version_sent,
        state_hash, sent_to, last_error, attempts, next_attempt_at, created_at, updated_at
    )
    SELECT gen_random_uuid(), gen_random_uuid(), %s, %s, %s, 1, 0, 0, '', '', '', 0, now(), now(),
        now()
    FROM generate_series(1, {DOCTORS})
"""


@pytest.fixture
def waiting() -> InsuranceProvider:
    """An insurer whose backfill has just begun, and one that is in step."""
    waiting, in_step = (make_provider(api_base_url="https://insurer.example/api") for _ in "12")
    make_push(insurance_provider=waiting)
    make_push(insurance_provider=in_step)
    with connection.cursor() as cursor:
        # Rows without doctors, until the test is rolled back.
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE contype = 'f' AND conrelid = %s::regclass",
            [TABLE],
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f'ALTER TABLE {TABLE} DROP CONSTRAINT "{name}"')
        cursor.execute(_FILL, [waiting.pk, "PENDING", True])
        cursor.execute(_FILL, [in_step.pk, "IN_STEP", False])
        cursor.execute(f"ANALYZE {TABLE}")
    return waiting


def plans_of(queries: CaptureQueriesContext) -> Iterator[str]:
    with connection.cursor() as cursor:
        for query in queries.captured_queries:
            sql = query["sql"].strip()
            if TABLE in sql and sql.startswith(("SELECT", "WITH", "UPDATE")):
                cursor.execute(f"EXPLAIN {sql}")
                yield "\n".join(line for (line,) in cursor.fetchall())


def plans_while(run: Any) -> str:
    with CaptureQueriesContext(connection) as queries:
        run()
    return "\n".join(plans_of(queries))


@pytest.mark.usefixtures("waiting")
def test_a_lease_looks_up_the_few_that_are_next() -> None:
    def lease() -> None:
        begin = time.monotonic()
        push.lease(room=16, at=NOW + timedelta(days=30))
        assert time.monotonic() - begin < 0.1

    plans = plans_while(lease)

    assert "sync_due_by_provider" in plans
    assert "sync_held" in plans
    assert "Seq Scan on provider_doctor_sync" not in plans


@pytest.mark.usefixtures("waiting")
def test_a_step_of_the_check_reads_no_table_as_a_whole() -> None:
    ProviderPush.objects.update(
        check_began_at=NOW, checked_to="80000000-0000-4000-8000-000000000000"
    )
    (first, *_) = drift.lease(room=2, at=NOW)

    plans = plans_while(lambda: drift._prepare(first, NOW))  # noqa: SLF001  Its own plan.

    assert "Seq Scan on provider_doctor_sync" not in plans


def test_progress_is_counted_in_indexes(waiting: InsuranceProvider) -> None:
    plans = plans_while(push_progress)

    progress = {one.insurer: one for one in push_progress()}
    assert (progress[waiting].doctors, progress[waiting].to_backfill) == (DOCTORS, DOCTORS)
    assert "Seq Scan on provider_doctor_sync" not in plans
