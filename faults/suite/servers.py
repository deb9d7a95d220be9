"""Redis and PostgreSQL are emptied, stopped, filled and killed, and nobody restarts DocPort."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis

from docport.embedded.places import Places
from faults.bookings import Booker
from faults.finding import Finding
from faults.history import Killed, instant
from faults.keep import WORKERS
from faults.stage import Stage
from faults.world import open_every_day
from integrations.actions.drain import WIDTH

RECOVERS_WITHIN_SECONDS = 30.0
# How long each state lasts of which nothing is asked but that it passes.
_SHORT_SECONDS = 5.0
_MUST_HOLD = f"lost 0; API still books; recovery ≤ {RECOVERS_WITHIN_SECONDS:g} s, no restart"
_STOPS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT, "SIGKILL": signal.SIGKILL}
# Each worker may have sent as many as it can at once, and not have noted it.
SENDS_OF_ALL = WIDTH * len(WORKERS)


def redis_emptied(stage: Stage) -> Iterator[Finding]:
    """Empty Redis while everything goes on."""
    booker = _begin(stage)
    with stage.load():
        time.sleep(_SHORT_SECONDS)
        stage.redis.empty()
        took = _recovers(stage, booker)
    yield _judged(stage, "Redis FLUSHALL", booker, took)


def redis_away(stage: Stage) -> Iterator[Finding]:
    """Stop Redis for two minutes; it comes back empty."""
    booker = _begin(stage)
    with stage.load():
        time.sleep(_SHORT_SECONDS)
        stage.redis.stop()
        _book_for(stage.seconds, booker)
        stage.redis.start()
        took = _recovers(stage, booker)
    fault = f"Redis stopped for {stage.seconds:g} s, started empty"
    yield _judged(stage, fault, booker, took)


def redis_full(stage: Stage) -> Iterator[Finding]:
    """Let Redis have no memory for anything that is new."""
    booker = _begin(stage)
    with stage.load():
        time.sleep(_SHORT_SECONDS)
        with _no_memory(stage.redis.url):
            _book_for(stage.seconds, booker)
        took = _recovers(stage, booker)
    yield _judged(stage, f"Redis full (noeviction) for {stage.seconds:g} s", booker, took)


def postgres_restarts(stage: Stage) -> Iterator[Finding]:
    """Stop PostgreSQL in each way there is; whoever keeps it starts it again."""
    booker = _begin(stage)
    took = {}
    with stage.load():
        for way, number in _STOPS.items():
            time.sleep(_SHORT_SECONDS)
            at = instant()
            stage.history.note(Killed("postgres", at, sends=SENDS_OF_ALL))
            os.kill(postmaster(), number)
            took[way] = stage.flows_again(at, within=RECOVERS_WITHIN_SECONDS * 2)
            booker.book_at_last()
    stage.settle()
    yield Finding.of(
        "PostgreSQL restart: fast, immediate, SIGKILL",
        "no acknowledged write lost; "
        f"recovery ≤ {RECOVERS_WITHIN_SECONDS:g} s, no restart of DocPort",
        stage.judge(),
        "flows after "
        + ", ".join(f"{seconds:.1f} s ({way})" for way, seconds in took.items())
        + f"; {booker.booked} bookings in {booker.tried} tries",
        held=max(took.values()) <= RECOVERS_WITHIN_SECONDS and booker.booked == len(_STOPS),
    )


def _begin(stage: Stage) -> Booker:
    stage.people()
    open_every_day(stage.doctors[0])
    stage.start()
    return Booker(stage.history, stage.programs.url, stage.insurers[0], stage.doctors[0])


def _book_for(seconds: float, booker: Booker) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        booker.book()
        time.sleep(1)


def _recovers(stage: Stage, booker: Booker) -> float:
    """Wait until it flows again; give how many seconds that took."""
    took = stage.flows_again(instant(), within=RECOVERS_WITHIN_SECONDS * 2)
    booker.book()
    return took


def _judged(stage: Stage, fault: str, booker: Booker, took: float) -> Finding:
    settled = stage.settle()
    return Finding.of(
        fault,
        _MUST_HOLD,
        stage.judge(),
        f"{booker.booked} of {booker.tried} booked; flows after {took:.1f} s, "
        f"all was heard {settled:.1f} s after the load",
        held=took <= RECOVERS_WITHIN_SECONDS and booker.booked == booker.tried,
    )


@contextmanager
def _no_memory(url: str) -> Iterator[None]:
    with Redis.from_url(url) as client:
        client.config_set("maxmemory", "1")
        yield
        client.config_set("maxmemory", "0")


def postmaster() -> int:
    """Give the first process of PostgreSQL, which starts all others."""
    pid_file = Places.here().postgres_data / "postmaster.pid"
    return int(pid_file.read_text().split()[0])
