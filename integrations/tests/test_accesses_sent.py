"""What DocPort sends by itself stands in the access ledger too."""

import pytest

from consent.models import DataClass
from consent.tests.factories import make_consent, make_withdrawn_consent
from integrations.actions import accesses
from integrations.models import Access, ProviderDoctorSync, WebhookEndpoint
from integrations.tests.factories import make_delivery, make_sync
from integrations.tests.partner import Partner, Reply
from integrations.tests.workers import Clock, push_due, send_due
from registry.models import InsuranceProvider

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_loopback")]


def written() -> list[Access]:
    accesses.write_counted()
    return list(Access.objects.all())


def test_a_push_counts_with_what_the_doctor_shares(
    partner: Partner, provider: InsuranceProvider, clock: Clock
) -> None:
    shared = [DataClass.PROFILE, DataClass.APPOINTMENTS]
    consent = make_consent(insurance_provider=provider, data_classes=shared)
    make_sync(insurance_provider=provider, doctor=consent.doctor)

    push_due(clock)

    (access,) = written()
    assert (access.consent, access.call) == (consent, Access.Call.PUSH)
    assert (access.reader_kind, access.reader_id) == (Access.Reader.PUSH, provider.pk)
    assert access.data_classes == [DataClass.PROFILE]


def test_a_push_that_the_insurer_refused_was_sent_all_the_same(
    partner: Partner, provider: InsuranceProvider, clock: Clock
) -> None:
    make_sync(insurance_provider=provider)
    partner.answer = lambda _: Reply(422)

    push_due(clock)

    assert len(written()) == 1


def test_what_was_not_sent_or_asks_to_erase_is_no_access(
    partner: Partner, provider: InsuranceProvider, clock: Clock
) -> None:
    make_sync(insurance_provider=provider)
    push_due(clock)
    written()
    ProviderDoctorSync.objects.update(wanted=2, sync_status=ProviderDoctorSync.Status.PENDING)
    withdrawn = make_withdrawn_consent(insurance_provider=provider)
    make_sync(insurance_provider=provider, doctor=withdrawn.doctor)

    push_due(clock)

    (access,) = written()
    assert access.times_shown == 1


@pytest.mark.parametrize("status", [200, 500])
def test_a_webhook_counts_whatever_it_answers(
    partner: Partner, endpoint: WebhookEndpoint, clock: Clock, status: int
) -> None:
    delivery = make_delivery(endpoint=endpoint)
    partner.answer = lambda _: Reply(status)

    send_due(clock)

    assert delivery.feed_entry is not None
    (access,) = written()
    assert access.doctor_id == delivery.feed_entry.event.doctor_id
    assert (access.call, access.reader_id) == (Access.Call.WEBHOOK, endpoint.pk)
    assert access.data_classes == []
