"""The reference's samples: each is run against a running DocPort, as it is shown."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest
import requests
from django.utils.timezone import now

from consent.models import Consent
from integrations.api.reference import Reference
from integrations.models import FeedEntry, WebhookDelivery, WebhookEndpoint
from integrations.tests.factories import make_api_client, make_endpoint
from integrations.tests.test_documentation.documents import NODE
from integrations.tests.test_documentation.live import Insurer, make_insurers

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("_curl_fails_on_errors"),
]
RUN = {
    "curl": ["/bin/sh", "-euc"],
    "Python": [sys.executable, "-c"],
    "JavaScript": [NODE, "--input-type=module", "-e"],
}


def values_for(call: str, insurer: Insurer, *, number: str) -> dict[str, str]:
    """Give what a reader has in the environment by the time of a call."""
    values = {
        "DOCPORT_KEY": insurer.key,
        "DOCTOR": str(insurer.doctors[1].pk),
        "PLACE": str(insurer.places[1].pk),
        "VISIT": f"V-{number}",
        "START": insurer.free(at=now())[0].starts_at.isoformat(),
        "HOOK": f"http://127.0.0.1:9/{number}",
    }
    subject = call.partition("_")[0]
    return values | (SUBJECTS[subject](insurer, number) if subject in SUBJECTS else {})


def _held(insurer: Insurer, number: str) -> dict[str, str]:
    held = insurer.hold(at=now())
    return {"HOLD": str(held.pk), "START": insurer.free(at=now())[0].starts_at.isoformat()}


def _booked(insurer: Insurer, number: str) -> dict[str, str]:
    booked = insurer.book(at=now(), number=f"B-{number}")
    start = insurer.free(at=now())[0].starts_at.isoformat()
    return {"APPOINTMENT": str(booked.pk), "ETAG": f'"{booked.version}"', "START": start}


def _ended(insurer: Insurer, number: str) -> dict[str, str]:
    ended = Consent.objects.get(insurance_provider=insurer.provider, consent_status="REVOKED")
    return {"CONSENT": str(ended.pk), "ERASED_AT": now().isoformat()}


def _listening(insurer: Insurer, number: str) -> dict[str, str]:
    endpoint = make_endpoint(insurance_provider=insurer.provider)
    return {"ENDPOINT": str(endpoint.pk), "ETAG": f'"{endpoint.version}"'}


def _missed(insurer: Insurer, number: str) -> dict[str, str]:
    endpoint, _ = WebhookEndpoint.objects.standing().get_or_create(
        insurance_provider=insurer.provider, url="https://insurer.example/missed"
    )
    entry = FeedEntry.objects.filter(insurance_provider=insurer.provider).latest("feed_seq")
    delivery, _ = WebhookDelivery.objects.get_or_create(
        endpoint=endpoint,
        feed_entry=entry,
        event_type=entry.event.type,
        subject=entry.event.subject,
        defaults={"next_attempt_at": now(), "status": "PARKED"},
    )
    return {"ENDPOINT": str(endpoint.pk), "DELIVERY": str(delivery.pk)}


def _known(insurer: Insurer, number: str) -> dict[str, str]:
    client, secret = make_api_client(
        insurance_provider=insurer.provider, expires_at=now() + timedelta(days=1)
    )
    return {"CLIENT_ID": str(client.pk), "CLIENT_SECRET": secret}


SUBJECTS = {
    "oauth": _known,
    "holds": _held,
    "appointments": _booked,
    "consents": _ended,
    "endpoints": _listening,
    "deliveries": _missed,
}


@pytest.mark.parametrize("language", RUN)
def test_every_sample_makes_its_call(web: str, language: str) -> None:
    insurer = make_insurers(at=now())[0]
    insurer.lose(at=now())
    reference = Reference(requests.get(f"{web}/api/v1/openapi.json", timeout=20).json())
    failed = []

    for number, call in enumerate(reference.operations):
        code = dict(call.samples)[language]
        values = values_for(call.anchor, insurer, number=f"{language}-{number}")
        run = subprocess.run(
            [*RUN[language], code],
            env=os.environ | values,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if run.returncode != 0 or run.stderr:
            failed.append(f"{call.anchor}:\n{code}\n{run.stdout}{run.stderr}")

    assert not failed, "\n\n".join(failed)
