"""Measure DocPort against a floor of the same run: `make bench`, `make bench DOCTORS=100000`.

Everything runs on this machine: gunicorn, PostgreSQL, and wrk with 8 connections, on private
servers in a temporary folder. Rates tell of the machine, shares of the code: compare the shares.
Beside them stands what a request costs web process and database, in brackets for the floor, and
the share by that, which other programs on the machine disturb less. A bar that is missed is named
in the last column; the exit code stays 0, for on a busy machine a figure is no test.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

from bench import delivery, operations, population, sync
from bench.operations import Bench
from bench.processes import Memory, busy_seconds, own_seconds
from bench.site import CHECKOUT, Site, new_site, servers
from bench.table import Row, table

FEWER_DOCTORS = 10_000
OPERATIONS = (
    "rebuild", "slots", "search", "search-of-few", "search-beside", "doctors", "unchanged",
    "events", "booking", "sql", "strangers", "delivery", "sync",
)  # fmt: skip
ZONE = ZoneInfo("Asia/Kolkata")


def main() -> None:
    arguments = _arguments()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="docport-bench-")))
        population.check_space(folder, arguments.doctors)
        runner = Runner(arguments, folder, stack)
        busy, own, began = busy_seconds(), own_seconds(), time.monotonic()
        rows = []
        for row in runner.rows():
            print(f"{row.operation}: {row.measured} {row.of_floor} {row.verdict}", flush=True)
            rows.append(row)
        print(f"\n{arguments.doctors:,} doctors, {datetime.now(ZONE):%-d %B %Y %H:%M}\n")
        print(table(rows))
        others = (busy_seconds() - busy - own_seconds() + own) / (time.monotonic() - began)
        if others > 0.1:
            print(f"\nOther programs used {others:.1f} of {os.cpu_count()} processors meanwhile.")
        if runner.profiles:
            print(f"\n{runner.profiles}")
        _keep(arguments.doctors, rows)


class Runner:
    """Fills the databases and measures one operation after the other."""

    def __init__(self, arguments: argparse.Namespace, folder: Path, stack: ExitStack) -> None:
        self._given, self._folder, self._stack = arguments, folder, stack
        self._today = datetime.now(ZONE).date()
        self._environment = stack.enter_context(servers(folder / "var"))
        self._memory = Memory()
        self.profiles = ""
        self._site = self._filled(arguments.doctors)

    def rows(self) -> Iterator[Row]:
        """Give each row as soon as it is known."""
        wanted = self._given.only
        # The search needs what this builds.
        rebuilt = operations.rebuild(self._site, self._given.doctors)
        if "rebuild" in wanted:
            yield rebuilt
        site = self._site
        bench = self._serve(site)
        with self._memory.watching(lambda: site.workers):
            for name, measure in self._operations(bench).items():
                if name in wanted:
                    yield measure()
        yield operations.memory(self._memory)
        if "sync" in wanted:
            environment, var = self._environment, self._folder / "var"
            yield from sync.rows(new_site(environment, var, "bench_sync"))
        if self._given.profile:
            self.profiles = bench.profiles()

    def _operations(self, bench: Bench) -> dict[str, Callable[[], Row]]:
        found = {
            "slots": bench.free_times,
            "search": bench.search,
            "search-of-few": bench.search_of_few,
            "search-beside": lambda: self._search_beside_fewer(bench),
            "doctors": bench.doctors,
            "unchanged": bench.unchanged,
            "events": bench.events,
            "booking": bench.booking,
            "sql": bench.booking_in_sql,
            "strangers": bench.strangers,
            "delivery": _delivery,
        }
        if self._given.doctors <= FEWER_DOCTORS:
            del found["search-beside"]
        return found

    def _search_beside_fewer(self, bench: Bench) -> Row:
        fewer = self._filled(FEWER_DOCTORS)
        operations.rebuild(fewer, FEWER_DOCTORS)
        return bench.search_beside(self._serve(fewer), FEWER_DOCTORS)

    def _filled(self, doctors: int) -> Site:
        site = new_site(self._environment, self._folder / "var", f"bench_{doctors}")
        with site.loading() as database:
            population.fill(database, doctors=doctors, today=self._today)
        return site

    def _serve(self, site: Site) -> Bench:
        self._stack.enter_context(site.running())
        given = self._given
        return Bench(
            site, self._folder, today=self._today, rounds=given.rounds, seconds=given.seconds
        )


def _delivery() -> Row:
    took = delivery.seconds_to_insurer()
    return Row(
        "a booking's event to the insurer's webhook",
        f"{median(took):.2f} s",
        median=f"{took[int(len(took) * 0.99)]:.2f} s at most, of {len(took)}",
    )


def _keep(doctors: int, rows: list[Row]) -> None:
    """Leave the figures where the next run of this checkout finds them."""
    kept = CHECKOUT / "var" / "bench" / f"{doctors}.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps([row.values for row in rows], indent=2, ensure_ascii=False))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--doctors", type=int, default=FEWER_DOCTORS)
    parser.add_argument("--rounds", type=int, default=3, help="of floor and operation, in turn")
    parser.add_argument("--seconds", type=float, default=4, help="of each")
    parser.add_argument("--profile", action="store_true", help="say what takes the time, too")
    parser.add_argument(
        "--only", nargs="+", choices=OPERATIONS, default=OPERATIONS, help="some of the rows"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
