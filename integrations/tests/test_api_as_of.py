"""What a doctor's record said at an earlier instant, within the consent's own period."""

from datetime import date, timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from consent import actions as consents
from consent.models import Consent
from integrations.actions import accesses
from integrations.models import Access
from integrations.tests.insurers import UNKNOWN_ID, Caller, essence, make_caller
from registry.actions import versions
from registry.models import Doctor, User
from registry.tests.factories import (
    NOW,
    make_location,
    make_provider,
    make_user,
    make_verified_credential,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]

MINUTE = timedelta(minutes=1)
GIVEN = NOW - timedelta(days=10)
EARLIER = GIVEN + timedelta(days=1)
LATER = GIVEN + timedelta(days=5)
ALL = ["profile", "credentials", "availability", "appointments"]


@pytest.fixture
def caller() -> Caller:
    return make_caller()


@pytest.fixture
def user() -> User:
    return make_user()


@pytest.fixture
def doctor(user: User) -> Doctor:
    assert user.doctor
    keep(user.doctor, at=GIVEN - MINUTE)
    return user.doctor


@pytest.fixture
def consent(caller: Caller, doctor: Doctor, user: User) -> Consent:
    return give(caller, user)


def give(caller: Caller, user: User, *, classes: list[str] = ALL, at: Any = GIVEN) -> Consent:
    assert user.doctor
    return consents.give(
        doctor=user.doctor, provider=caller.provider, data_classes=classes, expires_at=None,
        language="en", by=user, at=at,
    )  # fmt: skip


def keep(doctor: Doctor, *, at: Any, **changed: Any) -> None:
    """Change the record, as an action would, and keep how it stands then."""
    doctor.refresh_from_db()
    for name, value in changed.items():
        setattr(doctor, name, value)
    versions.stamp(doctor, by=None, at=at, fields=changed)


def ask(caller: Caller, doctor: Doctor, as_of: Any, **headers: str) -> Any:
    return caller.get(f"/doctors/{doctor.pk}", {"as_of": as_of.isoformat()}, **headers)


def test_the_record_is_shown_as_it_stood(caller: Caller, doctor: Doctor, consent: Consent) -> None:
    place = make_location(doctor, name="Old clinic", latitude="12.900000", longitude="77.5")
    degree = make_verified_credential(doctor, degree="MBBS")
    keep(doctor, at=EARLIER)
    before = caller.get(f"/doctors/{doctor.pk}").json()
    place.name = "New clinic"
    place.save()
    make_verified_credential(doctor, degree="MD")
    keep(doctor, at=LATER, full_name="Dr Another Name", fee="999.00")

    then, now = ask(caller, doctor, LATER - MINUTE), caller.get(f"/doctors/{doctor.pk}")

    shown = then.json()
    assert shown == before | {"updated_at": shown["updated_at"]}
    assert shown["locations"][0]["name"] == "Old clinic"
    assert [one["id"] for one in shown["credentials"]] == [str(degree.pk)]
    assert now.json()["full_name"] == "Dr Another Name"
    assert ask(caller, doctor, LATER).json()["full_name"] == "Dr Another Name"
    assert ask(caller, doctor, LATER).json()["version"] == shown["version"] + 1


def test_only_what_was_shared_then_and_is_shared_now_is_shown(
    caller: Caller, doctor: Doctor, user: User
) -> None:
    make_verified_credential(doctor)
    keep(doctor, at=GIVEN - MINUTE)
    consent = give(caller, user, classes=["profile"])
    for classes, at in [(["profile", "credentials"], EARLIER), (["profile"], LATER)]:
        consents.change(
            consent=consent, data_classes=classes, expires_at=None, language="en", by=user, at=at
        )

    for at in (EARLIER - MINUTE, EARLIER + MINUTE, LATER + MINUTE):
        shown = ask(caller, doctor, at).json()
        assert "credentials" not in shown
        assert shown["data_classes"] == ["profile"]


def test_a_class_that_came_later_does_not_open_the_past(
    caller: Caller, doctor: Doctor, user: User
) -> None:
    make_verified_credential(doctor)
    keep(doctor, at=GIVEN - MINUTE)
    consent = give(caller, user, classes=["profile"])
    consents.change(
        consent=consent, data_classes=["profile", "credentials"], expires_at=None, language="en",
        by=user, at=LATER,
    )  # fmt: skip

    assert "credentials" not in ask(caller, doctor, EARLIER).json()
    assert "credentials" in ask(caller, doctor, LATER).json()


@pytest.mark.parametrize("at", [GIVEN - MINUTE, NOW + timedelta(days=30)])
def test_an_instant_outside_of_the_consent_is_refused(
    caller: Caller, doctor: Doctor, consent: Consent, at: Any
) -> None:
    response = ask(caller, doctor, at)

    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert (error["parameter"], error["code"]) == ("as_of", "outside_consent")


def test_consent_given_again_does_not_open_what_was_before(
    caller: Caller, doctor: Doctor, user: User, consent: Consent
) -> None:
    consents.withdraw(consent=consent, by=user, at=EARLIER)
    assert ask(caller, doctor, GIVEN).status_code == 404

    give(caller, user, at=LATER)

    assert ask(caller, doctor, GIVEN).status_code == 400
    assert ask(caller, doctor, LATER).status_code == 200


def test_a_time_when_nobody_saw_the_doctor_is_the_one_404(
    caller: Caller, doctor: Doctor, consent: Consent
) -> None:
    keep(doctor, at=EARLIER, status=Doctor.Status.SUSPENDED)
    keep(doctor, at=LATER, status=Doctor.Status.ACTIVE)
    unknown = caller.get(f"/doctors/{UNKNOWN_ID}", {"as_of": EARLIER.isoformat()})

    assert essence(ask(caller, doctor, EARLIER)) == essence(unknown)
    assert ask(caller, doctor, LATER).status_code == 200


def test_credentials_are_those_that_held_on_that_day(
    caller: Caller, doctor: Doctor, consent: Consent
) -> None:
    make_verified_credential(doctor, valid_until=EARLIER.date())
    make_verified_credential(doctor, valid_until=date(2099, 1, 1))
    keep(doctor, at=GIVEN)

    assert len(ask(caller, doctor, EARLIER).json()["credentials"]) == 2
    assert len(ask(caller, doctor, LATER).json()["credentials"]) == 1


def test_another_insurer_and_a_bad_time_learn_nothing(
    caller: Caller, doctor: Doctor, consent: Consent
) -> None:
    other = make_caller(insurance_provider=make_provider())

    assert ask(other, doctor, EARLIER).status_code == 404
    assert caller.get(f"/doctors/{doctor.pk}", {"as_of": "yesterday"}).status_code == 400
    assert caller.get(f"/doctors/{doctor.pk}/credentials?as_of=2026-11-20").status_code == 400


def test_it_has_an_etag_counts_as_an_access_and_costs_three_queries_more(
    caller: Caller, doctor: Doctor, consent: Consent,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:  # fmt: skip
    etag = ask(caller, doctor, EARLIER)["ETag"]

    # The key, the doctor, the consent, the revision and the step of the consent.
    with django_assert_num_queries(5):
        again = ask(caller, doctor, EARLIER, **{"If-None-Match": etag})

    assert again.status_code == 304
    accesses.write_counted()
    access = Access.objects.get()
    assert (access.call, access.times_shown, access.times_unchanged) == (Access.Call.AS_OF, 1, 1)
    assert access.data_classes == ["profile", "credentials"]
