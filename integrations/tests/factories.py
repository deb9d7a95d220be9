"""Rows for tests; each function fills what the caller leaves out."""

import base64
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

from allauth.idp.oidc.models import Client
from django.contrib.auth.hashers import make_password

from consent.models import Consent
from consent.tests.factories import make_consent
from integrations.actions import keys
from integrations.hashers import RandomSecretHasher
from integrations.models import (
    NEWEST_VERSION,
    ApiClient,
    ApiKey,
    FeedEntry,
    FeedHead,
    ProviderDoctorSync,
    ProviderPush,
    Scope,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookLease,
)
from registry.models import Doctor, InsuranceProvider, OutboxEvent
from registry.tests.factories import NOW, make_doctor, make_provider

SECRET = "whsec_" + base64.b64encode(b"a secret that only tests know").decode()
# The key pair that the specification's own libraries are tested with.
PRIVATE_KEY = (
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
)
PUBLIC_KEY = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="

_numbers = count(1)


def make_api_key(**given: Any) -> tuple[ApiKey, str]:
    """Add a key with every scope, good for a year; the second value is the key itself."""
    if "insurance_provider" not in given:
        given["insurance_provider"] = make_provider()
    is_test = given.setdefault("is_test", given["insurance_provider"].sees_sandbox)
    key = keys.generate(is_test=is_test)
    values: dict[str, Any] = {
        "name": "Booking system",
        "sha256": keys.digest(key),
        "last_four": key[-4:],
        "scopes": sorted(Scope.values),
        "api_version": NEWEST_VERSION,
        "expires_at": NOW + timedelta(days=365),
    }
    return ApiKey.objects.create(**(values | given)), key


def make_api_client(**given: Any) -> tuple[ApiClient, str]:
    """Add a client with every scope, good for a year; the second value is its secret."""
    provider = given.pop("insurance_provider", None) or make_provider()
    scopes = given.pop("scopes", sorted(Scope.values))
    secret = f"a secret of {next(_numbers)}"
    client_id = uuid4()
    oauth = Client(
        id=str(client_id),
        name=given.pop("name", "Booking system"),
        grant_types="client_credentials",
        secret=make_password(secret, hasher=RandomSecretHasher.algorithm),
    )
    oauth.set_scopes(scopes)
    oauth.save()
    values: dict[str, Any] = {
        "is_test": provider.sees_sandbox,
        "api_version": NEWEST_VERSION,
        "expires_at": NOW + timedelta(days=365),
    }
    client = ApiClient.objects.create(
        id=client_id, oauth=oauth, insurance_provider=provider, **(values | given)
    )
    return client, secret


def make_endpoint(**given: Any) -> WebhookEndpoint:
    """Add an enabled endpoint for every type of event."""
    if "insurance_provider" not in given:
        given["insurance_provider"] = make_provider()
    values: dict[str, Any] = {
        "url": "https://insurer.example/hooks",
        "secret": SECRET,
        "private_key": PRIVATE_KEY,
        "public_key": PUBLIC_KEY,
        "challenge": "repeat this",
        "status": WebhookEndpoint.Status.ENABLED,
        "verified_at": NOW,
    }
    return WebhookEndpoint.objects.create(**(values | given))


def make_event(**given: Any) -> OutboxEvent:
    """Add an unsequenced `doctor.updated`; `doctor=` chooses whose."""
    if "doctor" not in given:
        given["doctor"] = make_doctor()
    subject = f"doctor/{given['doctor'].pk}" if given["doctor"] else "ping"
    values: dict[str, Any] = {
        "type": "doctor.updated" if given["doctor"] else "ping",
        "subject": subject,
        "subject_version": next(_numbers),
        "occurred_at": NOW,
    }
    return OutboxEvent.objects.create(**(values | given))


def make_consent_event(consent: Consent, **given: Any) -> OutboxEvent:
    """Add an unsequenced `consent.granted` for the insurer of the consent."""
    values: dict[str, Any] = {
        "type": "consent.granted",
        "doctor": consent.doctor,
        "insurance_provider": consent.insurance_provider,
        "subject": f"consent/{consent.pk}",
        "payload": {"data_classes": sorted(consent.data_classes)},
    }
    return make_event(**(values | given))


def make_feed_entry(**given: Any) -> FeedEntry:
    """Add a sequenced event about a consenting doctor at the end of an insurer's feed."""
    if "insurance_provider" not in given:
        given["insurance_provider"] = make_provider()
    provider: InsuranceProvider = given["insurance_provider"]
    if "event" not in given:
        consent = make_consent(insurance_provider=provider)
        given["event"] = make_event(doctor=consent.doctor, sequenced_at=NOW)
        given["consent_id"] = consent.pk
    if "feed_seq" not in given:
        head, _ = FeedHead.objects.get_or_create(insurance_provider=provider)
        head.head += 1
        head.save()
        given["feed_seq"] = head.head
    return FeedEntry.objects.create(**({"created_at": NOW} | given))


def make_delivery(**given: Any) -> WebhookDelivery:
    """Add a delivery that is due; `endpoint=` and `feed_entry=` choose what goes where."""
    if "endpoint" not in given:
        given["endpoint"] = make_endpoint()
    if "feed_entry" not in given:
        provider = given["endpoint"].insurance_provider
        given["feed_entry"] = make_feed_entry(insurance_provider=provider)
    values: dict[str, Any] = {
        "event_type": given["feed_entry"].event.type,
        "subject": given["feed_entry"].event.subject,
        "next_attempt_at": NOW,
    }
    return WebhookDelivery.objects.create(**(values | given))


def make_lease(*deliveries: WebhookDelivery, until: datetime) -> None:
    """Have deliveries held by a worker."""
    WebhookLease.objects.bulk_create(
        WebhookLease(delivery=delivery, until=until) for delivery in deliveries
    )


def make_doctor_of(endpoint: WebhookEndpoint) -> Doctor:
    """Add a doctor who consents to the insurer of the endpoint."""
    return make_consent(insurance_provider=endpoint.insurance_provider).doctor


def make_deliveries_about(
    doctor: Doctor, endpoint: WebhookEndpoint, count: int
) -> list[WebhookDelivery]:
    """Add deliveries of that many events, one after the other, about one doctor."""
    provider = endpoint.insurance_provider
    events = [make_event(doctor=doctor, sequenced_at=NOW) for _ in range(count)]
    entries = [make_feed_entry(insurance_provider=provider, event=event) for event in events]
    return [make_delivery(endpoint=endpoint, feed_entry=entry) for entry in entries]


def make_sync(**given: Any) -> ProviderDoctorSync:
    """Add a pair that is due; without `doctor=` it consents to the insurer."""
    if "insurance_provider" not in given:
        given["insurance_provider"] = make_provider(api_base_url="https://insurer.example/api")
    if "doctor" not in given:
        given["doctor"] = make_consent(insurance_provider=given["insurance_provider"]).doctor
    values: dict[str, Any] = {
        "sync_status": ProviderDoctorSync.Status.PENDING,
        "next_attempt_at": NOW,
    }
    return ProviderDoctorSync.objects.create(**(values | given))


def make_push(**given: Any) -> ProviderPush:
    """Add what is kept of the push to an insurer as a whole."""
    if "insurance_provider" not in given:
        given["insurance_provider"] = make_provider(api_base_url="https://insurer.example/api")
    return ProviderPush.objects.create(**given)
