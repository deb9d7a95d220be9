from argparse import ArgumentParser
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import now

from integrations import monitor
from integrations.actions import drift, push
from integrations.monitor import span
from registry.models import InsuranceProvider

_LOOK_BACK = timedelta(minutes=5)


_ORDERS = {
    "retry": "push an insurer's failing doctors again now",
    "again": "send everything to an insurer again, at the rate of a backfill",
    "check": "check now that an insurer holds what it took, and repair what differs",
}


class Command(BaseCommand):
    help = "Show how far behind the insurers are, or push to one of them again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        what.add_parser("status", help="what waits, for whom and since when")
        for name, meaning in _ORDERS.items():
            what.add_parser(name, help=meaning).add_argument("insurer", metavar="SLUG")

    def handle(self, *_args: Any, what: str, **options: Any) -> None:
        if what == "status":
            self._show(now())
            return
        provider = _insurer(options["insurer"])
        at = now()
        if what == "retry":
            count = push.retry_insurer(provider=provider, by=None, at=at)
            self.stdout.write(f"{count} that fail at {provider.slug} are pushed again now.")
        elif what == "again":
            count = push.send_all_again(provider=provider, by=None, at=at)
            self.stdout.write(f"{count} will be sent to {provider.slug} again, as a backfill.")
        else:
            drift.check_now(provider=provider, by=None, at=at)
            self.stdout.write(f"What {provider.slug} holds is checked within seconds.")

    def _show(self, at: datetime) -> None:
        self.stdout.write(f"Events in no feed yet: {_waiting(monitor.unsequenced(), at)}")
        self._list("Webhooks", [_endpoint(lag, at) for lag in monitor.endpoint_lags()])
        attempts = monitor.attempts_by_outcome(at=at, within=_LOOK_BACK)
        self._list(
            "Attempts of the last 5 minutes",
            [f"{outcome}: {count}" for outcome, count in attempts.items()],
        )
        progress = monitor.push_progress()
        self._list("Push", [line for one in progress for line in _push(one, at)])

    def _list(self, title: str, lines: list[str]) -> None:
        self.stdout.write(f"\n{title}")
        for line in lines or ["none"]:
            self.stdout.write(f"  {line}")


def _endpoint(lag: monitor.EndpointLag, at: datetime) -> str:
    failing = f", failing for {span(at - lag.failing_since)}" if lag.failing_since else ""
    waiting = _waiting(lag.waiting, at)
    return f"{lag.insurer} {lag.endpoint_id} {lag.status}: {waiting} waiting{failing}"


def _push(one: monitor.PushProgress, at: datetime) -> list[str]:
    slug = one.insurer.slug
    due = f", due for {span(at - one.oldest_due)}" if one.oldest_due else ""
    failing = f", the first for {span(at - one.failing_since)}" if one.failing_since else ""
    states = f"{one.sending} sending{due}; {one.failing} failing{failing}; {one.stopped} stopped"
    lines = [f"{slug}: {one.in_step} of {one.doctors} doctors in step, {states}"]
    if ends_at := one.backfill_ends_at(at):
        rate = one.insurer.backfill_per_minute
        until = f"until about {ends_at:%d %b %H:%M} UTC"
        lines.append(f"{slug} backfill: {one.to_backfill} to send, {rate} a minute, {until}")
    return [*lines, f"{slug} check: {one.check_in_words(at)}"]


def _waiting(waiting: monitor.Waiting, at: datetime) -> str:
    since = f", the oldest for {span(at - waiting.oldest)}" if waiting.oldest else ""
    return f"{waiting.number}{since}"


def _insurer(slug: str) -> InsuranceProvider:
    provider = InsuranceProvider.objects.filter(slug=slug).first()
    if provider is None:
        known = ", ".join(InsuranceProvider.objects.values_list("slug", flat=True))
        raise CommandError(f"No insurer is called {slug}. There are: {known or 'none'}.")
    return provider
