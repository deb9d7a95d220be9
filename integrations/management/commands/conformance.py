import json
import os
import time
from argparse import ArgumentParser
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import now

from integrations import outgoing
from integrations.conformance import Keys, Result, Sandbox, has_passed, run
from integrations.connectors.webhooks import mapping

_VARIABLE = "DOCPORT_WEBHOOK_SECRET"
_MARKS = {"passed": "ok", "failed": "FAILED", "skipped": "skipped"}


class Command(BaseCommand):
    help = (
        "Check an insurer's sandbox: does it take webhooks, and pushes, as the guides say? "
        "Sends made-up events and one made-up doctor, who is erased again at the end."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("url", metavar="URL", help="the insurer's webhook endpoint")
        parser.add_argument(
            "keys",
            metavar="KEY",
            nargs="*",
            help="the secret that the endpoint checks signatures with (whsec_…), and for one that "
            f"checks v1a too a private key (whsk_…); or {_VARIABLE} in the environment",
        )
        parser.add_argument("--push", metavar="API_BASE_URL", default="", help="check pushes too")
        parser.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        keys = options["keys"] or os.environ.get(_VARIABLE, "").split()
        if not keys or not all(map(mapping.is_key, keys)):
            raise CommandError(f"Give the endpoint's secret: whsec_…, or in {_VARIABLE}.")
        began = time.monotonic()
        with outgoing.new_session() as session:
            sandbox = Sandbox(
                options["url"], Keys(keys), session, now, api_base_url=options["push"]
            )
            results = self._collected(run(sandbox), shows=not options["json"])
        passed = has_passed(results)
        if options["json"]:
            report = {"passed": passed, "checks": [asdict(result) for result in results]}
            self.stdout.write(json.dumps(report, indent=2, ensure_ascii=False))
        else:
            self._sum_up(results, time.monotonic() - began)
        if not passed:
            raise SystemExit(1)

    def _collected(self, results: Iterable[Result], *, shows: bool) -> list[Result]:
        collected = []
        for result in results:
            collected.append(result)
            if shows:
                self._show(result)
        return collected

    def _show(self, result: Result) -> None:
        style = {"passed": self.style.SUCCESS, "failed": self.style.ERROR}.get(result.outcome, str)
        self.stdout.write(style(f"{_MARKS[result.outcome]:>8}  {result.name}"))
        self.stdout.write(f"          {result.happened}")
        if result.outcome == "failed":
            self.stdout.write(f"          Expected: {result.expected}")
            self.stdout.write(f"          To fix:   {result.fix}")

    def _sum_up(self, results: list[Result], seconds: float) -> None:
        counts = {mark: sum(one.outcome == mark for one in results) for mark in _MARKS}
        said = ", ".join(f"{count} {mark}" for mark, count in counts.items())
        self.stdout.write(f"\n{said}, in {seconds:.0f} s.")
        verdict = "It does." if has_passed(results) else "Not yet."
        self.stdout.write(f"Does {self._where(results)} do what DocPort expects? {verdict}")

    @staticmethod
    def _where(results: list[Result]) -> str:
        pushed = any(one.name.startswith("push.") and one.outcome != "skipped" for one in results)
        return "this endpoint, and the system behind the push," if pushed else "this endpoint"
