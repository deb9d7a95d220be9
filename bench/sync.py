"""How fast events go from the outbox to insurers: sequencing, claiming, and sending.

Insurers are many, as in life: no more than four sends go to one endpoint at once. Sending runs in
two worker processes as production has them; beside it, in two processes as well, runs a Celery task
that posts once and does no more. Both send to the same sink.
"""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from bench.plain import QUEUE
from bench.site import CHECKOUT, Site
from bench.table import Row

ENTRIES_PER_SECOND, CLAIM_MS, FASTER = 5_000, 20, 3
SENT = 20_000
WAITING = 1_000_000
PATIENCE_SECONDS = 300
# As compose.yaml has them, twice; and as Celery has its workers if nobody says more.
_WORKER = ["--pool=threads", "--concurrency=8"]
_PLAIN = [
    "--concurrency=2",
    "--prefetch-multiplier=8",
    "--include=bench.plain",
    f"--queues={QUEUE}",
]


def rows(site: Site) -> Iterator[Row]:
    """Give each row as soon as it is known; the database is filled for them."""
    with _sink() as sink:
        site.inside("sync-fill", sink)
        rate = site.inside("sync-sequence", str(SENT))
        yield Row(
            "sequencing, to 200 insurers",
            f"{rate:,.0f} entries/s",
            must_reach=f"≥ {ENTRIES_PER_SECOND:,} entries/s",
            reached=rate >= ENTRIES_PER_SECOND,
        )
        yield _sending(site, sink)
    for endpoints in (200, 1):
        yield _claiming(site, endpoints)


def _sending(site: Site, sink: str) -> Row:
    """Send what the sequencing left, after the plain posts."""
    site.inside("sync-post", f"{sink}/plain", str(SENT // 4))
    with _worker(site, _PLAIN):
        plain = _rate(sink, SENT // 4)
    with _worker(site, _WORKER), _worker(site, _WORKER):
        site.inside("sync-wake")
        ours = _rate(sink, SENT)
    return Row(
        "webhooks, by 2 worker processes",
        f"{ours:,.0f} /s",
        of_floor=f"{ours / plain:.2f} of {plain:,.0f} /s",
        must_reach=f"≥ {FASTER} times a plain task",
        reached=ours >= FASTER * plain,
    )


def _claiming(site: Site, endpoints: int) -> Row:
    with site.loading() as database:
        database.execute("TRUNCATE webhook_leases, webhook_attempts, webhook_deliveries")
        database.execute("SET session_replication_role = replica")
        waiting = (CHECKOUT / "bench" / "waiting.sql").read_text(encoding="utf-8")
        each = {"events": WAITING // endpoints, "endpoints": endpoints}
        database.execute(waiting.encode(), each)
        database.execute("VACUUM ANALYZE")
    took = site.inside("sync-claim")
    return Row(
        f"a claim, {WAITING:,} waiting for {endpoints} endpoint{'s' if endpoints > 1 else ''}",
        f"{took['ms']:.1f} ms",
        median=f"{took['prepared_ms']:.1f} ms until {took['claimed']} can be sent",
        must_reach=f"≤ {CLAIM_MS} ms",
        reached=took["ms"] <= CLAIM_MS,
    )


@contextmanager
def _sink() -> Iterator[str]:
    command = [sys.executable, "-m", "bench.sink"]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


@contextmanager
def _worker(site: Site, options: list[str]) -> Iterator[None]:
    command = [sys.executable, "-m", "celery", "--app", "docport", "worker", "--loglevel=ERROR"]
    with (site.var / "log" / "site.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, *options], cwd=CHECKOUT, env=site.environment, stdout=log, stderr=log
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)


def _rate(sink: str, count: int) -> float:
    """Wait until so many have come; give how many came a second."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    came = 0
    first = last = 0.0
    while came < count:
        if time.monotonic() > deadline:
            raise SystemExit(f"Only {came} of {count} came.")
        time.sleep(1)
        with urllib.request.urlopen(sink) as answer:
            told = json.load(answer)
        came += told["calls"]
        first, last = first or told["first"], told["last"] or last
    return (came - 1) / (last - first)
