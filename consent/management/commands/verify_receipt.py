import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from consent import receipts


class Command(BaseCommand):
    help = "Check a receipt with our public keys alone: what a doctor downloaded, or a bare JWS."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")

    def handle(self, *_args: Any, file: Path, **_options: Any) -> None:
        try:
            text = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file} cannot be read: {error}") from error
        try:
            receipt = receipts.read(text)
        except receipts.ReceiptNotGenuine as error:
            raise CommandError(f"{file} is not genuine: {error}") from error
        step, event = receipt["receipt"]["receipt_id"], receipt["event"]
        self.stdout.write(f"Genuine: receipt {step}, {event['type']} at {event['time']}.")
        self.stdout.write(json.dumps(receipt, indent=2, ensure_ascii=False))
