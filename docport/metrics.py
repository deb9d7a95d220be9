"""What a Prometheus asks for. All of it is read from the database when it is asked.

So it is the same whichever process answers, and right after a restart; a counter in each process
would be neither.
"""

import hmac
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.timezone import now  # noqa: TID251  This is an edge.
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from integrations import monitor

LOOK_BACK = timedelta(minutes=5)
_PUSH = {
    "backfill_waiting": "Doctors whom a backfill has still to send",
    "overdue_seconds": "How long the first change of a doctor's own is overdue",
    "failing_seconds": "How long the first failing doctor has failed",
    "check_differed": "Doctors of whom an insurer held something else, in the last check",
    "check_outdated": "Doctors whose state had changed with time alone, in the last check",
    "check_age_seconds": "How long ago the last check ended",
}


@login_not_required
@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer who has the token; to everybody else there is nothing here."""
    shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
    token = settings.METRICS_TOKEN
    if not (token and hmac.compare_digest(shown.encode(), token.encode())):
        raise Http404
    registry = CollectorRegistry()
    registry.register(_Sync(now()))
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Sync(Collector):
    """How far behind the insurers are."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        yield from self._events()
        yield from self._webhooks()
        yield from self._attempts()
        yield from self._pushes()

    def _events(self) -> Iterator[Metric]:
        waiting = monitor.unsequenced()
        yield _gauge("docport_events_unsequenced", "Events in no feed yet", waiting.number)
        yield _gauge(
            "docport_events_unsequenced_oldest_seconds",
            "Age of the oldest of them",
            waiting.seconds_at(self._at),
        )

    def _webhooks(self) -> Iterator[Metric]:
        labels = ["insurer", "endpoint", "status"]
        count = GaugeMetricFamily(
            "docport_webhooks_waiting", "Deliveries not made yet", labels=labels
        )
        oldest = GaugeMetricFamily(
            "docport_webhooks_waiting_oldest_seconds", "Age of the oldest of them", labels=labels
        )
        failing = GaugeMetricFamily(
            "docport_webhooks_failing_seconds", "How long every attempt has failed", labels=labels
        )
        for lag in monitor.endpoint_lags():
            values = [lag.insurer, str(lag.endpoint_id), lag.status]
            count.add_metric(values, lag.waiting.number)
            oldest.add_metric(values, lag.waiting.seconds_at(self._at))
            failing.add_metric(values, lag.failing_seconds_at(self._at))
        yield count
        yield oldest
        yield failing

    def _attempts(self) -> Iterator[Metric]:
        found = GaugeMetricFamily(
            "docport_webhook_attempts_5m",
            "Attempts of the last 5 minutes by what came of them",
            labels=["outcome"],
        )
        for outcome, number in monitor.attempts_by_outcome(at=self._at, within=LOOK_BACK).items():
            found.add_metric([outcome], number)
        yield found

    def _pushes(self) -> Iterator[Metric]:
        labels = ["insurer"]
        doctors = GaugeMetricFamily(
            "docport_push_doctors", "Doctors by the state of their push", labels=[*labels, "status"]
        )
        found = {
            name: GaugeMetricFamily(f"docport_push_{name}", meaning, labels=labels)
            for name, meaning in _PUSH.items()
        }
        for one in monitor.push_progress():
            slug = one.insurer.slug
            for status in ("in_step", "sending", "failing", "stopped"):
                doctors.add_metric([slug, status], getattr(one, status))
            for name, value in self._of_push(one).items():
                found[name].add_metric([slug], value)
        yield doctors
        yield from found.values()

    def _of_push(self, one: monitor.PushProgress) -> dict[str, float]:
        values: dict[str, float] = {
            "backfill_waiting": one.to_backfill,
            "overdue_seconds": one.overdue_seconds(self._at),
            "failing_seconds": self._since(one.failing_since),
            "check_differed": one.push.differed,
            "check_outdated": one.push.outdated,
        }
        if one.push.check_ended_at is not None:
            values["check_age_seconds"] = self._since(one.push.check_ended_at)
        return values

    def _since(self, began_at: datetime | None) -> float:
        return 0 if began_at is None else max(0, (self._at - began_at).total_seconds())


def _gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, value=value)
