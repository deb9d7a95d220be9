"""Processes of DocPort are killed without a word: workers and beat, and the web at its commit."""

import time
from collections.abc import Iterator

from faults.bookings import BEFORE, Booker
from faults.finding import Finding, shares
from faults.history import Killed, instant
from faults.keep import WORKERS
from faults.stage import Stage
from faults.world import open_every_day
from scheduling.models import Appointment

EVERY_SECONDS = 2.0


def workers_and_beat(stage: Stage) -> Iterator[Finding]:
    """Kill one of the workers, of which one sequences, or the beat, every two seconds."""
    stage.people()
    stage.start()
    with stage.load():
        until = time.monotonic() + stage.seconds
        while time.monotonic() < until:
            time.sleep(EVERY_SECONDS)
            victim = stage.chance.choice([*WORKERS, "beat"])
            if stage.programs.kill(victim):
                stage.history.note(Killed(victim, instant()))
    stage.settle()
    yield Finding.of(
        f"SIGKILL of a worker or beat every {EVERY_SECONDS:g} s for {stage.seconds:g} s",
        "lost 0; order kept; duplicates ≤ kills, with the same id",
        stage.judge(),
        shares(stage.lags()),
    )


def web_at_its_commit(stage: Stage) -> Iterator[Finding]:
    """Kill the web process in the middle of bookings: before the commit, and right after it.

    Of what was not answered, the client of the second half asks again with the same key.
    """
    times = int(stage.seconds)
    stage.people(doctors=1, insurers=1)
    (doctor,) = stage.doctors
    open_every_day(doctor)
    stage.start("faults.dying_web:application")
    booker = Booker(stage.history, stage.programs.url, stage.insurers[0], doctor)
    for _ in range(times):
        booker.book_in_vain(BEFORE)
    uncommitted = Appointment.objects.count()
    for _ in range(times):
        booker.book_and_ask_again()
    committed = Appointment.objects.count()
    stage.settle()
    # What must not come would have come by now.
    time.sleep(2)
    yield Finding.of(
        f"SIGKILL of the web process {times} times before COMMIT, {times} times right after",
        f"0 events; {times} events",
        stage.judge(),
        f"{uncommitted} bookings before, {committed} after, {booker.replayed} answers kept",
        held=(uncommitted, committed, booker.replayed) == (0, times, times),
    )
