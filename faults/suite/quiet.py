"""No fault at all, which is the measure of the others; and one writer who is slow."""

import threading
import time
from collections.abc import Iterator, Sequence

from faults import checker
from faults.finding import Finding
from faults.history import FEED, WEBHOOK
from faults.load import change
from faults.stage import Stage

MEDIAN_SECONDS, SLOWEST_SECONDS = 1.0, 5.0
OTHERS_SECONDS = 2.0


def nothing_happens(stage: Stage) -> Iterator[Finding]:
    """Let a minute of load go by."""
    stage.people()
    stage.start()
    with stage.load():
        time.sleep(stage.seconds)
    stage.settle()
    verdict, lags = stage.judge(), stage.lags()
    yield Finding(
        f"none, {stage.seconds:g} s",
        f"nothing lost, doubled or reordered; p50 ≤ {MEDIAN_SECONDS:g} s, "
        f"p99 ≤ {SLOWEST_SECONDS:g} s",
        f"{verdict}; of {len(lags)} webhooks {_shares(lags)}; feed {_shares(stage.lags(FEED))}",
        verdict.is_good
        and checker.share(lags, 0.5) <= MEDIAN_SECONDS
        and checker.share(lags, 0.99) <= SLOWEST_SECONDS,
        _details(verdict),
    )


def a_transaction_stays_open(stage: Stage) -> Iterator[Finding]:
    """Let one writer take a minute over its transaction, among others who do not."""
    stage.people()
    stage.start()
    *others, patient = stage.doctors
    with stage.load(others):
        slow = threading.Thread(
            target=lambda: stage.history.note(*change(str(patient.pk), lasts=stage.seconds))
        )
        slow.start()
        slow.join()
        time.sleep(2)
    stage.settle()
    verdict, lags = stage.judge(), stage.lags(doctors=others)
    late = stage.lags(WEBHOOK, [patient]) + stage.lags(FEED, [patient])
    yield Finding(
        f"one transaction open for {stage.seconds:g} s",
        f"others lag < {OTHERS_SECONDS:g} s; the late event comes after its commit",
        f"{verdict}; others {_shares(lags)}, at most {lags[-1]:.2f} s; "
        f"the late one after {max(late):.2f} s",
        verdict.is_good and lags[-1] < OTHERS_SECONDS and min(late) >= 0,
        _details(verdict),
    )


def _shares(lags: Sequence[float]) -> str:
    return f"p50 {checker.share(lags, 0.5):.2f} s, p99 {checker.share(lags, 0.99):.2f} s"


def _details(verdict: checker.Verdict) -> tuple[str, ...]:
    return tuple(line for lines in verdict.wrong.values() for line in lines[:3])
