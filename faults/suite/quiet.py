"""No fault at all, which is the measure of the others; and one writer who is slow."""

import threading
import time
from collections.abc import Iterator

from faults.checker import share
from faults.finding import Finding, shares
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
    lags = stage.lags()
    yield Finding.of(
        f"none, {stage.seconds:g} s",
        f"nothing lost, doubled or reordered; p50 ≤ {MEDIAN_SECONDS:g} s, "
        f"p99 ≤ {SLOWEST_SECONDS:g} s",
        stage.judge(),
        f"of {len(lags)} webhooks {shares(lags)}; feed {shares(stage.lags(FEED))}",
        held=share(lags, 0.5) <= MEDIAN_SECONDS and share(lags, 0.99) <= SLOWEST_SECONDS,
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
    lags = stage.lags(doctors=others)
    late = stage.lags(WEBHOOK, [patient]) + stage.lags(FEED, [patient])
    yield Finding.of(
        f"one transaction open for {stage.seconds:g} s",
        f"others lag < {OTHERS_SECONDS:g} s; the late event comes after its commit",
        stage.judge(),
        f"others {shares(lags)}, at most {lags[-1]:.2f} s; the late one after {max(late):.2f} s",
        held=lags[-1] < OTHERS_SECONDS and min(late) >= 0,
    )
