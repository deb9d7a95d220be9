import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from consent import actions
from consent.models import Consent, ConsentEvent, ConsentRequest
from consent.receipts import is_genuine
from consent.tests.factories import give, make_consent, make_request, make_withdrawn_consent
from registry.models import AuditLog, Doctor, InsuranceProvider, OutboxEvent, User
from registry.tests.factories import NOW, make_doctor, make_provider, make_user

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
MONTH = timedelta(days=30)
QUIET_UNTIL = NOW + timedelta(days=120)
# What each row has of its own as SQL writes it: ids, and when it was written to the microsecond.
OWN = re.compile(r"\b[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\b|\d\d:\d\d:\d\d\.\d{6}")
NOBODYS = "KMC-NOBODY"


def ask(provider: InsuranceProvider, number: str | None, at: datetime = NOW) -> ConsentRequest:
    return actions.ask(
        provider=provider,
        registration_number=str(number),
        data_classes=["availability", "profile"],
        message="Please join us.",
        at=at,
    )


def decline(request: ConsentRequest, user: User, at: datetime = NOW) -> ConsentEvent:
    assert user.doctor
    return actions.decline(request=request, doctor=user.doctor, by=user, at=at)


def put_to(doctor: Doctor, at: datetime = NOW) -> list[ConsentRequest]:
    return list(ConsentRequest.objects.put_to(doctor, at=at))


def test_a_request_is_kept_recorded_and_told_to_no_insurer() -> None:
    provider = make_provider()

    request = ask(provider, NOBODYS)

    request.refresh_from_db()
    assert request.data_classes == ["profile", "availability"]
    assert request.message == "Please join us."
    assert (request.asked_at, request.answer_by) == (NOW, NOW + MONTH)
    assert request.ask_again_from == QUIET_UNTIL
    line = AuditLog.objects.get()
    assert (line.action, line.entity_id) == ("consent.requested", request.pk)
    assert line.performed_by_provider == provider
    assert line.metadata == {"data_classes": ["profile", "availability"]}
    assert not OutboxEvent.objects.exists()
    assert not Consent.objects.exists()


def never_asked(_: Doctor, __: InsuranceProvider) -> None:
    pass


def declined(doctor: Doctor, provider: InsuranceProvider) -> None:
    request = make_request(
        doctor=doctor, insurance_provider=provider, asked_at=NOW - timedelta(days=121)
    )
    decline(request, make_user(doctor=doctor), at=request.asked_at + DAY)


def withdrawn(doctor: Doctor, provider: InsuranceProvider) -> None:
    make_withdrawn_consent(doctor=doctor, insurance_provider=provider)


def consents_to_another(doctor: Doctor, _: InsuranceProvider) -> None:
    make_consent(doctor=doctor)


@pytest.mark.parametrize("before", [never_asked, declined, withdrawn, consents_to_another])
@pytest.mark.parametrize("who", [{}, {"status": "SUBMITTED"}, {"is_sandbox": False}])
def test_asking_does_the_same_whoever_has_the_number(
    before: Callable[[Doctor, InsuranceProvider], None], who: dict[str, Any]
) -> None:
    provider, doctor = make_provider(), make_doctor()
    before(doctor, provider)
    Doctor.objects.filter(pk=doctor.pk).update(**who)

    with CaptureQueriesContext(connection) as for_a_doctor:
        known = ask(provider, doctor.registration_number)
    with CaptureQueriesContext(connection) as for_nobody:
        unknown = ask(provider, NOBODYS)

    def statements(captured: CaptureQueriesContext, request: ConsentRequest) -> list[str]:
        texts = [one["sql"] for one in captured.captured_queries]
        return [OWN.sub("?", text.replace(request.registration_number, "?")) for text in texts]

    assert statements(for_a_doctor, known) == statements(for_nobody, unknown)
    assert not any("doctors" in text for text in statements(for_nobody, unknown))
    for field in ("asked_at", "answer_by", "ask_again_from", "data_classes", "message", "answer"):
        assert getattr(known, field) == getattr(unknown, field)


@pytest.mark.parametrize("days", [0, 1, 29, 30, 119])
def test_asked_again_too_soon_the_first_request_stands(days: int) -> None:
    provider = make_provider()
    first = ask(provider, NOBODYS)

    again = actions.ask(
        provider=provider,
        registration_number=NOBODYS,
        data_classes=["profile"],
        message="Again!",
        at=NOW + days * DAY,
    )

    assert again == first
    assert (again.message, again.asked_at) == ("Please join us.", NOW)
    assert AuditLog.objects.count() == 1


