"""Whether the time of a 404 tells another insurer's row from one that does not exist."""

import random
import re
import statistics
import time
from collections.abc import Iterator
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid4

from django.utils.timezone import now

from bench.calls import Caller
from bench.load import Request
from consent.models import Consent
from integrations.actions import endpoints
from integrations.api.urls import urlpatterns
from integrations.models import WebhookDelivery
from registry.models import InsuranceProvider
from scheduling.models import Appointment

TRIES = 200
# Nothing is sent there: no worker runs.
_ADDRESS = "https://insurer.example/hooks"


def compare(key: str, owner: str, rounds: str) -> dict[str, float]:
    """Ask in turn for another insurer's rows and for nobody's, on every route that names one.

    Args:
        key: of an insurer who may see none of them.
        owner: slug of the insurer whose they are.

    Returns:
        Of each route the 95th percentile of the times for theirs, as a share of that for nobody's.
    """
    caller, ids = Caller(key), _ids(InsuranceProvider.objects.get(slug=owner))
    return {
        route: statistics.median(_share(caller, route, ids) for _ in range(int(rounds)))
        for route in _routes()
    }


def _routes() -> Iterator[str]:
    for pattern in urlpatterns:
        if "<" in str(pattern.pattern):
            view: Any = pattern.callback
            for method in view.view_class.needs:
                yield f"{method} /api/v1/{pattern.pattern}"


def _ids(owner: InsuranceProvider) -> dict[str, UUID]:
    """Give a row of each kind that the owner alone may see."""
    seen_by_others = Consent.objects.exclude(insurance_provider=owner).values("doctor")
    consent = Consent.objects.filter(insurance_provider=owner).exclude(doctor__in=seen_by_others)[0]
    booked, hold = Appointment.objects.filter(doctor=consent.doctor_id, status="BOOKED")[:2]
    # Of what other benchmarks do not need there is none yet.
    Appointment.objects.filter(pk=hold.pk).update(
        status="HELD", external_appointment_id=None, hold_expires_at=now() + timedelta(hours=1)
    )
    endpoint = endpoints.add(
        provider=owner, target=endpoints.Target(_ADDRESS), event_types=[], by=None, at=now()
    )
    delivery = WebhookDelivery.objects.get(endpoint=endpoint)
    return {
        "doctor_id": consent.doctor_id,
        "consent_id": consent.pk,
        "appointment_id": booked.pk,
        "hold_id": hold.pk,
        "endpoint_id": endpoint.pk,
        "delivery_id": delivery.pk,
    }


def _share(caller: Caller, route: str, ids: dict[str, UUID]) -> float:
    method, path = route.split()
    theirs = _request(method, re.sub(r"<\w+:(\w+)>", lambda name: str(ids[name[1]]), path))
    nobodys = _request(method, re.sub(r"<\w+:\w+>", str(uuid4()), path))
    took: dict[Request, list[float]] = {theirs: [], nobodys: []}
    for _ in range(TRIES):
        for request in random.sample([theirs, nobodys], 2):
            began = time.perf_counter()
            status, content = caller.answer(request)
            took[request].append(time.perf_counter() - began)
            if status != HTTPStatus.NOT_FOUND:
                raise SystemExit(f"{route}: {status} {content[:300]!r}")
    return _p95(took[theirs]) / _p95(took[nobodys])


def _request(method: str, path: str) -> Request:
    body = "" if method in {"GET", "DELETE"} else "{}"
    return Request(path, method, body=body)


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]
