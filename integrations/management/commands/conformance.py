import json
import os
import time
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import now

from integrations import outgoing
from integrations.actions import conformance
from integrations.conformance import Keys, Result, Sandbox, has_passed, run
from integrations.connectors.webhooks import mapping
from integrations.outgoing import Session
from registry.actions import Refused
from registry.models import InsuranceProvider

_VARIABLE = "DOCPORT_WEBHOOK_SECRET"
_MARKS = {"passed": "ok", "failed": "FAILED", "skipped": "skipped"}


class Command(BaseCommand):
    help = (
        "Check an insurer's sandbox: does it take webhooks, and pushes, as the guides say? "
        "Sends made-up events and one made-up doctor, who is erased again at the end."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("url", metavar="URL", nargs="?", help="the insurer's webhook endpoint")
        parser.add_argument(
            "keys",
            metavar="KEY",
            nargs="*",
            help="the secret that the endpoint checks signatures with (whsec_…), and for one that "
            f"checks v1a too a private key (whsk_…); or {_VARIABLE} in the environment",
        )
        parser.add_argument("--push", metavar="API_BASE_URL", default="", help="check pushes too")
        parser.add_argument(
            "--insurer",
            metavar="SLUG",
            help="check this insurer's own addresses with its own keys, and keep what comes of it",
        )
        parser.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        if bool(options["url"]) == bool(options["insurer"]):
            raise CommandError("Give URL and KEY, or --insurer SLUG, one of the two.")
        began = time.monotonic()
        with outgoing.new_session() as session:
            if options["insurer"]:
                results = self._kept(options["insurer"], session)
            else:
                results = list(run(self._sandbox(session, options)))
        seconds = time.monotonic() - began
        passed = has_passed(results)
        if options["json"]:
            report = {"passed": passed, "checks": [asdict(result) for result in results]}
            self.stdout.write(json.dumps(report, indent=2, ensure_ascii=False))
        else:
            self._report(results, seconds)
        if not passed:
            raise SystemExit(1)

    def _sandbox(self, session: Session, options: dict[str, Any]) -> Sandbox:
        keys = options["keys"] or os.environ.get(_VARIABLE, "").split()
        if not keys or not all(map(mapping.is_key, keys)):
            raise CommandError(f"Give the endpoint's secret: whsec_…, or in {_VARIABLE}.")
        return Sandbox(options["url"], Keys(keys), session, now, api_base_url=options["push"])

    def _kept(self, slug: str, session: Session) -> list[Result]:
        provider = InsuranceProvider.objects.filter(slug=slug).first()
        if provider is None:
            known = ", ".join(InsuranceProvider.objects.values_list("slug", flat=True))
            raise CommandError(f"No insurer is called {slug}. There are: {known or 'none'}.")
        try:
            asked = conformance.ask(provider=provider, by=None, at=now())
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
        done = conformance.carry_out_next(session=session, clock=now, run=asked)
        if done is None or done.finished_at is None:
            raise CommandError("A worker has taken the run. The insurer's admin page shows it.")
        return [Result(**result) for result in done.results]

    def _report(self, results: list[Result], seconds: float) -> None:
        for result in results:
            self._show(result)
        self._sum_up(results, seconds)

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
