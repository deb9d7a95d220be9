import base64
import threading
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from consent.models import Consent
from consent.tests.factories import make_consent
from integrations import outgoing
from integrations.connectors.webhooks import client
from integrations.connectors.webhooks.mapping import new_secret
from integrations.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookLease
from integrations.tests.factories import (
    PUBLIC_KEY,
    SECRET,
    make_consent_event,
    make_deliveries_about,
    make_delivery,
    make_doctor_of,
    make_endpoint,
    make_feed_entry,
)
from integrations.tests.partner import Heard, Partner, Reply, signed_by_the_standard
from integrations.tests.workers import Clock, send_due
from registry.tests.factories import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_loopback")]

Status = WebhookDelivery.Status


def signed_by_the_key_pair(heard: Heard) -> str:
    """Give the one entry that the public key finds genuine."""
    (entry,) = [one for one in heard.headers["webhook-signature"].split(" ") if one[:3] == "v1a"]
    stamp = heard.headers["webhook-timestamp"]
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(PUBLIC_KEY.removeprefix("whpk_")))
    content = f"{heard.headers['webhook-id']}.{stamp}.".encode() + heard.body
    key.verify(base64.b64decode(entry.removeprefix("v1a,")), content)
    return entry


def test_nothing_due_is_nothing_to_do(clock: Clock) -> None:
    assert send_due(clock) == 0


def test_an_event_arrives_signed_and_is_marked(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    delivery = make_delivery(endpoint=endpoint)

    assert send_due(clock) == 1

    (heard,) = partner.heard
    entry = delivery.feed_entry
    assert entry is not None
    assert heard.headers["webhook-signature"].split(" ") == [
        signed_by_the_standard(heard, SECRET),
        signed_by_the_key_pair(heard),
    ]
    envelope = heard.json
    assert envelope["id"] == heard.headers["webhook-id"] == entry.event.public_id
    assert (envelope["type"], envelope["feed_seq"]) == ("doctor.updated", entry.feed_seq)
    assert envelope["data"]["doctor_id"] == str(entry.event.doctor_id)
    assert heard.headers["content-type"] == "application/json"
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts) == (Status.DELIVERED, 1)
    assert not WebhookLease.objects.exists()
    assert delivery.delivered_at == clock.at
    attempt = WebhookAttempt.objects.get(delivery=delivery)
    assert (attempt.number, attempt.status_code, attempt.error) == (1, 204, "")
    assert send_due(clock) == 0


def test_while_a_secret_changes_both_sign(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    endpoint.secret, endpoint.previous_secret = new_secret(), SECRET
    endpoint.previous_secret_until = clock.at + timedelta(minutes=1)
    endpoint.save()
    make_delivery(endpoint=endpoint)
    send_due(clock)
    clock.at += timedelta(minutes=1)
    make_delivery(endpoint=endpoint)
    send_due(clock)

    during, after = partner.heard
    assert during.headers["webhook-signature"].split(" ") == [
        signed_by_the_standard(during, endpoint.secret),
        signed_by_the_standard(during, SECRET),
        signed_by_the_key_pair(during),
    ]
    assert after.headers["webhook-signature"].split(" ") == [
        signed_by_the_standard(after, endpoint.secret),
        signed_by_the_key_pair(after),
    ]


def test_events_of_one_subject_arrive_in_order_whatever_fails(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    doctor, other = make_doctor_of(endpoint), make_doctor_of(endpoint)
    first, *_ = make_deliveries_about(doctor, endpoint, 5)
    make_deliveries_about(other, endpoint, 1)
    failing = first.message_id
    partner.answer = lambda heard: Reply(500 if heard.headers["webhook-id"] == failing else 204)

    assert send_due(clock) == 2
    partner.answer = lambda _: Reply()
    clock.at += timedelta(minutes=1)
    send_due(clock)

    versions = [
        heard.json["subject_version"]
        for heard in partner.heard
        if heard.json["data"]["doctor_id"] == str(doctor.pk)
    ]
    assert len(versions) == 6
    assert versions == sorted(versions)


def test_a_parked_event_lets_the_next_of_its_subject_go(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    first, second = make_deliveries_about(make_doctor_of(endpoint), endpoint, 2)
    WebhookDelivery.objects.filter(pk=first.pk).update(status=Status.PARKED)

    send_due(clock)

    assert partner.ids == [second.message_id]


def test_after_a_withdrawal_only_the_withdrawal_is_told(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    consent = make_consent(insurance_provider=endpoint.insurance_provider)
    make_deliveries_about(consent.doctor, endpoint, 40)
    Consent.objects.filter(pk=consent.pk).update(consent_status="REVOKED", revoked_at=NOW)
    revoked = make_consent_event(consent, type="consent.revoked", sequenced_at=NOW)
    entry = make_feed_entry(insurance_provider=endpoint.insurance_provider, event=revoked)
    make_delivery(endpoint=endpoint, feed_entry=entry)

    assert send_due(clock) == 1

    assert partner.ids == [revoked.public_id]
    assert WebhookDelivery.objects.filter(status=Status.WITHHELD).count() == 40
    assert not WebhookLease.objects.exists()


def test_a_withdrawal_between_two_attempts_withholds_the_second(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    partner.answer = lambda _: Reply(500)
    delivery = make_delivery(endpoint=endpoint)
    send_due(clock)
    Consent.objects.update(consent_status="REVOKED", revoked_at=NOW)
    clock.at += timedelta(hours=1)

    assert send_due(clock) == 0

    delivery.refresh_from_db()
    assert delivery.status == Status.WITHHELD
    assert len(partner.heard) == 1


def test_no_transaction_is_open_while_sending(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_delivery(endpoint=endpoint)
    used_in = set()
    post = client.post

    async def note(session: outgoing.Session, url: str, **given: Any) -> outgoing.Answer:
        used_in.add(threading.current_thread())
        return await post(session, url, **given)

    monkeypatch.setattr(client, "post", note)

    send_due(clock)

    # Django's connections belong to threads, and this one has none.
    assert threading.current_thread() not in used_in
    assert len(partner.heard) == 1


def test_an_endpoint_without_a_filter_wants_everything() -> None:
    assert make_endpoint().wants("doctor.updated")
    assert not make_endpoint(event_types=["ping"]).wants("doctor.updated")
