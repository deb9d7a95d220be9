import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import product

import pytest
from django.db import connection, connections, transaction
from django.db.backends.postgresql.base import DatabaseWrapper
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
from registry import ledger
from registry.models import Doctor, InsuranceProvider, OutboxEvent
from registry.tests.factories import NOW, make_doctor, make_provider

LATER = NOW + timedelta(hours=1)
PUSHED_TO = "https://insurer.example/api"


def heard(provider: InsuranceProvider) -> list[str]:
    entries = FeedEntry.objects.filter(insurance_provider=provider).order_by("feed_seq")
    return [entry.event.type for entry in entries.select_related("event")]


@pytest.mark.django_db
def test_an_empty_outbox_gives_nothing_to_do() -> None:
    assert feed.sequence(at=NOW) == 0
    assert not FeedHead.objects.exists()


@pytest.mark.django_db
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


@pytest.mark.django_db
def test_who_sees_a_doctor_is_asked_when_the_feed_is_written() -> None:
    consent = make_consent()
    make_event(doctor=consent.doctor)
    Consent.objects.filter(pk=consent.pk).update(consent_status="EXPIRED")

    feed.sequence(at=LATER)

    assert heard(consent.insurance_provider) == []
    assert not OutboxEvent.objects.unsequenced().exists()


@pytest.mark.django_db
def test_a_consent_given_while_the_sequencer_waited_counts() -> None:
    consent = make_consent(granted_at=LATER)
    make_event(doctor=consent.doctor, occurred_at=LATER)

    feed.sequence(at=NOW)

    assert heard(consent.insurance_provider) == ["doctor.updated"]


@pytest.mark.django_db
def test_hours_are_told_only_where_availability_is_shared() -> None:
    doctor = make_doctor()
    shares = make_consent(doctor=doctor)
    hides = make_consent(doctor=doctor, data_classes=["profile"])
    make_event(doctor=doctor, type="availability.updated")

    feed.sequence(at=LATER)

    assert heard(shares.insurance_provider) == ["availability.updated"]
    assert heard(hides.insurance_provider) == []


@pytest.mark.django_db
def test_that_a_doctor_left_is_told_to_all_who_were_consented() -> None:
    doctor = make_doctor(status=Doctor.Status.SUSPENDED)
    consented, withdrawn = make_consent(doctor=doctor), make_withdrawn_consent(doctor=doctor)
    make_event(doctor=doctor, type="doctor.withdrawn")
    make_event(doctor=doctor)

    feed.sequence(at=LATER)

    assert heard(consented.insurance_provider) == ["doctor.withdrawn"]
    assert heard(withdrawn.insurance_provider) == []


@pytest.mark.django_db
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


@pytest.mark.django_db
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
        assert delivery.feed_entry.event == event
        assert (delivery.subject, delivery.next_attempt_at) == (event.subject, LATER)


@pytest.mark.django_db
def test_a_pair_becomes_due_once_however_many_events_there_are() -> None:
    consent = make_consent(insurance_provider=make_provider(api_base_url=PUSHED_TO))
    make_consent_event(consent)
    make_event(doctor=consent.doctor)
    make_consent_event(consent, type="consent.requested")

    feed.sequence(at=LATER)

    sync = ProviderDoctorSync.objects.get()
    assert (sync.doctor, sync.insurance_provider) == (consent.doctor, consent.insurance_provider)
    assert (sync.sync_status, sync.wanted, sync.sent) == ("PENDING", 1, 0)
    assert sync.next_attempt_at == LATER


@pytest.mark.django_db
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


@pytest.mark.django_db
def test_an_insurer_without_an_address_is_not_pushed_to() -> None:
    consent = make_consent()
    make_event(doctor=consent.doctor)

    feed.sequence(at=LATER)

    assert heard(consent.insurance_provider) == ["doctor.updated"]
    assert not ProviderDoctorSync.objects.exists()


@pytest.mark.django_db
def test_the_number_of_queries_does_not_grow_with_the_batch(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(5):
        consent = make_consent(insurance_provider=make_provider(api_base_url=PUSHED_TO))
        make_endpoint(insurance_provider=consent.insurance_provider)
        for _ in range(3):
            make_event(doctor=consent.doctor)

    with django_assert_num_queries(15):
        feed.sequence(at=LATER)

    assert FeedEntry.objects.count() == 15


@pytest.mark.django_db
def test_a_batch_ends_and_the_next_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "BATCH", 2)
    consent = make_consent()
    for _ in range(3):
        make_event(doctor=consent.doctor)

    assert [feed.sequence(at=LATER) for _ in range(3)] == [2, 1, 0]

    numbers = FeedEntry.objects.values_list("feed_seq", flat=True)
    assert list(numbers) == [1, 2, 3]


@pytest.mark.django_db
@pytest.mark.parametrize("provider_status", InsuranceProvider.Status.values)
@pytest.mark.parametrize("is_sandbox", [True, False])
@pytest.mark.parametrize("doctor_status", ["ACTIVE", "SUSPENDED"])
@pytest.mark.parametrize("consent_is_active", [True, False])
def test_showing_and_visible_doctors_say_the_same(
    provider_status: str,
    doctor_status: str,
    is_sandbox: bool,  # noqa: FBT001
    consent_is_active: bool,  # noqa: FBT001
) -> None:
    provider = make_provider(integration_status=provider_status)
    doctor = make_doctor(is_sandbox=is_sandbox, status=doctor_status)
    make = make_consent if consent_is_active else make_withdrawn_consent
    consent = make(doctor=doctor, insurance_provider=provider)

    visible = visible_doctors(provider, at=NOW).filter(pk=doctor.pk).exists()

    assert Consent.objects.showing_at(NOW).filter(pk=consent.pk).exists() == visible


