"""The access ledger: which insurer was shown what of which doctor, when, under which consent.

A read must not wait for its own record, so each process counts in memory and writes once a second,
from a thread of its own, one statement for all that it has counted. What a process has not written
when it is killed is lost, and that is at most a second; the log of requests still has the calls. A
process that ends in order writes first. While the database is away, counts are kept.

Source: docs/adr/0016-reads-are-counted-by-the-hour.md
"""

import atexit
import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from threading import Event, Lock, Thread
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction

from integrations.models import SHOWN_BY

KEPT_FOR = timedelta(days=365)
BATCH = 5_000
# As rows of one statement, whose values the driver writes out in memory.
_WRITTEN_AT_ONCE = 500
# More than this is not kept in memory while the database is away.
MOST_COUNTED = 200_000

# One order for all who write, so that none of them waits for another in a circle.
_WRITE = """
    INSERT INTO accesses (
        consent_id, doctor_id, reader_kind, reader_id, call, data_classes, hour, first_at, last_at,
        times_shown, times_unchanged
    )
    SELECT consent.id, doctor_id, reader_kind, reader_id, call,
        string_to_array(classes, ','), date_trunc('hour', first_at, 'UTC'), first_at, last_at,
        shown, unchanged
    FROM unnest(
        %(doctor)s::uuid[], %(provider)s::uuid[], %(kind)s::text[], %(reader)s::uuid[],
        %(call)s::text[], %(classes)s::text[], %(first_at)s::timestamptz[],
        %(last_at)s::timestamptz[], %(shown)s::int[], %(unchanged)s::int[]
    ) AS counted (
        doctor_id, insurance_provider_id, reader_kind, reader_id, call, classes, first_at, last_at,
        shown, unchanged
    )
    JOIN doctor_insurance_consent AS consent USING (doctor_id, insurance_provider_id)
    ORDER BY 1, 7, 4, 5, 6
    ON CONFLICT (consent_id, hour, reader_id, call, data_classes) DO UPDATE SET
        first_at = least(accesses.first_at, excluded.first_at),
        last_at = greatest(accesses.last_at, excluded.last_at),
        times_shown = accesses.times_shown + excluded.times_shown,
        times_unchanged = accesses.times_unchanged + excluded.times_unchanged
"""
_FORGET = """
    DELETE FROM accesses WHERE id IN (
        SELECT id FROM accesses WHERE hour < %(before)s LIMIT %(batch)s
    )
"""

log = structlog.get_logger(__name__)


class Reader(NamedTuple):
    """Who reads: a key, a client, a webhook endpoint, or an insurer that is pushed to."""

    kind: str
    id: UUID
    provider: UUID


class _Seen(NamedTuple):
    """What is counted together."""

    doctor: str
    reader: Reader
    call: str
    classes: str
    hour: datetime


class _Count:
    """How often something was shown, and when first and last."""

    __slots__ = ("first_at", "last_at", "shown", "unchanged")

    def __init__(self, at: datetime) -> None:
        self.first_at = self.last_at = at
        self.shown = self.unchanged = 0

    def add(self, other: "_Count") -> None:
        """Take in what was counted apart."""
        self.first_at = min(self.first_at, other.first_at)
        self.last_at = max(self.last_at, other.last_at)
        self.shown += other.shown
        self.unchanged += other.unchanged