@pytest.mark.parametrize("answer", ["declined", "lapsed"])
def test_a_number_is_asked_again_after_ninety_days_of_quiet_whatever_the_answer(
    answer: str,
) -> None:
    provider, user = make_provider(), make_user()
    assert user.doctor
    first = ask(provider, user.doctor.registration_number)
    if answer == "declined":
        decline(first, user)

    again = ask(provider, user.doctor.registration_number, at=QUIET_UNTIL)

    assert again != first
    assert put_to(user.doctor, at=QUIET_UNTIL) == [again]


def test_insurers_do_not_stand_in_each_others_way() -> None:
    doctor = make_doctor()

    first = ask(make_provider(), doctor.registration_number)
    second = ask(make_provider(), doctor.registration_number)

    assert set(put_to(doctor)) == {first, second}


@pytest.mark.parametrize(
    ("most", "period", "limit"),
    [(actions.MOST_A_DAY, DAY, "day"), (actions.MOST_OPEN, MONTH, "open")],
)
def test_an_insurer_asks_no_more_doctors_than_it_may(
    most: int, period: timedelta, limit: str
) -> None:
    provider = make_provider()
    gap = timedelta(0) if limit == "day" else timedelta(minutes=20)
    oldest = NOW - period + timedelta(seconds=1)
    ConsentRequest.objects.bulk_create(
        ConsentRequest(
            insurance_provider=provider,
            registration_number=f"KMC-{number}",
            data_classes=["profile"],
            asked_at=oldest + number * gap,
            answer_by=oldest + number * gap + MONTH,
            ask_again_from=oldest + number * gap + MONTH,
        )
        for number in range(most)
    )

    with pytest.raises(actions.TooManyRequests) as refusal:
        ask(provider, NOBODYS)

    assert refusal.value.again_at == oldest + period
    assert ConsentRequest.objects.count() == most
    assert not AuditLog.objects.exists()
    assert ask(provider, "KMC-0") == ConsentRequest.objects.get(registration_number="KMC-0")
    ask(make_provider(), NOBODYS)
    ask(provider, NOBODYS, at=refusal.value.again_at)
    assert ConsentRequest.objects.filter(registration_number=NOBODYS).count() == 2


def test_answers_do_not_let_an_insurer_ask_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions.requests, "_LIMITS", ((DAY, 1),))
    provider, user = make_provider(), make_user()
    assert user.doctor
    decline(ask(provider, user.doctor.registration_number), user)

    with pytest.raises(actions.TooManyRequests):
        ask(provider, NOBODYS)


def test_only_a_verified_doctor_of_the_same_world_is_asked() -> None:
    doctor = make_doctor()
    waiting = make_request(doctor=doctor)
    make_request(doctor=make_doctor())
    for status in ("LIVE", "SUSPENDED"):
        provider = make_provider(integration_status=status)
        make_request(doctor=doctor, insurance_provider=provider)

    assert put_to(doctor) == [waiting]
    for status in ("DRAFT", "SUBMITTED", "SUSPENDED"):
        doctor.status = status
        assert put_to(doctor) == []


def test_who_is_verified_in_time_finds_what_was_asked_before() -> None:
    request = ask(make_provider(), "KMC-NEW")

    newcomer = make_doctor(registration_number="KMC-NEW")

    assert put_to(newcomer, at=NOW + MONTH - timedelta(microseconds=1)) == [request]
    assert put_to(newcomer, at=NOW + MONTH) == [], "it lapses with no job"


def test_whoever_consents_already_is_asked_nothing() -> None:
    consent = make_consent(expires_at=NOW + DAY)
    request = make_request(doctor=consent.doctor, insurance_provider=consent.insurance_provider)

    assert put_to(consent.doctor) == []
    assert put_to(consent.doctor, at=NOW + DAY) == [request]


def test_a_withdrawal_is_a_no_for_ninety_days() -> None:
    withdrawn = make_withdrawn_consent(revoked_at=NOW, erase_by=NOW + MONTH)
    pair = {
        "registration_number": withdrawn.doctor.registration_number,
        "insurance_provider": withdrawn.insurance_provider,
    }
    asked_at = NOW + timedelta(days=90)

    make_request(**pair, asked_at=asked_at - timedelta(days=125))
    early = make_request(**pair, asked_at=asked_at - timedelta(microseconds=1))
    assert put_to(withdrawn.doctor, at=asked_at) == []
    early.delete()
    in_time = make_request(**pair, asked_at=asked_at)
    assert put_to(withdrawn.doctor, at=asked_at) == [in_time]


