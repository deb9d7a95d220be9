"""What every test needs: running services, and a database whose append-only tables can be emptied.

`pyproject.toml` loads it with `-p`, so that it works before Django is set up.
"""

import gc
import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.cache import caches
from django.db import connection
from django.test import TransactionTestCase
from pytest_django import Settings

from docport import embedded

APPEND_ONLY = ["audit_logs", "audit_seals", "doctor_revisions", "consent_events", "accesses"]


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None, object, object]:
    """Start PostgreSQL and Redis before pytest-django reads the settings."""
    # Tests call faster than any insurer; those of the limits set their own.
    for limit in ("CALLS_PER_SECOND", "CALLS_PER_HOUR", "CALLS_PER_MINUTE_WITHOUT_KEY"):
        os.environ[limit] = "1000000"
    embedded.start_services()
    return (yield)


def pytest_collection_finish() -> None:
    """Keep the collector from looking through thousands of tests again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _quick_settings() -> None:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    # A thread would write into the transactions of tests, which ask for it instead.
    settings.ACCESSES_WRITTEN_EVERY = 0
    # WhiteNoise warns of a missing folder, and tests take static files from their sources.
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    quick = "django.contrib.auth.hashers.MD5PasswordHasher"
    settings.PASSWORD_HASHERS = [quick, *settings.PASSWORD_HASHERS]
    settings.STORAGES["staticfiles"]["BACKEND"] = (
        "django.contrib.staticfiles.storage.StaticFilesStorage"
    )
    # Rate limits of one run must not reach the next.
    prefix = f"test-{worker}-{uuid4().hex}"
    for alias, options in settings.CACHES.items():
        options["KEY_PREFIX"] = caches[alias].key_prefix = prefix


@pytest.fixture(autouse=True)
def _media(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def _flush_append_only(
    flush: Callable[[TransactionTestCase], None], test: TransactionTestCase
) -> None:
    """Let the flush between transactional tests truncate what nobody else may."""
    with connection.cursor() as cursor:
        for table in APPEND_ONLY:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_no_truncate")
    try:
        flush(test)
    finally:
        with connection.cursor() as cursor:
            for table in APPEND_ONLY:
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {table}_no_truncate")


@pytest.fixture(autouse=True, scope="session")
def _append_only_tables_can_be_flushed() -> Iterator[None]:
    flush = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]  # noqa: SLF001  Nothing public does what happens between two tests.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            TransactionTestCase, "_fixture_teardown", lambda self: _flush_append_only(flush, self)
        )
        yield
