import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from itertools import product

import pytest
from django.db import OperationalError, connection, transaction

from consent.tests.factories import make_consent
from integrations.actions import feed
from integrations.models import FeedEntry, FeedHead, WebhookDelivery
from integrations.tests.factories import make_endpoint, make_event
from integrations.tests.feeds import heard
from registry import ledger
from registry.models import Doctor, InsuranceProvider, OutboxEvent
from registry.tests.factories import NOW, make_doctor, make_provider
from scheduling.tests.races import a_connection_for_everybody

pytestmark = pytest.mark.django_db(transaction=True)

LATER = NOW + timedelta(hours=1)
PUSHED_TO = "https://insurer.example/api"


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

    with a_connection_for_everybody():
        sequencing = in_threads(sequence, sequencers)
        join(in_threads(write, 16))
        writing_is_over.set()
        join(sequencing)

    assert OutboxEvent.objects.count() > 16
    for provider in providers:
        assert_feed_is_whole(provider)


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


def test_a_sequencer_that_waited_in_vain_does_nothing() -> None:
    make_event(doctor=make_consent().doctor)
    holds_the_lock, may_commit = threading.Event(), threading.Event()

    def sequence_elsewhere(_: int) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(feed._LOCK)  # noqa: SLF001  Only a sequencer takes it, and this plays one.
            OutboxEvent.objects.update(sequenced_at=NOW)
            holds_the_lock.set()
            may_commit.wait(10)

    (other,) = in_threads(sequence_elsewhere, 1)
    assert holds_the_lock.wait(10)
    threading.Timer(0.2, may_commit.set).start()

    assert feed.sequence(at=LATER) == 0
    assert may_commit.is_set()
    other.join()


def test_a_sequencer_that_dies_leaves_nothing_half_done(monkeypatch: pytest.MonkeyPatch) -> None:
    consent = make_consent(insurance_provider=make_provider(api_base_url=PUSHED_TO))
    make_endpoint(insurance_provider=consent.insurance_provider)
    make_event(doctor=consent.doctor)

    with monkeypatch.context() as patch:
        patch.setattr(feed, "_REOPEN", "SELECT pg_terminate_backend(pg_backend_pid())")
        with pytest.raises(OperationalError):
            feed.sequence(at=LATER)
    connection.close()

    assert not FeedEntry.objects.exists()
    assert not WebhookDelivery.objects.exists()
    assert feed.sequence(at=LATER) == 1
    assert heard(consent.insurance_provider) == ["doctor.updated"]
