import gc
from argparse import ArgumentParser
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils.timezone import now
from tqdm import tqdm

from registry.models import Doctor
from scheduling import openings

# While the database writes one batch, the next one is computed.
AT_ONCE = 2
_Work = Callable[[list[UUID]], int]


class Command(BaseCommand):
    help = "Compare the open days that the search reads with what the slot function gives."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--repair", action="store_true", help="make wrong doctors' days anew")
        what.add_argument("--rebuild", action="store_true", help="make all days anew, unseen")
        parser.add_argument("--doctor", type=UUID, nargs="+", metavar="ID", help="only these")
        parser.add_argument("--after", type=UUID, metavar="ID", help="go on after this doctor")

    def handle(self, *_args: Any, repair: bool, rebuild: bool, **options: Any) -> None:
        if rebuild:
            self._for_each_batch(self._make, **options)
            # Plans that were made while there were few rows are made anew after this.
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE open_days, open_day_heads")
            return
        wrong = self._for_each_batch(self._repair if repair else self._show, **options)
        wrong += self._not_kept(repair=repair, only=options["doctor"])
        if wrong:
            done = " They were made anew." if repair else " Make them anew with --repair."
            raise CommandError(f"Faults in the open days: {wrong}.{done}")
        self.stdout.write("All open days are what they should be.")

    def _for_each_batch(
        self, work: _Work, *, doctor: list[UUID] | None, after: UUID | None, **_options: Any
    ) -> int:
        """Work on the doctors in the order of their ids; give the sum of what it counts."""
        doctors = Doctor.objects.order_by("pk").values_list("pk", flat=True)
        if doctor:
            doctors = doctors.filter(pk__in=doctor)
        if after:
            doctors = doctors.filter(pk__gt=after)
        # What is there by now stays: looking through it for garbage took a tenth of the time.
        gc.freeze()
        ids, size, total = list(doctors), openings.BATCH, 0
        batches = [ids[begin : begin + size] for begin in range(0, len(ids), size)]
        with (
            tqdm(total=len(ids), unit="doctor", file=self.stderr, mininterval=0.5) as bar,
            ThreadPoolExecutor(AT_ONCE) as threads,
        ):
            for batch, count in zip(
                batches, threads.map(partial(_alone, work), batches), strict=True
            ):
                total += count
                bar.set_postfix_str(f"--after {batch[-1]}")
                bar.update(len(batch))
        return total

    def _not_kept(self, *, repair: bool, only: list[UUID] | None) -> int:
        """Name doctors whose days nobody has come to yet, and with `repair` make them."""
        at = now()
        late = openings.overdue(at=at, most=Doctor.objects.count())
        named = [doctor_id for doctor_id in late if only is None or doctor_id in only]
        for doctor_id in named:
            self.stdout.write(f"Doctor {doctor_id}: the days to come are not kept yet.")
        if repair:
            for begin in range(0, len(named), openings.BATCH):
                openings.build(doctor_ids=named[begin : begin + openings.BATCH], at=at)
        return len(named)

    def _make(self, batch: list[UUID]) -> int:
        return openings.build(doctor_ids=batch, at=now())

    def _show(self, batch: list[UUID]) -> int:
        found = openings.differences(doctor_ids=batch)
        for difference in found:
            self.stdout.write(str(difference))
        return len(found)

    def _repair(self, batch: list[UUID]) -> int:
        wrong = self._show(batch)
        if wrong:
            self._make(batch)
        return wrong


def _alone(work: _Work, batch: list[UUID]) -> int:
    """Work with a connection of the thread's own, and give it back."""
    try:
        return work(batch)
    finally:
        connection.close()
