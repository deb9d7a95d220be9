from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.forms import model_to_dict
from pytest_django import DjangoAssertNumQueries
from rest_framework.exceptions import NotFound

from consent.models import Consent, DataClass
from consent.tests.factories import make_consent, make_request, make_withdrawn_consent
from integrations.api.permissions import Seen, doctor_seen, doctors_sharing
from integrations.tests.doctors import share
from integrations.tests.insurers import UNKNOWN_ID, essence, make_caller
from registry.models import Doctor, InsuranceProvider
from registry.tests.factories import (
    NOW,
    make_credential,
    make_doctor,
    make_location,
    make_provider,
    make_verified_credential,
)
from scheduling.tests.factories import make_exception, make_window

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]

PROFILE_KEYS = {
    "full_name", "registration_council", "registration_number", "hpr_id", "specialization",
    "languages", "years_of_experience", "fee", "email", "phone", "timezone", "locations",
}  # fmt: skip
HEADER_KEYS = {"id", "version", "updated_at", "consent_id", "data_classes"}


def ids(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [item["id"] for item in response.json()["items"]]


def test_a_doctor_who_opted_in_is_shown_whole() -> None:
    caller = make_caller()
    doctor = share(caller)
    place = make_location(doctor)
    make_location(doctor, is_active=False)
    degree = make_verified_credential(doctor)
    make_credential(doctor, degree="MD")

    response = caller.get(f"/doctors/{doctor.pk}")

    shown = response.json()
    assert set(shown) == HEADER_KEYS | PROFILE_KEYS | {"credentials"}
    assert shown["full_name"] == doctor.full_name
    assert shown["fee"] == {"amount": "600.00", "currency": "INR"}
    assert [one["id"] for one in shown["locations"]] == [str(place.pk)]
    assert [one["id"] for one in shown["credentials"]] == [str(degree.pk)]
    assert response["Cache-Control"] == "no-store"
    assert "Authorization" in response["Vary"]
    assert response["X-Request-ID"]


@pytest.mark.parametrize(
    ("classes", "keys"),
    [
        (["profile"], HEADER_KEYS | PROFILE_KEYS),
        (["credentials"], HEADER_KEYS | {"credentials"}),
        (["availability", "appointments"], HEADER_KEYS),
    ],
)
def test_what_was_not_granted_has_no_key(classes: list[str], keys: set[str]) -> None:
    caller = make_caller()
    doctor = share(caller, data_classes=classes)
    make_verified_credential(doctor)

    assert set(caller.get(f"/doctors/{doctor.pk}").json()) == keys
    assert set(caller.get("/doctors").json()["items"][0]) == keys


@pytest.mark.parametrize("path", ["", "/credentials", "/availability", "/slots"])
def test_a_doctor_who_may_not_be_seen_is_one_that_does_not_exist(path: str) -> None:
    caller = make_caller()
    other = make_caller()
    asked = make_doctor()
    make_request(doctor=asked, insurance_provider=caller.provider)
    unseen = {
        "unknown": UNKNOWN_ID,
        "no uuid": "robert'); drop table doctors",
        "nearly": UNKNOWN_ID[:-1],
        "never consented": make_doctor().pk,
        "another insurer's": share(other).pk,
        "withdrawn": make_withdrawn_consent(insurance_provider=caller.provider).doctor_id,
        "asked only": asked.pk,
        "ended": share(caller, expires_at=NOW).pk,
        "not yet": share(caller, granted_at=NOW + timedelta(minutes=1)).pk,
        "suspended": share(caller, make_doctor(status=Doctor.Status.SUSPENDED)).pk,
        "not synthetic": share(caller, make_doctor(is_sandbox=False)).pk,
    }
    expected = essence(caller.get(f"/doctors/{UNKNOWN_ID}{path}"))
    assert expected["body"]["code"] == "not_found"

    for why, doctor_id in unseen.items():
        assert essence(caller.get(f"/doctors/{doctor_id}{path}")) == expected, why
    assert ids(caller.get("/doctors")) == []


@pytest.mark.parametrize(
    ("path", "data_class"),
    [("credentials", "credentials"), ("availability", "availability"), ("slots", "availability")],
)
def test_a_data_class_that_is_not_shared_is_not_found(path: str, data_class: str) -> None:
    caller = make_caller()
    others = [one for one in DataClass.values if one != data_class]
    doctor = share(caller, data_classes=others)

    response = caller.get(f"/doctors/{doctor.pk}/{path}")

    assert essence(response) == essence(caller.get(f"/doctors/{UNKNOWN_ID}/{path}"))


@pytest.mark.parametrize("path", ["", "/credentials", "/availability"])
def test_consent_that_goes_while_one_reads_is_a_404(
    monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    caller = make_caller()
    doctor = make_doctor()
    seen = Seen(doctor, 1, tuple(DataClass.values))
    monkeypatch.setattr("integrations.api.permissions.doctor_seen", lambda *_, **__: seen)

    assert caller.get(f"/doctors/{doctor.pk}{path}").status_code == 404


@pytest.mark.parametrize("data_class", [None, DataClass.AVAILABILITY])
@pytest.mark.parametrize("provider_status", InsuranceProvider.Status)
def test_the_look_at_one_doctor_is_the_one_at_all(
    provider_status: str, data_class: DataClass | None
) -> None:
    provider = make_provider(integration_status=provider_status)
    consents: list[dict[str, Any]] = [
        {},
        {"consent_status": "EXPIRED", "expires_at": NOW},
        {"consent_status": "REVOKED", "revoked_at": NOW},
        {"granted_at": NOW + timedelta(seconds=1)},
        {"granted_at": NOW},
        {"expires_at": NOW},
        {"expires_at": NOW + timedelta(seconds=1)},
        {"data_classes": ["profile"]},
        {"insurance_provider": make_provider(integration_status=provider_status)},
    ]
    doctors = [
        make_consent(
            **{"insurance_provider": provider, "doctor": make_doctor(**who)} | consent
        ).doctor
        for consent in consents
        for who in ({}, {"is_sandbox": False}, {"status": Doctor.Status.SUSPENDED})
    ]

    seen = []
    for doctor in doctors:
        with suppress(NotFound):
            one = doctor_seen(provider, doctor.pk, at=NOW, data_class=data_class)
            assert model_to_dict(one.doctor) == model_to_dict(Doctor.objects.get(pk=doctor.pk))
            seen.append(one.doctor)

    assert set(seen) == set(doctors_sharing(provider, data_class, at=NOW))
    assert bool(seen) == (provider_status != InsuranceProvider.Status.SUSPENDED)


def test_a_live_insurer_sees_no_synthetic_doctor() -> None:
    live = make_provider(integration_status=InsuranceProvider.Status.LIVE)
    caller = make_caller(insurance_provider=live)
    synthetic = share(caller)
    real = share(caller, make_doctor(is_sandbox=False))

    assert ids(caller.get("/doctors")) == [str(real.pk)]
    assert caller.get(f"/doctors/{synthetic.pk}").status_code == 404


def test_an_unchanged_doctor_is_not_sent_again() -> None:
    caller = make_caller()
    doctor = share(caller)
    first = caller.get(f"/doctors/{doctor.pk}")

    for offered in (first["ETag"], f'"other", {first["ETag"]}', f"W/{first['ETag']}", "*"):
        again = caller.get(f"/doctors/{doctor.pk}", None, **{"If-None-Match": offered})
        assert again.status_code == 304
        assert again.content == b""
        assert again["ETag"] == first["ETag"]
    assert not first["ETag"].startswith("W/")


def test_the_etag_changes_with_the_doctor_and_with_the_consent() -> None:
    caller = make_caller()
    doctor = share(caller)
    paths = [f"/doctors/{doctor.pk}{path}" for path in ("", "/credentials", "/availability")]
    first = [caller.get(path)["ETag"] for path in paths]

    Doctor.objects.filter(pk=doctor.pk).update(version=2)
    second = [caller.get(path)["ETag"] for path in paths]
    Consent.objects.filter(doctor=doctor).update(version=2)
    third = [caller.get(path)["ETag"] for path in paths]

    assert all(len(set(one)) == 3 for one in zip(first, second, third, strict=True))
    stale = caller.get(paths[0], **{"If-None-Match": first[0]})
    assert stale.status_code == 200


def test_credentials_are_the_verified_ones() -> None:
    caller = make_caller()
    doctor = share(caller)
    degree = make_verified_credential(doctor, valid_until=date(2030, 1, 1))
    make_credential(doctor)

    shown = caller.get(f"/doctors/{doctor.pk}/credentials").json()

    assert [one["id"] for one in shown["items"]] == [str(degree.pk)]
    assert shown["items"][0]["valid_until"] == "2030-01-01"
    assert "certificate" not in str(shown)


def test_a_credential_that_has_run_out_is_shown_nowhere() -> None:
    caller = make_caller()
    doctor = share(caller)
    make_verified_credential(doctor, valid_until=date(2020, 1, 1))

    assert caller.get(f"/doctors/{doctor.pk}/credentials").json()["items"] == []
    assert caller.get(f"/doctors/{doctor.pk}").json()["credentials"] == []


def test_availability_has_hours_and_exceptions_without_reasons() -> None:
    caller = make_caller()
    doctor = share(caller)
    window = make_window(doctor)
    make_window(doctor, day_of_week=2, is_active=False)
    make_window(doctor, day_of_week=3, valid_to=date(2026, 11, 23))
    leave = make_exception(doctor, reason="Wedding")
    make_exception(
        doctor,
        starts_at=datetime(2026, 11, 20, tzinfo=UTC),
        ends_at=datetime(2026, 11, 21, tzinfo=UTC),
    )
    extra = make_exception(doctor, kind="EXTRA", starts_at=NOW, ends_at=NOW + timedelta(hours=1))

    shown = caller.get(f"/doctors/{doctor.pk}/availability").json()

    assert [one["id"] for one in shown["windows"]] == [str(window.pk)]
    assert shown["windows"][0]["day_of_week"] == "TUESDAY"
    assert shown["windows"][0]["start_time"] == "09:00"
    assert shown["windows"][0]["timezone"] == "Asia/Kolkata"
    assert [one["id"] for one in shown["exceptions"]] == [str(extra.pk), str(leave.pk)]
    assert shown["exceptions"][1]["start"] == "2026-11-24T03:30:00Z"
    assert "Wedding" not in str(shown)


def test_filters_find_what_is_shared() -> None:
    caller = make_caller()
    wanted = share(
        caller,
        make_doctor(full_name="Meera Nair", specialization="cardiology", languages=["ml"]),
    )
    make_location(wanted, city="Kochi", state="KL", pin="682001")
    share(caller)

    for query in (
        {"specialization": "cardiology"},
        {"city": "kOCHI"},
        {"state": "KL"},
        {"city": "Kochi", "state": "KL"},
        {"language": "ml"},
        {"q": "ra na"},
        {"q": str(wanted.registration_number).lower()},
    ):
        assert ids(caller.get("/doctors", query)) == [str(wanted.pk)], query
    assert ids(caller.get("/doctors", {"city": "Kochi", "state": "KA"})) == []
    assert ids(caller.get("/doctors", {"q": "100% _"})) == []


def test_no_filter_finds_a_profile_that_is_not_shared() -> None:
    caller = make_caller()
    doctor = make_doctor(full_name="Meera Nair")
    share(caller, doctor, data_classes=["availability"])
    make_location(doctor)

    assert ids(caller.get("/doctors")) == [str(doctor.pk)]
    for query in (
        {"specialization": doctor.specialization},
        {"city": "Bengaluru"},
        {"state": "KA"},
        {"language": "en"},
        {"q": "Meera"},
        {"q": str(doctor.registration_number)},
    ):
        assert ids(caller.get("/doctors", query)) == [], query


def test_updated_since_also_finds_who_opted_in_since() -> None:
    caller = make_caller()
    old = NOW - timedelta(days=9)
    untouched, edited, new = share(caller), share(caller), share(caller)
    Doctor.objects.exclude(pk=edited.pk).update(updated_at=old)
    Doctor.objects.filter(pk=edited.pk).update(updated_at=NOW)
    Consent.objects.exclude(doctor=new).update(updated_at=old)
    Consent.objects.filter(doctor=new).update(updated_at=NOW)

    assert set(ids(caller.get("/doctors", {"updated_since": "2026-11-22T09:00:00+05:30"}))) == {
        str(edited.pk),
        str(new.pk),
    }
    assert len(ids(caller.get("/doctors", {"updated_since": "2026-11-14"}))) == 3
    assert str(untouched.pk) in ids(caller.get("/doctors"))


def test_pages_meet_without_gaps_though_a_row_goes() -> None:
    caller = make_caller()
    every = sorted(str(share(caller).pk) for _ in range(5))
    first = caller.get("/doctors", {"limit": 2})
    assert ids(first) == every[:2]

    Consent.objects.filter(doctor_id=every[1]).delete()
    second = caller.get("/doctors", {"limit": 2, "cursor": first.json()["next"]})
    third = caller.get("/doctors", {"limit": 3, "cursor": second.json()["next"]})

    assert ids(second) == every[2:4]
    assert ids(third) == every[4:]
    assert third.json()["next"] is None


def test_a_cursor_is_good_for_its_own_list_only() -> None:
    caller, other = make_caller(), make_caller()
    for _ in range(3):
        doctor = share(caller)
        share(other, doctor)
    cursor = caller.get("/doctors", {"limit": 1}).json()["next"]

    for response in (
        caller.get("/doctors", {"cursor": cursor, "specialization": "general_medicine"}),
        caller.get("/appointments", {"cursor": cursor}),
        other.get("/doctors", {"cursor": cursor}),
        caller.get("/doctors", {"cursor": cursor[:-1] + ("A" if cursor[-1] != "A" else "B")}),
        caller.get("/doctors", {"cursor": "nonsense"}),
    ):
        assert response.status_code == 400
        assert response.json()["code"] == "invalid_cursor"


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"specialization": "wizardry"}, "specialization"),
        ({"state": "XX"}, "state"),
        ({"q": "a"}, "q"),
        ({"q": "a\0b"}, "q"),
        ({"updated_since": "2026-11-22T09:00:00"}, "updated_since"),
        ({"updated_since": "2026-02-30"}, "updated_since"),
        ({"speciality": "cardiology"}, "speciality"),
        ({"city": ["Pune", "Kochi"]}, "city"),
    ],
)
def test_a_wrong_parameter_is_named(query: dict[str, Any], parameter: str) -> None:
    response = make_caller().get("/doctors", query)

    assert response.status_code == 400
    assert response.json()["code"] == "invalid_request"
    assert [one["parameter"] for one in response.json()["errors"]] == [parameter]


def test_the_list_takes_as_many_queries_for_many_as_for_few(
    django_assert_num_queries: DjangoAssertNumQueries,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    caller = make_caller()
    caller.get("/me")

    def add(number: int) -> None:
        for _ in range(number):
            doctor = share(caller)
            make_location(doctor)
            make_verified_credential(doctor)

    add(2)
    with django_assert_max_num_queries(6) as few:
        caller.get("/doctors", {"limit": 100})
    add(20)
    with django_assert_num_queries(len(few)):
        assert len(ids(caller.get("/doctors", {"limit": 100}))) == 22