@pytest.fixture
def _a_connection_for_everybody() -> Iterator[None]:
    size = connection.settings_dict["OPTIONS"]["pool"]["max_size"]
    set_pool_size(30)
    yield
    set_pool_size(size)


def set_pool_size(size: int) -> None:
    database = connections["default"]
    assert isinstance(database, DatabaseWrapper)
    database.close()
    database.close_pool()
    database.settings_dict["OPTIONS"]["pool"]["max_size"] = size


def in_threads(work: Callable[[int], None], count: int) -> list[threading.Thread]:
    def run(number: int) -> None:
        try:
            work(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    return threads


def join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join()


def edit_at_random(doctors: list[Doctor], *, chance: random.Random) -> None:
    with transaction.atomic():
        chosen = chance.choice(doctors).pk
        doctor = Doctor.objects.select_for_update(no_key=True).get(pk=chosen)
        doctor.version += 1
        doctor.save(update_fields=["version"])
        ledger.publish(
            "doctor.updated", subject=doctor, version=doctor.version, at=NOW, doctor=doctor
        )
        time.sleep(chance.uniform(0.001, 0.04))
        transaction.set_rollback(chance.random() < 0.1)


def assert_feed_is_whole(provider: InsuranceProvider) -> None:
    feed_entries = FeedEntry.objects.filter(insurance_provider=provider)
    entries = list(feed_entries.order_by("feed_seq").select_related("event"))
    versions = defaultdict(list)
    for entry in entries:
        versions[entry.event.subject].append(entry.event.subject_version)

    assert [entry.feed_seq for entry in entries] == list(range(1, len(entries) + 1))
    assert FeedHead.objects.get(pk=provider.pk).head == len(entries)
    assert sorted(entry.event_id for entry in entries) == list(
        OutboxEvent.objects.order_by("pk").values_list("pk", flat=True)
    )
    assert all(found == sorted(found) for found in versions.values())


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_a_connection_for_everybody")
@pytest.mark.parametrize("sequencers", [2, 4])
def test_nothing_is_lost_doubled_or_reordered(sequencers: int) -> None:
    doctors = [make_doctor() for _ in range(8)]
    providers = [make_provider() for _ in range(3)]
    for doctor, provider in product(doctors, providers):
        make_consent(doctor=doctor, insurance_provider=provider)
    writing_is_over = threading.Event()

    def write(number: int) -> None:
        chance = random.Random(number)
        for _ in range(6):
            edit_at_random(doctors, chance=chance)

    def sequence(_: int) -> None:
        while not writing_is_over.is_set() or feed.sequence(at=LATER):
            feed.sequence(at=LATER)
            time.sleep(0.002)

    sequencing = in_threads(sequence, sequencers)
    join(in_threads(write, 16))
    writing_is_over.set()
    join(sequencing)

    assert OutboxEvent.objects.count() > 16
    for provider in providers:
        assert_feed_is_whole(provider)


@pytest.mark.django_db(transaction=True)
def test_an_event_that_commits_late_is_not_passed_over() -> None:
    early, late = make_consent(), make_consent()
    has_written, may_commit = threading.Event(), threading.Event()

    def write_slowly(_: int) -> None:
        with transaction.atomic():
            make_event(doctor=late.doctor)
            has_written.set()
            may_commit.wait(10)

    (writer,) = in_threads(write_slowly, 1)
    assert has_written.wait(10)
    make_event(doctor=early.doctor)
    assert feed.sequence(at=LATER) == 1
    assert heard(late.insurance_provider) == []
    may_commit.set()
    writer.join()

    assert feed.sequence(at=LATER) == 1
    assert heard(late.insurance_provider) == ["doctor.updated"]


@pytest.mark.django_db(transaction=True)
def test_a_sequencer_that_waited_in_vain_does_nothing() -> None:
    make_event(doctor=make_consent().doctor)
    holds_the_lock, may_commit = threading.Event(), threading.Event()

    def sequence_elsewhere(_: int) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(feed._LOCK)  # noqa: SLF001
            OutboxEvent.objects.update(sequenced_at=NOW)
            holds_the_lock.set()
            may_commit.wait(10)

    (other,) = in_threads(sequence_elsewhere, 1)
    assert holds_the_lock.wait(10)
    threading.Timer(0.2, may_commit.set).start()

    assert feed.sequence(at=LATER) == 0
    assert may_commit.is_set()
    other.join()


@pytest.mark.django_db(transaction=True)
def test_a_sequencer_that_dies_leaves_nothing_half_done(monkeypatch: pytest.MonkeyPatch) -> None:
    consent = make_consent(insurance_provider=make_provider(api_base_url=PUSHED_TO))
    make_endpoint(insurance_provider=consent.insurance_provider)
    make_event(doctor=consent.doctor)

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(feed, "_mark_due", die)
        with pytest.raises(Killed):
            feed.sequence(at=LATER)

    assert not FeedEntry.objects.exists()
    assert not WebhookDelivery.objects.exists()
    assert feed.sequence(at=LATER) == 1
    assert heard(consent.insurance_provider) == ["doctor.updated"]
