"""Let many do something at the same moment, and see that they do."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from time import monotonic, sleep

from django.db import connection, connections, transaction
from django.db.backends.postgresql.base import DatabaseWrapper

from registry.actions import Refused

_PATIENCE_SECONDS = 60


@contextmanager
def a_connection_for_everybody(count: int = 30) -> Iterator[None]:
    """Let that many threads have one at the same time."""
    size = connection.settings_dict["OPTIONS"]["pool"]["max_size"]
    _set_pool_size(count)
    try:
        yield
    finally:
        _set_pool_size(size)


def _set_pool_size(size: int) -> None:
    database = connections["default"]
    assert isinstance(database, DatabaseWrapper)
    database.close()
    database.close_pool()
    database.settings_dict["OPTIONS"]["pool"]["max_size"] = size


def outcome_of(call: Callable[[], object]) -> str:
    """Name what came of a call: the refusal, or that it was done."""
    try:
        call()
    except Refused as refusal:
        return type(refusal).__name__
    finally:
        connection.close()
    return "done"


def at_once(calls: Sequence[Callable[[], object]]) -> list[str]:
    """Let each thread make a call, none of which writes before all wait for something.

    All have looked by then, as far as their locks let them, and nobody has seen another.
    """
    with a_connection_for_everybody(len(calls) + 2), ThreadPoolExecutor(len(calls)) as pool:
        together = Barrier(len(calls), timeout=_PATIENCE_SECONDS)

        def run(call: Callable[[], object]) -> str:
            together.wait()
            return outcome_of(call)

        with transaction.atomic():
            _hold_writers()
            running = [pool.submit(run, call) for call in calls]
            wait_until_waiting(len(calls))
        return [one.result(_PATIENCE_SECONDS) for one in running]


def outcome_after(
    change: Callable[[], object], call: Callable[[], object], *, undone: bool = False
) -> str:
    """Make a call while a change is not yet committed, and commit once the call waits for it."""
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            change()
            running = pool.submit(outcome_of, call)
            wait_until_waiting(1)
            transaction.set_rollback(undone)
        return running.result(_PATIENCE_SECONDS)


def wait_until_waiting(count: int) -> None:
    """Return when that many sessions wait for a lock."""
    deadline = monotonic() + _PATIENCE_SECONDS
    waiting = 0
    with connection.cursor() as cursor:
        while monotonic() < deadline:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            (waiting,) = cursor.fetchone() or (0,)
            if waiting >= count:
                return
            sleep(0.01)
    raise AssertionError(f"{waiting} of {count} waited.")


def _hold_writers() -> None:
    """Let readers of appointments pass and writers wait until the commit."""
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE appointments IN SHARE MODE")