def test_declining_is_recorded_signed_and_told_to_nobody() -> None:
    user = make_user()
    request = make_request(doctor=user.doctor)

    event = decline(request, user, at=NOW + DAY)

    request.refresh_from_db()
    assert (request.answer, request.doctor) == ("DECLINED", user.doctor)
    assert (request.answered_at, request.answered_by) == (NOW + DAY, user)
    assert event == ConsentEvent.objects.get()
    assert (event.kind, event.version, event.about) == ("declined", 1, request)
    assert is_genuine(event)
    assert event.receipt["event"]["state"] == "DECLINED"
    assert event.receipt["event"]["validity"] == {"from": None, "until": None}
    assert event.receipt["record"]["record_id"] == str(request.pk)
    line = AuditLog.objects.get()
    assert (line.action, line.entity_id) == ("consent.declined", request.pk)
    assert line.metadata["receipt"] == str(event.pk)
    assert not OutboxEvent.objects.exists()
    assert not Consent.objects.exists()


def test_a_no_leaves_an_ended_consent_as_it_was() -> None:
    user = make_user()
    ended = make_consent(doctor=user.doctor, expires_at=NOW - DAY, granted_at=NOW - MONTH)
    before = Consent.objects.values().get()

    decline(make_request(doctor=user.doctor, insurance_provider=ended.insurance_provider), user)

    assert Consent.objects.values().get() == before


def test_only_what_is_asked_of_oneself_and_still_open_can_be_declined() -> None:
    user = make_user()
    lapsed = make_request(doctor=user.doctor, asked_at=NOW - MONTH)
    anothers = make_request()
    answered = make_request(doctor=user.doctor)
    decline(answered, user)
    audited = AuditLog.objects.count()

    for request in (lapsed, anothers, answered):
        with pytest.raises(actions.NotAsked):
            decline(request, user)

    assert ConsentEvent.objects.count() == 1
    assert AuditLog.objects.count() == audited
    assert ConsentRequest.objects.filter(answer="").count() == 2


def test_giving_consent_is_the_yes() -> None:
    user = make_user()
    request = make_request(doctor=user.doctor)
    of_another = make_request(doctor=user.doctor)

    consent = give(user, request.insurance_provider)

    request.refresh_from_db()
    of_another.refresh_from_db()
    assert (request.answer, request.doctor) == ("ACCEPTED", user.doctor)
    assert (request.answered_at, request.answered_by) == (NOW, user)
    assert of_another.answer == ""
    assert consent.data_classes == ["profile"], "chosen, not as asked"
    line = AuditLog.objects.get(action="consent.given")
    assert line.metadata["request_id"] == str(request.pk)


def test_giving_by_oneself_answers_nothing() -> None:
    user = make_user()
    lapsed = make_request(doctor=user.doctor, asked_at=NOW - MONTH)

    give(user, lapsed.insurance_provider)

    lapsed.refresh_from_db()
    assert lapsed.answer == ""
    assert "request_id" not in AuditLog.objects.get().metadata


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"registration_number": "kmc-1"}, "consent_request_number_is_canonical"),
        ({"registration_number": "12345"}, "consent_request_number_is_canonical"),
        ({"data_classes": ["profile", "bank_account"]}, "consent_request_classes_known"),
        ({"data_classes": ["availability"]}, "consent_request_asks_who"),
        ({"answer_by": NOW}, "consent_request_times_in_order"),
        ({"ask_again_from": NOW + DAY}, "consent_request_times_in_order"),
        ({"answer": "MAYBE"}, "consent_request_answer"),
        ({"answer": "DECLINED"}, "consent_request_answered_at"),
        ({"answered_at": NOW}, "consent_request_answered"),
    ],
)
def test_the_database_refuses_what_no_request_can_say(wrong: dict[str, Any], name: str) -> None:
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        make_request(**wrong)


def test_the_database_refuses_a_second_request_before_its_time() -> None:
    first = make_request()
    pair = {
        "registration_number": first.registration_number,
        "insurance_provider": first.insurance_provider,
    }

    with pytest.raises(IntegrityError, match="consent_request_one_at_a_time"), transaction.atomic():
        make_request(**pair, asked_at=first.ask_again_from - timedelta(microseconds=1))
    make_request(**pair, asked_at=first.ask_again_from)


@pytest.mark.parametrize(
    ("kind", "about", "name"),
    [
        ("declined", "consent", "consent_event_(declines_a_request|changes_a_consent)"),
        ("given", "request", "consent_event_(declines_a_request|changes_a_consent)"),
    ],
)
def test_the_database_ties_a_no_to_its_request(kind: str, about: str, name: str) -> None:
    row = make_request() if about == "request" else make_consent()

    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        ConsentEvent.objects.create(
            **{about: row},
            kind=kind,
            version=1,
            at=NOW,
            receipt={},
            receipt_sha256="0" * 64,
            signature="x",
        )
