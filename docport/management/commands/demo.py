"""`manage.py demo`: synthetic doctors and insurers, to try DocPort with."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import now
from tqdm import tqdm

from docport.demo.population import FEWEST, PlannedDoctor
from docport.demo.sign_ins import SignIns
from docport.demo.world import Addresses, HoldsRealPeople, add
from integrations.actions import keys
from registry.actions import Refused


class Command(BaseCommand):
    help = "Add demo data to a database that holds nobody real, and write var/demo.json."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--size", type=int, default=FEWEST, help=f"how many doctors, at least {FEWEST}"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["size"] < FEWEST:
            raise CommandError(f"--size must be at least {FEWEST}.")
        if not settings.SANDBOX:
            raise CommandError("Demo data belongs in a sandbox only: set SANDBOX=true.")
        file = Path(settings.VAR_DIR) / "demo.json"
        try:
            added = add(
                size=options["size"],
                sign_ins=SignIns(file),
                addresses=Addresses(settings.BASE_URL, settings.PORT),
                progress=with_progress_bar,
                at=now(),
            )
        except HoldsRealPeople as error:
            raise CommandError(str(error)) from error
        except (keys.WrongMode, keys.TooManyKeys) as error:
            raise CommandError(
                f"{file} is lost, and an insurer that was changed since cannot have a new key. "
                "Remove the folder var/ to begin anew."
            ) from error
        except Refused as error:
            raise CommandError(
                "What this database holds does not let the demo data in. Start with an empty one, "
                f"or name another with DATABASE_URL. The first thing refused: {error}"
            ) from error
        did = "Added demo data" if added else "The demo data is there already"
        self.stdout.write(f"{did}. Sign-ins and keys: {file}")


def with_progress_bar(plans: Sequence[PlannedDoctor]) -> Iterable[PlannedDoctor]:
    """Show on the terminal how far it is; into a pipe nothing is drawn."""
    return tqdm(plans, desc="Demo doctors", unit="doctor", file=sys.stderr, disable=None)
