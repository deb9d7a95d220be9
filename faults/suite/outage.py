"""An insurer is down for days, by a clock that is moved: less than the schedule, then more."""

import time
from collections.abc import Iterator
from datetime import timedelta
from http import HTTPStatus

import requests
from django.utils.timezone import now

from faults.finding import Finding
from faults.history import COMMITTED, Change, Heard, Wrote, instant, of_kind
from faults.load import change
from faults.passing import pass_time, until_the_next
from faults.running import OVER_TLS
from faults.sink import accept, refuse
from faults.stage import Stage
from faults.world import Insurer
from integrations.models import WebhookDelivery

DOWN_FOR = timedelta(hours=75)
_MOST_STEPS = 200
_Status = WebhookDelivery.Status


def insurer_down(stage: Stage) -> Iterator[Finding]:
    """Let an insurer come back within the schedule of retries, and another time after its end."""
    stage.people(doctors=5)
    stage.start()
    yield _for_75_hours(stage)
    yield _past_the_schedule(stage)


def _for_75_hours(stage: Stage) -> Finding:
    away = stage.insurers[0]
    stage.sink.behave(away.name, refuse)
    down_from = now()
    with stage.load():
        time.sleep(stage.seconds)
    while (step := until_the_next(away)) is not None and now() + step < down_from + DOWN_FOR:
        pass_time(step)
    pass_time(down_from + DOWN_FOR - now())
    refused = sum(not one.accepted for one in of_kind(stage.history.entries(), Heard))
    stage.sink.behave(away.name, accept)
    _let_everything_arrive(stage, away)
    verdict = stage.judge()
    return Finding.of(
        "insurer down for 75 h (clock), then up",
        "everything arrives, in order",
        verdict,
        f"{refused} attempts in vain, then {len(_missing(stage, away, since=0))} missing",
        # While everything fails, nothing may pass anything.
        held=not verdict.passed,
    )


def _past_the_schedule(stage: Stage) -> Finding:
    """Let one event of each doctor fail to its end, and have what is missing sent again."""
    away, since, began = stage.insurers[0], now(), instant()
    stage.sink.behave(away.name, refuse)
    for doctor in stage.doctors:
        stage.history.note(*change(str(doctor.pk), lasts=0.01))
    while (step := until_the_next(away)) is not None:
        pass_time(step)
    missing = _missing(stage, away, since=began)
    parked = WebhookDelivery.objects.filter(
        endpoint=away.endpoint, status=_Status.PARKED, feed_entry__isnull=False
    ).count()
    stage.sink.behave(away.name, accept)
    up_again = instant()
    answer = requests.post(
        f"{stage.programs.url}/api/v1/deliveries/resend",
        json={"endpoint_id": str(away.endpoint.pk), "from": since.isoformat(), "only": "failed"},
        headers=OVER_TLS | {"Authorization": f"Bearer {away.key}"},
        timeout=30,
    )
    stage.settle()
    heard = [one for one in of_kind(stage.history.entries(), Heard) if one.at > up_again]
    restored = [one.change for one in heard if one.listener == away.webhook.listener]
    resent = answer.json().get("resent")
    return Finding.of(
        "then down past the schedule",
        "parked; one range resend restores exactly the missing",
        stage.judge(),
        f"{parked} parked, {resent} sent again, {len(restored)} arrived",
        held=answer.status_code == HTTPStatus.ACCEPTED
        and sorted(restored) == sorted(missing)
        and parked == resent == len(stage.doctors),
    )


def _let_everything_arrive(stage: Stage, insurer: Insurer) -> None:
    for _ in range(_MOST_STEPS):
        step = until_the_next(insurer)
        if step is None:
            return
        pass_time(step)


def _missing(stage: Stage, insurer: Insurer, *, since: float) -> list[Change]:
    entries = stage.history.entries()
    listener = insurer.webhook.listener
    arrived = {h.change for h in of_kind(entries, Heard) if h.listener == listener and h.accepted}
    return [
        wrote.change
        for wrote in of_kind(entries, Wrote)
        if wrote.outcome == COMMITTED and wrote.at > since and wrote.change not in arrived
    ]
