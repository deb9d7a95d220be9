"""A short cut through the faults, for every run of the tests."""

import os
import signal
import time
from collections.abc import Iterator

from faults import clock
from faults.finding import Finding, shares
from faults.history import Killed, instant
from faults.keep import WORKERS
from faults.stage import Stage
from faults.suite.servers import RECOVERS_WITHIN_SECONDS, SENDS_OF_ALL, postmaster
from integrations.actions.webhooks import LEASE

_CHANGES_PER_SECOND = 25
_PARTS = 4


def a_bit_of_each(stage: Stage) -> Iterator[Finding]:
    """Kill a worker, the beat and PostgreSQL, and empty Redis, one after the other."""
    stage.people(doctors=20)
    stage.start()
    with stage.load(rate=_CHANGES_PER_SECOND):
        for do_damage in (_kill_a_worker, _kill_the_beat, _empty_redis, _kill_postgres):
            time.sleep(stage.seconds / _PARTS)
            do_damage(stage)
        # Nobody waits here until what the dead had leased is free again.
        clock.move(LEASE)
        took = stage.flows_again(instant(), within=RECOVERS_WITHIN_SECONDS)
    stage.settle()
    yield Finding.of(
        "a worker, the beat and PostgreSQL killed, Redis emptied",
        f"nothing lost, invented or out of order; flows again within {RECOVERS_WITHIN_SECONDS:g} s",
        stage.judge(),
        f"flows after {took:.1f} s; {shares(stage.lags())}",
        held=took <= RECOVERS_WITHIN_SECONDS,
    )


def _kill_a_worker(stage: Stage) -> None:
    stage.history.note(Killed("worker", instant(), sends=SENDS_OF_ALL))
    stage.programs.kill(WORKERS[0])


def _kill_the_beat(stage: Stage) -> None:
    stage.programs.kill("beat")


def _empty_redis(stage: Stage) -> None:
    stage.redis.empty()


def _kill_postgres(stage: Stage) -> None:
    stage.history.note(Killed("postgres", instant(), sends=SENDS_OF_ALL))
    os.kill(postmaster(), signal.SIGKILL)