class _Counter:
    """Counts in memory, and writes from a thread of its own."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Begin anew, as in a forked process: what is counted is the parent's to write."""
        self._counts: dict[_Seen, _Count] = {}
        self._lock, self._writing, self._ended = Lock(), Lock(), Event()
        self._thread: Thread | None = None

    def count(self, seen: Iterable[_Seen], *, at: datetime, is_unchanged: bool) -> None:
        """Add to the counts; the first one starts the thread that writes them."""
        with self._lock:
            for one in seen:
                count = self._counts.get(one)
                if count is None:
                    count = self._counts[one] = _Count(at)
                count.last_at = max(count.last_at, at)
                if is_unchanged:
                    count.unchanged += 1
                else:
                    count.shown += 1
            if self._thread is None or not self._thread.is_alive():
                self._begin()

    def _begin(self) -> None:
        if settings.ACCESSES_WRITTEN_EVERY:
            self._thread = Thread(target=self._run, name="access-ledger", daemon=True)
            self._thread.start()

    def write(self) -> int:
        """Write what was counted; what the database does not take is kept for the next time."""
        with self._writing:
            with self._lock:
                counts, self._counts = self._counts, {}
            written, items = 0, list(counts.items())
            try:
                while items:
                    written += _write(items[:_WRITTEN_AT_ONCE])
                    del items[:_WRITTEN_AT_ONCE]
            except (DatabaseError, InterfaceError) as error:
                log.warning("accesses_wait", error=type(error).__name__, count=len(items))
                self._keep(items)
            return written

    def finish(self) -> None:
        """Write once more, before the process ends."""
        self._ended.set()
        if self._counts and settings.ACCESSES_WRITTEN_EVERY:
            self.write()

    def _keep(self, items: list[tuple[_Seen, _Count]]) -> None:
        with self._lock:
            for seen, count in items:
                newer = self._counts.get(seen)
                if newer is not None:
                    newer.add(count)
                elif len(self._counts) < MOST_COUNTED:
                    self._counts[seen] = count
                else:
                    log.error("accesses_lost", doctor=seen.doctor, count=count.shown)

    def _run(self) -> None:
        while not self._ended.wait(settings.ACCESSES_WRITTEN_EVERY):
            if not self._counts:
                continue
            try:
                self.write()
            finally:
                connection.close()


_counter = _Counter()


def note(
    reader: Reader,
    call: str,
    doctors: Iterable[tuple[object, Iterable[str]]],
    *,
    at: datetime,
    is_unchanged: bool = False,
) -> None:
    """Count that a reader was shown doctors; costs no query and waits for nothing.

    Args:
        call: one of `Access.Call`.
        doctors: each one's id with the data classes that it shares.
        at: aware instant of the answer.
        is_unchanged: the reader has the newest already, and nothing was sent.
    """
    if seen := _seen(reader, call, doctors, at=at):
        _counter.count(seen, at=at, is_unchanged=is_unchanged)


def write_counted() -> int:
    """Write what this process has counted so far; give how many rows that touched."""
    return _counter.write()


@transaction.atomic(durable=True)
def forget(*, at: datetime) -> int:
    """Delete some of the accesses that have been kept long enough; give how many."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, {"before": at - KEPT_FOR, "batch": BATCH})
        return int(cursor.rowcount)


def finish_counting() -> None:
    """Write what is left, such as before the process ends."""
    _counter.finish()


def _seen(
    reader: Reader, call: str, doctors: Iterable[tuple[object, Iterable[str]]], *, at: datetime
) -> list[_Seen]:
    hour, can_show = at.replace(minute=0, second=0, microsecond=0), SHOWN_BY[call]
    return [
        _Seen(str(doctor), reader, call, ",".join(c for c in can_show if c in shared), hour)
        for doctor, shared in doctors
    ]


def _write(items: list[tuple[_Seen, _Count]]) -> int:
    rows: dict[str, list[Any]] = {
        "doctor": [seen.doctor for seen, _ in items],
        "provider": [seen.reader.provider for seen, _ in items],
        "kind": [seen.reader.kind for seen, _ in items],
        "reader": [seen.reader.id for seen, _ in items],
        "call": [seen.call for seen, _ in items],
        "classes": [seen.classes for seen, _ in items],
        "first_at": [count.first_at for _, count in items],
        "last_at": [count.last_at for _, count in items],
        "shown": [count.shown for _, count in items],
        "unchanged": [count.unchanged for _, count in items],
    }
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, rows)
        return int(cursor.rowcount)


os.register_at_fork(after_in_child=_counter.renew)
atexit.register(finish_counting)
