from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from consent.models import Consent, visible_doctors
from consent.tests.factories import make_consent, make_withdrawn_consent
from integrations.actions import feed
from integrations.models import (
    FeedEntry,
    FeedHead,
    ProviderDoctorSync,
    WebhookDelivery,
    WebhookEndpoint,
)
from integrations.tests.factories import (
    make_consent_event,
    make_endpoint,
    make_event,
    make_sync,
)
from integrations.tests.feeds import heard
from registry.models import Doctor, InsuranceProvider, OutboxEvent
from registry.tests.factories import NOW, make_doctor, make_provider

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(hours=1)
PUSHED_TO = "https://insurer.example/api"


def test_an_empty_outbox_gives_nothing_to_do() -> None:
    assert feed.sequence(at=NOW) == 0
    assert not FeedHead.objects.exists()


def test_every_insurer_that_sees_the_doctor_gets_a_numbered_copy() -> None:
    doctor = make_doctor()
    consents = [make_consent(doctor=doctor), make_consent(doctor=doctor)]
    first, second = make_event(doctor=doctor), make_event(doctor=doctor)

    assert feed.sequence(at=LATER) == 2

    for consent in consents:
        entries = FeedEntry.objects.filter(insurance_provider=consent.insurance_provider)
        assert [(entry.feed_seq, entry.event, entry.consent_id) for entry in entries] == [
            (1, first, consent.pk),
            (2, second, consent.pk),
        ]
        assert FeedHead.objects.get(pk=consent.insurance_provider_id).head == 2
    assert not OutboxEvent.objects.unsequenced().exists()
    assert feed.sequence(at=LATER) == 0


def test_who_sees_a_doctor_is_asked_when_the_feed_is_written() -> None:
    consent = make_consent()
    make_event(doctor=consent.doctor)
    Consent.objects.filter(pk=consent.pk).update(consent_status="EXPIRED", expires_at=NOW)

    feed.sequence(at=LATER)

    assert heard(consent.insurance_provider) == []
    assert not OutboxEvent.objects.unsequenced().exists()


def test_a_consent_given_while_the_sequencer_waited_counts() -> None:
    consent = make_consent(granted_at=LATER)
    make_event(doctor=consent.doctor, occurred_at=LATER)

    feed.sequence(at=NOW)

    assert heard(consent.insurance_provider) == ["doctor.updated"]


def test_hours_are_told_only_where_availability_is_shared() -> None:
    doctor = make_doctor()
    shares = make_consent(doctor=doctor)
    hides = make_consent(doctor=doctor, data_classes=["profile"])
    make_event(doctor=doctor, type="availability.updated")

    feed.sequence(at=LATER)

    assert heard(shares.insurance_provider) == ["availability.updated"]
    assert heard(hides.insurance_provider) == []


def test_that_a_doctor_left_is_told_to_all_who_were_consented() -> None:
    doctor = make_doctor(status=Doctor.Status.SUSPENDED)
    consented, withdrawn = make_consent(doctor=doctor), make_withdrawn_consent(doctor=doctor)
    make_event(doctor=doctor, type="doctor.withdrawn")
    make_event(doctor=doctor)

    feed.sequence(at=LATER)

    assert heard(consented.insurance_provider) == ["doctor.withdrawn"]
    assert heard(withdrawn.insurance_provider) == []


def test_an_insurers_own_event_goes_to_it_alone_whatever_the_consent() -> None:
    doctor = make_doctor()
    other, withdrawn = make_consent(doctor=doctor), make_withdrawn_consent(doctor=doctor)
    stranger = make_provider()
    make_consent_event(withdrawn, type="consent.revoked")
    make_event(type="appointment.cancelled", doctor=doctor, insurance_provider=stranger)
    make_event(doctor=None, insurance_provider=stranger)

    feed.sequence(at=LATER)

    assert heard(other.insurance_provider) == []
    assert heard(withdrawn.insurance_provider) == ["consent.revoked"]
    assert heard(stranger) == ["appointment.cancelled", "ping"]
    ids = FeedEntry.objects.order_by("id").values_list("consent_id", flat=True)
    assert list(ids) == [withdrawn.pk, None, None]


