"""Asking for consent: nobody learns from it whether a doctor is here."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from consent import actions
from consent.models import Consent, ConsentRequest
from consent.tests.factories import make_consent, make_request, make_withdrawn_consent
from integrations.models import IdempotencyRecord
from integrations.tests.insurers import Caller, make_caller
from registry.models import AuditLog, Doctor, OutboxEvent
from registry.tests.factories import NOW, make_doctor, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]

DAY = timedelta(days=1)
NOBODYS = "KMC-999999"
WANTED = {"data_classes": ["profile", "availability"], "message": "Please join us."}


def ask(caller: Caller, number: str | None, key: str | None = None, **given: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return caller.post("/consents", {"registration_number": number} | WANTED | given, **headers)


def set_clock(monkeypatch: pytest.MonkeyPatch, at: datetime) -> None:
    monkeypatch.setattr("integrations.api.views.base.now", lambda: at)


def told(response: Any) -> dict[str, Any]:
    """Give all that an insurer can tell one answer from another by, but for the number."""
    changing = {"X-Request-ID", "Content-Length", "RateLimit"}
    headers = {name: value for name, value in response.headers.items() if name not in changing}
    body = response.json()
    hidden = {"registration_number", "instance", "request_id"}
    return {
        "status": response.status_code,
        "headers": headers,
        "body": {name: value for name, value in body.items() if name not in hidden},
        "length": len(response.content) - len(str(body.get("registration_number", ""))),
    }


def test_a_request_is_kept_for_whoever_has_the_number() -> None:
    caller = make_caller()

    response = ask(caller, NOBODYS)

    assert response.status_code == 202
    assert response.json() == {
        "registration_number": NOBODYS,
        "data_classes": ["availability", "profile"],
        "message": "Please join us.",
        "asked_at": "2026-11-23T03:30:00Z",
        "answer_by": "2026-12-23T03:30:00Z",
        "ask_again_from": "2027-03-23T03:30:00Z",
    }
    assert ConsentRequest.objects.get().insurance_provider == caller.provider
    assert AuditLog.objects.get().performed_by_provider == caller.provider
    assert not OutboxEvent.objects.exists()


def unverified(_: Caller) -> Doctor:
    return make_doctor(status="SUBMITTED")


def suspended(_: Caller) -> Doctor:
    return make_doctor(status="SUSPENDED")


def of_the_other_world(_: Caller) -> Doctor:
    return make_doctor(is_sandbox=False)


def free(_: Caller) -> Doctor:
    return make_doctor()


def with_another_insurer(_: Caller) -> Doctor:
    return make_consent().doctor


def asked_by_another(_: Caller) -> Doctor:
    doctor = make_doctor()
    make_request(doctor=doctor)
    return doctor


def withdrawn(caller: Caller) -> Doctor:
    return make_withdrawn_consent(insurance_provider=caller.provider).doctor


def ended(caller: Caller) -> Doctor:
    return make_consent(insurance_provider=caller.provider, expires_at=NOW).doctor


def declined_before(caller: Caller) -> Doctor:
    user = make_user()
    assert user.doctor
    long_ago = NOW - 121 * DAY
    request = make_request(
        doctor=user.doctor, insurance_provider=caller.provider, asked_at=long_ago
    )
    actions.decline(request=request, doctor=user.doctor, by=user, at=long_ago + DAY)
    return user.doctor


def sharing_no_profile(caller: Caller) -> Doctor:
    return make_consent(insurance_provider=caller.provider, data_classes=["availability"]).doctor


WHO: list[Callable[[Caller], Doctor]] = [
    unverified, suspended, of_the_other_world, free, with_another_insurer, asked_by_another,
    withdrawn, ended, declined_before, sharing_no_profile,
]  # fmt: skip


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("key", [None, "key-1"])
def test_the_answer_is_the_same_whoever_has_the_number(
    who: Callable[[Caller], Doctor], key: str | None
) -> None:
    caller = make_caller()
    doctor = who(caller)
    caller.get("/me")

    with CaptureQueriesContext(connection) as for_a_doctor:
        known = ask(caller, doctor.registration_number, key=key)
    with CaptureQueriesContext(connection) as for_nobody:
        unknown = ask(caller, NOBODYS, key=key and "key-2")

    assert told(known) == told(unknown)
    assert known.status_code == 202
    assert len(for_a_doctor) == len(for_nobody)


@pytest.mark.parametrize("days", [1, 31, 119])
@pytest.mark.parametrize("answer", ["declined", "open", "nobody"])
def test_asked_again_the_first_request_is_given_whatever_the_answer(
    monkeypatch: pytest.MonkeyPatch, days: int, answer: str
) -> None:
    caller, user = make_caller(), make_user()
    assert user.doctor
    number = NOBODYS if answer == "nobody" else user.doctor.registration_number
    first = ask(caller, number)
    if answer == "declined":
        request = ConsentRequest.objects.get()
        actions.decline(request=request, doctor=user.doctor, by=user, at=NOW)

    set_clock(monkeypatch, NOW + days * DAY)
    again = ask(caller, number, data_classes=["profile"], message="Again!")

    assert again.json() == first.json()
    assert told(again) == told(first)
    set_clock(monkeypatch, NOW + 120 * DAY)
    assert ask(caller, number).json()["asked_at"] == "2027-03-23T03:30:00Z"


@pytest.mark.parametrize("key", [None, "key-1"])
def test_who_shares_already_need_not_be_asked(key: str | None) -> None:
    caller = make_caller()
    consent = make_consent(insurance_provider=caller.provider)

    refused = ask(caller, consent.doctor.registration_number, key=key)

    assert (refused.status_code, refused.json()["code"]) == (409, "already_consented")
    assert not ConsentRequest.objects.exists()
    assert not IdempotencyRecord.objects.exists()


def test_a_second_try_with_the_key_is_given_the_first_answer() -> None:
    caller = make_caller()

    first = ask(caller, NOBODYS, key="key-1")
    again = ask(caller, NOBODYS, key="key-1")
    other = ask(caller, "KMC-1", key="key-1")

    assert again.json() == first.json()
    assert again["Idempotency-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert ConsentRequest.objects.count() == 1


def test_a_replay_of_one_who_shares_by_now_says_so() -> None:
    caller, user = make_caller(), make_user()
    assert user.doctor
    ask(caller, user.doctor.registration_number, key="key-1")
    make_consent(insurance_provider=caller.provider, doctor=user.doctor)

    replay = ask(caller, user.doctor.registration_number, key="key-1")

    assert replay.json()["code"] == "already_consented"


@pytest.mark.parametrize("key", [None, "key-1"])
def test_too_many_requests_are_refused_with_when_to_come_back(
    monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    monkeypatch.setattr(actions.requests, "_LIMITS", ((DAY, 1),))
    caller = make_caller()
    make_request(insurance_provider=caller.provider, asked_at=NOW - timedelta(hours=23))

    for number in (make_doctor().registration_number, NOBODYS):
        refused = ask(caller, number, key=key)
        assert (refused.status_code, refused.json()["code"]) == (
            429,
            "too_many_consent_requests",
        )
        assert refused["Retry-After"] == "3600"

    assert ConsentRequest.objects.count() == 1
    assert not IdempotencyRecord.objects.exists()
    set_clock(monkeypatch, NOW + timedelta(hours=1))
    assert ask(caller, NOBODYS, key=key).status_code == 202


@pytest.mark.parametrize(
    ("wrong", "pointer", "code"),
    [
        ({"registration_number": "kmc-1"}, "/registration_number", "unlike"),
        ({"registration_number": "XYZ-1"}, "/registration_number", "unlike"),
        ({"registration_number": "KMC-"}, "/registration_number", "unlike"),
        ({"registration_number": "KMC-1 2"}, "/registration_number", "unlike"),
        ({"registration_number": "KMC-" + "1" * 40}, "/registration_number", "max_length"),
        ({"registration_number": 1}, "/registration_number", "invalid"),
        ({"data_classes": []}, "/data_classes", "no_profile"),
        ({"data_classes": ["availability"]}, "/data_classes", "no_profile"),
        ({"data_classes": ["profile", "profile"]}, "/data_classes", "repeated"),
        ({"data_classes": ["profile", "bank"]}, "/data_classes/1", "invalid_choice"),
        ({"data_classes": "profile"}, "/data_classes", "not_a_list"),
        ({"message": "x" * 501}, "/message", "max_length"),
        ({"email": "asha@example.org"}, "/email", "unknown"),
    ],
)
def test_a_wrong_request_is_pointed_out(wrong: dict[str, Any], pointer: str, code: str) -> None:
    refused = ask(make_caller(), NOBODYS, **wrong)

    assert refused.status_code == 400
    (error,) = refused.json()["errors"]
    assert (error["pointer"], error["code"]) == (pointer, code)
    assert not ConsentRequest.objects.exists()


def test_a_number_is_kept_in_its_one_spelling() -> None:
    caller = make_caller()

    response = ask(caller, "KMC-KMC-77", message=None)

    assert response.json()["registration_number"] == "KMC-77"
    assert response.json()["message"] is None
    assert ConsentRequest.objects.get().message == ""


def test_from_request_to_consent() -> None:
    caller, user = make_caller(), make_user()
    assert user.doctor
    ask(caller, user.doctor.registration_number)
    assert caller.get("/consents").json()["items"] == []

    actions.give(
        doctor=user.doctor,
        provider=caller.provider,
        data_classes=["profile"],
        expires_at=None,
        language="en",
        by=user,
        at=NOW,
    )

    (consent,) = caller.get("/consents").json()["items"]
    assert (consent["id"], consent["version"]) == (str(Consent.objects.get().pk), 1)
    assert consent["data_classes"] == ["profile"]
