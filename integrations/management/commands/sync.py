from argparse import ArgumentParser
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import now

from integrations import monitor
from integrations.actions import push
from registry.models import InsuranceProvider

_LOOK_BACK = timedelta(minutes=5)


class Command(BaseCommand):
    help = "Show how far behind the insurers are, or push what fails again now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        what.add_parser("status", help="what waits, for whom and since when")
        retry = what.add_parser("retry", help="push an insurer's failing doctors again now")
        retry.add_argument("insurer", metavar="SLUG")

    def handle(self, *_args: Any, what: str, **options: Any) -> None:
        if what == "retry":
            self._retry(options["insurer"])
        else:
            self._show(now())

    def _retry(self, slug: str) -> None:
        provider = InsuranceProvider.objects.filter(slug=slug).first()
        if provider is None:
            known = ", ".join(InsuranceProvider.objects.values_list("slug", flat=True))
            raise CommandError(f"No insurer is called {slug}. There are: {known or 'none'}.")
        push.retry_insurer(provider=provider, by=None, at=now())
        self.stdout.write(f"What failed at {slug} is pushed again within seconds.")

    def _show(self, at: datetime) -> None:
        self.stdout.write(f"Events in no feed yet: {_waiting(monitor.unsequenced(), at)}")
        self._list("Webhooks", [_endpoint(lag, at) for lag in monitor.endpoint_lags()])
        attempts = monitor.attempts_by_outcome(at=at, within=_LOOK_BACK)
        self._list(
            "Attempts of the last 5 minutes",
            [f"{outcome}: {count}" for outcome, count in attempts.items()],
        )
        self._list("Push", [_push(lag, at) for lag in monitor.push_lags()])

    def _list(self, title: str, lines: list[str]) -> None:
        self.stdout.write(f"\n{title}")
        for line in lines or ["none"]:
            self.stdout.write(f"  {line}")


def _endpoint(lag: monitor.EndpointLag, at: datetime) -> str:
    failing = f", failing for {_span(at - lag.failing_since)}" if lag.failing_since else ""
    waiting = _waiting(lag.waiting, at)
    return f"{lag.insurer} {lag.endpoint_id} {lag.status}: {waiting} waiting{failing}"


def _push(lag: monitor.PushLag, at: datetime) -> str:
    is_due = lag.status in {"PENDING", "FAILING"} and lag.waiting.seconds_at(at) > 0
    since = f", due for {_span(at - (lag.waiting.oldest or at))}" if is_due else ""
    return f"{lag.insurer} {lag.status}: {lag.waiting.number} doctors{since}"


def _waiting(waiting: monitor.Waiting, at: datetime) -> str:
    since = f", the oldest for {_span(at - waiting.oldest)}" if waiting.oldest else ""
    return f"{waiting.number}{since}"


def _span(span: timedelta) -> str:
    """Write a time in whole seconds, as `2 days, 3:04:05`."""
    return str(timedelta(seconds=int(span.total_seconds())))
