from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import now
from tqdm import tqdm

from registry.models import Doctor
from scheduling import openings


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
            return
        wrong = self._for_each_batch(self._repair if repair else self._show, **options)
        if wrong:
            done = " They were made anew." if repair else " Make them anew with --repair."
            raise CommandError(f"{wrong} open days are not what they should be.{done}")
        self.stdout.write("All open days are what they should be.")

    def _for_each_batch(
        self,
        work: Callable[[list[UUID]], int],
        *,
        doctor: list[UUID] | None,
        after: UUID | None,
        **_options: Any,
    ) -> int:
        """Work on the doctors in the order of their ids; give the sum of what it counts."""
        doctors = Doctor.objects.order_by("pk")
        if doctor:
            doctors = doctors.filter(pk__in=doctor)
        if after:
            doctors = doctors.filter(pk__gt=after)
        total = 0
        with tqdm(total=doctors.count(), unit="doctor", file=self.stderr, mininterval=0.5) as bar:
            ids = doctors.values_list("pk", flat=True)
            while batch := list(ids[: openings.BATCH]):
                total += work(batch)
                bar.set_postfix_str(f"--after {batch[-1]}")
                bar.update(len(batch))
                ids = ids.filter(pk__gt=batch[-1])
        return total

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
