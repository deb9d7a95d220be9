"""What one insurer does to the others: it is dead, or 100,000 events wait for it."""

import time
from collections.abc import Iterator
from datetime import timedelta

from django.db import connection

from faults.checker import share
from faults.finding import Finding, shares
from faults.history import instant
from faults.passing import pass_time
from faults.running import eventually
from faults.sink import accept, slowly
from faults.stage import Stage
from faults.world import add_doctors
from registry import ledger
from registry.models import OutboxEvent

INSURERS = 50
MOST_SLOWER = 2.0
WAITING = 100_000
OTHERS_SECONDS = 5.0
_SEQUENCED_WITHIN_SECONDS = 300
# Longer than the first waits of the schedule.
_LATER = timedelta(hours=1)
_BACKLOG = """
    INSERT INTO outbox_events
        (event_id, type, subject, subject_version, doctor_id, payload, occurred_at, created_at)
    SELECT gen_random_uuid(), 'doctor.updated', 'doctor/' || doctor, number, doctor::uuid, '{}',
        now(), now()
    FROM (
        SELECT number, (%(doctors)s::text[])[1 + number * 7919 %% cardinality(%(doctors)s::text[])]
            AS doctor
        FROM generate_series(1, %(count)s) AS number
    ) AS change
    ORDER BY number
"""


def one_dead_endpoint(stage: Stage) -> Iterator[Finding]:
    """Let one of fifty endpoints take connections and never answer."""
    stage.doctors = add_doctors(INSURERS)
    for doctor in stage.doctors:
        stage.insure([doctor])
    stage.start()
    _load_for(stage)
    stage.settle()
    without = share(stage.lags(doctors=stage.doctors[1:]), 0.95)
    dead, since = stage.insurers[0].name, instant()
    stage.sink.behave(dead, stage.sink.hang)
    _load_for(stage)
    stage.sink.behave(dead, accept)
    beside = share(stage.lags(doctors=stage.doctors[1:], since=since), 0.95)
    pass_time(_LATER)
    stage.settle()
    yield Finding.of(
        f"1 dead endpoint among {INSURERS}",
        f"p95 of the others < {MOST_SLOWER:g} times that without it",
        stage.judge(),
        f"p95 of the others {beside:.3f} s, without it {without:.3f} s",
        held=beside < MOST_SLOWER * without,
    )


def much_waits_for_one(stage: Stage) -> Iterator[Finding]:
    """Let 100,000 events wait for an insurer that takes its time over each."""
    stage.people(insurers=1)
    stage.start()
    busy_doctors = add_doctors(100)
    busy = stage.insure(busy_doctors, is_noted=False)
    stage.sink.behave(busy.name, slowly(0.05))
    began = time.monotonic()
    with connection.cursor() as cursor:
        doctors = [str(doctor.pk) for doctor in busy_doctors]
        cursor.execute(_BACKLOG, {"doctors": doctors, "count": WAITING})
    ledger.wake_sequencer()
    written = time.monotonic() - began
    sequenced = eventually(
        lambda: not OutboxEvent.objects.unsequenced().exists(),
        within=_SEQUENCED_WITHIN_SECONDS,
        what="the backlog is sequenced",
    )
    _load_for(stage)
    stage.settle()
    lags = stage.lags()
    yield Finding.of(
        f"{WAITING:,} events waiting for one insurer",
        f"new events of others < {OTHERS_SECONDS:g} s",
        stage.judge(),
        f"{shares(lags)}, at most {lags[-1]:.2f} s; all {WAITING:,} written within "
        f"{written:.0f} s and sequenced {sequenced:.0f} s later",
        held=lags[-1] < OTHERS_SECONDS,
    )


def _load_for(stage: Stage) -> None:
    with stage.load():
        time.sleep(stage.seconds)
