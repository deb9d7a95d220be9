"""The part of `bench.sync` that runs inside DocPort."""

import time
from datetime import datetime, timedelta

from django.db import connection
from django.utils.timezone import now

from bench import plain
from consent.tests.factories import make_consent
from integrations.actions import feed, webhooks
from integrations.actions.webhooks import due
from integrations.models import WebhookLease
from integrations.tasks import sequence_events
from integrations.tests.factories import make_endpoint
from registry.models import Doctor, OutboxEvent
from registry.tests.factories import make_doctor, make_provider

INSURERS, DOCTORS = 200, 200
CLAIMED, CLAIMS = 500, 7
# Each doctor consents to each insurer, as the one consent that is there.
_CONSENTS = """
    INSERT INTO doctor_insurance_consent SELECT (jsonb_populate_record(one, jsonb_build_object(
        'id', gen_random_uuid(), 'doctor_id', d.id, 'insurance_provider_id', e.insurance_provider_id
    ))).* FROM doctor_insurance_consent AS one, doctors AS d, webhook_endpoints AS e
    ON CONFLICT DO NOTHING
"""


def fill(sink: str) -> None:
    """Add insurers, each with an endpoint at the sink, and doctors who consent to all of them."""
    for number in range(INSURERS):
        provider = make_provider(slug=f"insurer-{number}", name=f"Insurer {number}")
        make_endpoint(insurance_provider=provider, url=f"{sink}/{number}")
    doctors = [make_doctor() for _ in range(DOCTORS)]
    consent = make_consent(doctor=doctors[0], insurance_provider=provider)
    consent.granted_at = now() - timedelta(days=1)
    consent.save()
    with connection.cursor() as cursor:
        cursor.execute(_CONSENTS)
        cursor.execute("ANALYZE")


def sequence(count: str) -> float:
    """Have so many entries written to feeds, with their deliveries; give how many a second."""
    number = int(count) // INSURERS
    at = now()
    doctors = list(Doctor.objects.order_by("pk")[:DOCTORS])
    OutboxEvent.objects.bulk_create(_event(doctors[n % DOCTORS], n, at) for n in range(number))
    began = time.monotonic()
    while feed.sequence(at=now()):
        pass
    return number * INSURERS / (time.monotonic() - began)


def _event(doctor: Doctor, number: int, at: datetime) -> OutboxEvent:
    return OutboxEvent(
        type="doctor.updated",
        subject=f"doctor/{doctor.pk}",
        subject_version=number + 1,
        doctor=doctor,
        occurred_at=at,
    )


def claim() -> dict[str, float]:
    """Claim some of the deliveries that wait; give how many, and the milliseconds it took.

    To claim is to choose and to lease, while other workers wait; then each of them by itself asks
    for consent and writes what is sent.
    """
    took, prepared, jobs = [], [], []
    for _ in range(CLAIMS):
        at = now()
        began = time.monotonic()
        due.claim(room=CLAIMED, at=at, until=at + webhooks.LEASE, slow=at)
        took.append((time.monotonic() - began) * 1000)
        # The next claim finds things as this one did.
        WebhookLease.objects.all().delete()
        began = time.monotonic()
        jobs = webhooks.lease(room=CLAIMED, at=now())
        prepared.append((time.monotonic() - began) * 1000)
        WebhookLease.objects.all().delete()
    return {
        "claimed": len(jobs),
        "ms": sorted(took)[CLAIMS // 2],
        "prepared_ms": sorted(prepared)[CLAIMS // 2],
    }


def post_plainly(url: str, count: str) -> None:
    """Ask for so many plain posts."""
    for _ in range(int(count)):
        plain.post.apply_async((url,), queue=plain.QUEUE)


def wake() -> None:
    """Wake every worker."""
    for _ in range(32):
        sequence_events.delay()
