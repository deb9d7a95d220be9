from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from registry import chain


class Command(BaseCommand):
    help = "Walk the audit log's hash chain and name the first bad row. Changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--head",
            type=_head,
            default=chain.NO_LINKS,
            metavar="POSITION:HASH",
            help="a head that this command printed earlier; shows rows cut off at the end",
        )

    def handle(self, *_args: Any, head: chain.Head, **_options: Any) -> None:
        if broken := chain.first_break(kept=head):
            raise CommandError(f"The audit log is broken at row {broken.position}, {broken.what}")
        self.stdout.write(f"The audit log holds. Keep its head elsewhere: {chain.head()}")


def _head(text: str) -> chain.Head:
    position, _, link = text.partition(":")
    if not position.isdecimal() or len(link) != len(chain.GENESIS):
        raise ArgumentTypeError("write it as printed, POSITION:HASH")
    return chain.Head(int(position), link)