def test_deliveries_are_made_for_endpoints_that_want_the_type_even_disabled_ones() -> None:
    consent = make_consent()
    provider = consent.insurance_provider
    everything = make_endpoint(insurance_provider=provider)
    make_endpoint(insurance_provider=provider, event_types=["appointment.booked"])
    disabled = make_endpoint(
        insurance_provider=provider, status=WebhookEndpoint.Status.DISABLED, disabled_at=NOW
    )
    make_endpoint()
    event = make_event(doctor=consent.doctor)

    feed.sequence(at=LATER)

    deliveries = WebhookDelivery.objects.all()
    assert {delivery.endpoint for delivery in deliveries} == {everything, disabled}
    for delivery in deliveries:
        assert delivery.message_id == event.public_id
        assert (delivery.subject, delivery.next_attempt_at) == (event.subject, LATER)


def test_a_pair_becomes_due_once_however_many_events_there_are() -> None:
    consent = make_consent(insurance_provider=make_provider(api_base_url=PUSHED_TO))
    make_consent_event(consent)
    make_event(doctor=consent.doctor)
    make_consent_event(consent, type="consent.changed")

    feed.sequence(at=LATER)

    sync = ProviderDoctorSync.objects.get()
    assert (sync.doctor, sync.insurance_provider) == (consent.doctor, consent.insurance_provider)
    assert (sync.sync_status, sync.wanted, sync.sent) == ("PENDING", 1, 0)
    assert sync.next_attempt_at == LATER


@pytest.mark.parametrize(
    ("status", "event_type", "expected", "due_at"),
    [
        ("IN_STEP", "doctor.updated", "PENDING", LATER),
        ("PENDING", "doctor.updated", "PENDING", NOW),
        ("FAILING", "doctor.updated", "FAILING", NOW),
        ("STOPPED", "doctor.updated", "STOPPED", NOW),
        ("STOPPED", "doctor.withdrawn", "PENDING", LATER),
        ("FAILING", "doctor.withdrawn", "FAILING", LATER),
    ],
)
def test_an_event_marks_a_known_pair(
    status: str, event_type: str, expected: str, due_at: object
) -> None:
    failing_since = NOW if status == "FAILING" else None
    sync = make_sync(sync_status=status, sent=1, failing_since=failing_since, attempts=3)
    make_event(doctor=sync.doctor, type=event_type)

    feed.sequence(at=LATER)

    sync.refresh_from_db()
    assert (sync.sync_status, sync.wanted) == (expected, 2)
    assert sync.next_attempt_at == due_at
    assert sync.attempts == (0 if event_type == "doctor.withdrawn" else 3)


def test_an_insurer_without_an_address_is_not_pushed_to() -> None:
    consent = make_consent()
    make_event(doctor=consent.doctor)

    feed.sequence(at=LATER)

    assert heard(consent.insurance_provider) == ["doctor.updated"]
    assert not ProviderDoctorSync.objects.exists()


def test_the_number_of_queries_does_not_grow_with_the_batch(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(5):
        consent = make_consent(insurance_provider=make_provider(api_base_url=PUSHED_TO))
        make_endpoint(insurance_provider=consent.insurance_provider)
        for _ in range(3):
            make_event(doctor=consent.doctor)

    with django_assert_num_queries(10):
        feed.sequence(at=LATER)

    assert FeedEntry.objects.count() == 15


def test_a_batch_ends_and_the_next_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "BATCH", 2)
    consent = make_consent()
    for _ in range(3):
        make_event(doctor=consent.doctor)

    assert [feed.sequence(at=LATER) for _ in range(3)] == [2, 1, 0]

    numbers = FeedEntry.objects.values_list("feed_seq", flat=True)
    assert list(numbers) == [1, 2, 3]


@pytest.mark.parametrize("provider_status", InsuranceProvider.Status.values)
@pytest.mark.parametrize("is_sandbox", [True, False])
@pytest.mark.parametrize("doctor_status", ["ACTIVE", "SUSPENDED"])
@pytest.mark.parametrize("consent_is_active", [True, False])
def test_showing_and_visible_doctors_say_the_same(
    *, provider_status: str, doctor_status: str, is_sandbox: bool, consent_is_active: bool
) -> None:
    provider = make_provider(integration_status=provider_status)
    doctor = make_doctor(is_sandbox=is_sandbox, status=doctor_status)
    make = make_consent if consent_is_active else make_withdrawn_consent
    consent = make(doctor=doctor, insurance_provider=provider)

    visible = visible_doctors(provider, at=NOW).filter(pk=doctor.pk).exists()

    assert Consent.objects.showing_at(NOW).filter(pk=consent.pk).exists() == visible
