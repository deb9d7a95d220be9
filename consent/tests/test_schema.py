from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from consent import actions
from consent.models import GIVEN, SHOWS, Consent, ConsentEvent, visible_doctors
from consent.tests.factories import make_consent
from registry.models import Doctor
from registry.tests.factories import NOW, make_doctor, make_provider, make_user

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
SHOWN = f"""
    SELECT c.id FROM doctor_insurance_consent AS c
    JOIN doctors AS d ON d.id = c.doctor_id
    JOIN insurance_providers AS p ON p.id = c.insurance_provider_id
    WHERE {SHOWS}
"""
INSTANTS = st.sampled_from([NOW - DAY, NOW - timedelta(microseconds=1), NOW, NOW + DAY])


def shown_by_sql(at: datetime) -> set[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(SHOWN, {"at": at})
        return {row[0] for row in cursor.fetchall()}


@pytest.mark.django_db(transaction=False)
@settings(max_examples=60, deadline=None)
@given(
    status=st.sampled_from(GIVEN),
    granted_at=INSTANTS,
    lasts=st.none() | st.sampled_from([timedelta(microseconds=1), DAY, 2 * DAY]),
    at=INSTANTS,
)
def test_queryset_and_row_agree_on_what_is_in_force(
    status: str, granted_at: datetime, lasts: timedelta | None, at: datetime
) -> None:
    with transaction.atomic():
        row = make_consent(
            consent_status=status,
            granted_at=granted_at,
            expires_at=granted_at + (lasts or DAY) if lasts or status == "EXPIRED" else None,
            revoked_at=granted_at if status == "REVOKED" else None,
        )
        found = Consent.objects.active_at(at).filter(pk=row.pk).exists()

        assert found == row.is_active_at(at)
        assert shown_by_sql(at) == ({row.pk} if found else set())
        transaction.set_rollback(True)


@pytest.mark.parametrize("doctor_status", Doctor.Status.values)
@pytest.mark.parametrize("provider_status", ["SANDBOX", "LIVE", "SUSPENDED"])
@pytest.mark.parametrize("is_sandbox", [True, False])
@pytest.mark.parametrize("consent_status", [*GIVEN, None])
def test_only_active_doctors_with_consent_exist_and_synthetic_ones_only_in_the_sandbox(
    *, doctor_status: str, provider_status: str, is_sandbox: bool, consent_status: str | None
) -> None:
    doctor = make_doctor(status=doctor_status, is_sandbox=is_sandbox)
    provider = make_provider(integration_status=provider_status)
    if consent_status:
        revoked_at = NOW if consent_status == "REVOKED" else None
        make_consent(
            doctor=doctor,
            insurance_provider=provider,
            consent_status=consent_status,
            expires_at=NOW if consent_status == "EXPIRED" else None,
            revoked_at=revoked_at,
        )

    visible = visible_doctors(provider, at=NOW).exists()

    same_world = (provider_status, is_sandbox) in {("SANDBOX", True), ("LIVE", False)}
    assert visible == (same_world and doctor_status == "ACTIVE" and consent_status == "ACTIVE")
    assert visible == Consent.objects.showing_at(NOW).exists()
    assert visible == bool(shown_by_sql(NOW))


def test_a_doctor_exists_for_the_chosen_insurer_alone() -> None:
    chosen = make_consent()

    assert visible_doctors(chosen.insurance_provider, at=NOW).get() == chosen.doctor
    assert not visible_doctors(make_provider(), at=NOW).exists()


def test_a_consent_stops_at_its_end_with_no_job() -> None:
    consent = make_consent(expires_at=NOW)

    just_before = NOW - timedelta(microseconds=1)
    assert visible_doctors(consent.insurance_provider, at=just_before).exists()
    assert not visible_doctors(consent.insurance_provider, at=NOW).exists()
    assert consent.status_at(just_before) == "ACTIVE"
    assert consent.status_at(NOW) == "EXPIRED"


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"consent_status": "ON"}, "consent_status_known"),
        ({"data_classes": ["bank_account"]}, "consent_data_classes_known"),
        ({"data_classes": []}, "consent_names_data_classes"),
        ({"revoked_at": NOW}, "consent_revoked_at_its_time"),
        ({"consent_status": "REVOKED"}, "consent_revoked_at_its_time"),
        ({"consent_status": "REQUESTED"}, "consent_status_known"),
        ({"consent_status": "DECLINED"}, "consent_status_known"),
        ({"expires_at": NOW - DAY}, "consent_expires_after_grant"),
        (
            {"consent_status": "REVOKED", "revoked_at": NOW, "erase_by": NOW - DAY},
            "consent_erased_after_its_end",
        ),
        ({"version": 0}, "consent_version_counts_from_1"),
    ],
)
def test_the_database_refuses_what_no_consent_can_say(wrong: dict[str, Any], name: str) -> None:
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        make_consent(**wrong)


def test_one_pair_has_one_consent() -> None:
    first = make_consent()

    with pytest.raises(IntegrityError, match="consent_once_per_pair"), transaction.atomic():
        make_consent(doctor=first.doctor, insurance_provider=first.insurance_provider)


def make_event(**given: Any) -> ConsentEvent:
    values: dict[str, Any] = {
        "version": 1,
        "kind": "given",
        "at": NOW,
        "receipt": {},
        "receipt_sha256": "0" * 64,
        "signature": "x",
    }
    return ConsentEvent.objects.create(**(values | given))


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"kind": "lost"}, "consent_event_kind_known"),
        ({"receipt_sha256": "short"}, "consent_event_is_signed"),
        ({"signature": ""}, "consent_event_is_signed"),
    ],
)
def test_the_database_refuses_an_event_without_its_proof(wrong: dict[str, Any], name: str) -> None:
    consent = make_consent()

    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        make_event(consent=consent, **wrong)


def test_a_version_has_one_event() -> None:
    event = make_event(consent=make_consent())

    with pytest.raises(IntegrityError, match="consent_event_version_once"), transaction.atomic():
        make_event(consent=event.consent)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE consent_events SET signature = 'x'",
        "DELETE FROM consent_events",
        "TRUNCATE consent_events CASCADE",
    ],
)
def test_nobody_rewrites_the_history(sql: str) -> None:
    standing = make_consent()
    actions.withdraw(consent=standing, by=make_user(doctor=standing.doctor), at=NOW)
    connection.cursor().execute("SET CONSTRAINTS ALL IMMEDIATE")

    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        connection.cursor().execute(sql)

    assert ConsentEvent.objects.get().kind == "withdrawn"
