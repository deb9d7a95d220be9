"""Writers who change doctors at a steady rate: `python -m faults.load`, until its input ends.

Each change is a transaction as DocPort's actions make them: lock the doctor, raise the version,
record and publish. It lasts from 1 to 80 ms, and one in ten is rolled back.
"""

import json
import os
import random
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import django
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from bench.site import CHECKOUT
from docport.embedded.launch import launch_command
from faults.history import COMMITTED, ROLLED_BACK, UNKNOWN, Change, History, Wrote, instant

CHANGES_PER_SECOND = 50
WRITERS = 16
SHORTEST_SECONDS, LONGEST_SECONDS = 0.001, 0.080
ROLLS_BACK = 0.1
ENDS_WITHIN_SECONDS = 60


@contextmanager
def load(
    noted: History, doctors: Sequence[str], *, rate: float = CHANGES_PER_SECOND
) -> Iterator[None]:
    """Have writers change these doctors while the block lasts."""
    given = {"history": str(noted.path), "doctors": list(doctors), "rate": rate}
    with Popen(
        launch_command([sys.executable, "-m", "faults.load", json.dumps(given)]),
        cwd=CHECKOUT,
        stdin=PIPE,
        stdout=PIPE,
        env=os.environ | {"DATABASE_POOL_SIZE": str(WRITERS + 1)},
    ) as process:
        assert process.stdout
        assert process.stdout.readline(), "The writers did not start."
        try:
            yield
        finally:
            process.communicate(timeout=ENDS_WITHIN_SECONDS)


def main() -> None:
    given = json.loads(sys.argv[1])
    django.setup()
    noted, over = History(Path(given["history"])), threading.Event()
    pause = WRITERS / given["rate"]
    writers = [
        threading.Thread(target=_write_until, args=(over, noted, given["doctors"], pause, number))
        for number in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    print("writing", flush=True)
    sys.stdin.read()
    over.set()
    for writer in writers:
        writer.join()


def _write_until(
    over: threading.Event, noted: History, doctors: list[str], pause: float, number: int
) -> None:
    chance = random.Random(number)
    next_at = time.monotonic() + chance.uniform(0, pause)
    while not over.wait(max(0.0, next_at - time.monotonic())):
        # After a time without a database nobody makes up for what was not done.
        next_at = max(next_at, time.monotonic() - pause) + pause
        noted.note(
            *change(
                chance.choice(doctors),
                lasts=chance.uniform(SHORTEST_SECONDS, LONGEST_SECONDS),
                is_undone=chance.random() < ROLLS_BACK,
            )
        )


def change(doctor_id: str, *, lasts: float, is_undone: bool = False) -> list[Wrote]:
    """Change a doctor in a transaction of that many seconds; give what became of it, if anything.

    An error before the commit undoes everything; after one during it, nobody knows.
    """
    # Models can only be imported once Django is set up.
    models: Any = import_module("registry.models")
    ledger: Any = import_module("registry.ledger")
    version, committing_at = 0, 0.0
    try:
        with transaction.atomic(durable=True):
            doctor = models.Doctor.objects.select_for_update(no_key=True).get(pk=doctor_id)
            doctor.version = version = doctor.version + 1
            doctor.save(update_fields=["version"])
            at = timezone.now()
            ledger.record("doctor.updated", subject=doctor, by=None, at=at)
            ledger.publish("doctor.updated", subject=doctor, version=version, at=at, doctor=doctor)
            time.sleep(lasts)
            transaction.set_rollback(is_undone)
            committing_at = instant()
        outcome = ROLLED_BACK if is_undone else COMMITTED
    except DatabaseError:
        connection.close()
        outcome = UNKNOWN if committing_at and not is_undone else ROLLED_BACK
    if not version:
        return []
    change = Change(f"doctor/{doctor_id}", version)
    return [Wrote(change, doctor_id, outcome, committing_at, instant())]


if __name__ == "__main__":
    main()
