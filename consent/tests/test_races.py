from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

from consent import actions
from consent.models import Consent, ConsentEvent, ConsentRequest
from consent.receipts import is_genuine
from consent.tests.factories import give, make_consent, make_request
from registry.models import AuditLog, OutboxEvent
from registry.tests.factories import NOW, make_provider, make_user
from registry.tests.races import at_once, outcomes

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 6
# What may follow what: a history is a walk along these.
AFTER = {
    None: {"given"},
    "given": {"changed", "asked_again", "withdrawn"},
    "changed": {"changed", "asked_again", "withdrawn"},
    "asked_again": {"confirmed", "withdrawn"},
    "confirmed": {"changed", "asked_again", "withdrawn"},
    "withdrawn": {"given"},
}


def assert_history_is_valid(consent: Consent) -> None:
    consent.refresh_from_db()
    events = list(ConsentEvent.objects.filter(consent=consent))
    kinds = [event.kind for event in events]
    assert all(after in AFTER[before] for before, after in zip([None, *kinds], kinds, strict=False))
    assert [event.version for event in events] == list(range(1, len(events) + 1))
    assert [event.at for event in events] == sorted(event.at for event in events)
    hashes = [event.receipt_sha256 for event in events]
    befores = [event.receipt["record"]["previous_receipt_sha256"] for event in events]
    assert befores == [None, *hashes[:-1]]
    assert all(is_genuine(event) for event in events)
    assert consent.version == len(events)
    assert consent.consent_status == events[-1].receipt["event"]["state"]
    assert AuditLog.objects.filter(entity_id=consent.pk).count() == len(events)
    assert OutboxEvent.objects.filter(subject=f"consent/{consent.pk}").count() == len(events)


def test_many_first_gives_make_one_consent() -> None:
    user, provider = make_user(), make_provider()

    answers = at_once(*[partial(give, user, provider)] * THREADS)

    assert sorted(outcomes(answers)) == ["AlreadyGiven"] * (THREADS - 1) + ["done"]
    assert_history_is_valid(Consent.objects.get())


def test_many_withdrawals_are_one() -> None:
    consent = make_consent()
    user = make_user(doctor=consent.doctor)

    answers = at_once(*[lambda: actions.withdraw(consent=consent, by=user, at=NOW)] * THREADS)

    assert sorted(outcomes(answers)) == ["AlreadyWithdrawn"] * (THREADS - 1) + ["done"]
    assert ConsentEvent.objects.get().kind == "withdrawn"


def test_many_workers_write_an_end_down_once() -> None:
    consent = make_consent(expires_at=NOW)

    at_once(*[lambda: actions.expire(consent=consent, at=NOW)] * THREADS)

    assert ConsentEvent.objects.get().kind == "expired"
    assert OutboxEvent.objects.get().type == "consent.revoked"


def test_an_insurer_that_asks_the_same_at_once_asks_once() -> None:
    provider = make_provider()

    def ask() -> object:
        return actions.ask(
            provider=provider,
            registration_number="KMC-1",
            data_classes=["profile"],
            message="",
            at=NOW,
        )

    answers = at_once(*[ask] * THREADS)

    assert outcomes(answers) == ["done"] * THREADS
    assert ConsentRequest.objects.count() == 1
    assert AuditLog.objects.count() == 1


def test_a_yes_and_a_no_at_once_are_one_answer() -> None:
    user = make_user()
    assert user.doctor
    doctor, request = user.doctor, make_request(doctor=user.doctor)

    at_once(
        partial(give, user, request.insurance_provider),
        lambda: actions.decline(request=request, doctor=doctor, by=user, at=NOW),
    )

    request.refresh_from_db()
    has_consent = Consent.objects.exists()
    has_declined = ConsentEvent.objects.filter(kind="declined").exists()
    # Who says no first may still give consent: then it is no answer to the request any more.
    assert (request.answer == "DECLINED") == has_declined
    assert has_consent


@pytest.mark.parametrize("attempt", range(4))
def test_giving_changing_and_withdrawing_at_once_leave_one_valid_history(attempt: int) -> None:
    user, provider = make_user(), make_provider()
    consent = give(user, provider)
    again = partial(give, user, provider)

    def withdraw() -> None:
        actions.withdraw(consent=consent, by=user, at=NOW - timedelta(seconds=attempt))

    def change(*data_classes: str) -> Callable[[], object]:
        return lambda: actions.change(
            consent=consent,
            data_classes=["profile", *data_classes],
            expires_at=None,
            language="en",
            by=user,
            at=NOW + timedelta(seconds=attempt),
        )

    at_once(again, withdraw, change("availability"), again, change("credentials"), withdraw)

    assert_history_is_valid(consent)
