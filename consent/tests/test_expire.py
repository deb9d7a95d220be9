from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from consent import actions, tasks
from consent.models import GIVEN, Consent, ConsentEvent
from consent.receipts import is_genuine
from consent.tests.factories import give, make_consent, make_withdrawn_consent
from registry.models import AuditLog, OutboxEvent
from registry.tests.factories import NOW, make_doctor, make_user

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
MONTH = timedelta(days=30)
INSTANT = timedelta(microseconds=1)


def make_ended(**given: Any) -> Consent:
    """Add a consent whose period ended an hour ago, which nobody wrote down yet."""
    return make_consent(**({"expires_at": NOW - timedelta(hours=1)} | given))


def test_an_end_is_written_down_as_of_its_own_time_and_the_insurer_told_to_erase() -> None:
    ended = make_ended(data_classes=["profile"])
    ended_at = NOW - timedelta(hours=1)

    assert actions.expire(consent=ended, at=NOW) is True

    ended.refresh_from_db()
    assert ended.consent_status == "EXPIRED"
    assert (ended.revoked_at, ended.erase_by) == (None, ended_at + MONTH)
    event = ConsentEvent.objects.get()
    assert (event.kind, event.version, event.by, event.at) == ("expired", 2, None, ended_at)
    assert is_genuine(event)
    assert event.receipt["event"]["entity"] is None
    assert event.receipt["event"]["state"] == "EXPIRED"
    assert event.receipt["event"]["validity"]["until"] == "2026-11-23T02:30:00Z"
    assert event.receipt["artefact"]["permission"]["dataEraseAt"] == "2026-12-23T02:30:00Z"
    line = AuditLog.objects.get()
    assert (line.action, line.performed_by) == ("consent.expired", None)
    told = OutboxEvent.objects.get()
    assert (told.type, told.subject_version) == ("consent.revoked", 2)
    assert (told.occurred_at, told.insurance_provider) == (ended_at, ended.insurance_provider)
    assert told.payload == {
        "doctor_id": str(ended.doctor_id),
        "data_classes": ["profile"],
        "reason": "consent_expired",
        "erase_by": "2026-12-23T02:30:00Z",
    }


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"expires_at": NOW + INSTANT},
        {"consent_status": "EXPIRED", "expires_at": NOW},
        {"consent_status": "REVOKED", "revoked_at": NOW - DAY, "expires_at": NOW},
    ],
)
def test_where_no_end_has_come_nothing_is_written(given: dict[str, Any]) -> None:
    consent = make_consent(granted_at=NOW - MONTH, **given)
    before = Consent.objects.values().get()

    assert actions.expire(consent=consent, at=NOW) is False

    assert Consent.objects.values().get() == before
    assert not ConsentEvent.objects.exists()
    assert not AuditLog.objects.exists()
    assert not OutboxEvent.objects.exists()


def test_the_minutes_task_writes_down_every_end_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "now", lambda: NOW)
    for hours in (1, 2, 3):
        make_ended(expires_at=NOW - timedelta(hours=hours))
    make_consent(expires_at=NOW + DAY)
    make_withdrawn_consent()

    assert tasks.expire_consents() == 3
    assert tasks.expire_consents() == 0

    assert ConsentEvent.objects.filter(kind="expired").count() == 3
    assert Consent.objects.filter(consent_status="ACTIVE").count() == 1


def test_looking_for_ends_reads_no_whole_table() -> None:
    with CaptureQueriesContext(connection) as captured:
        list(Consent.objects.over_at(NOW).order_by("expires_at"))

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + captured.captured_queries[0]["sql"])
        plan = " ".join(row[0] for row in cursor.fetchall())
    assert "consent_by_end" in plan


def test_an_end_that_nobody_wrote_down_comes_before_giving_again() -> None:
    user = make_user(doctor=make_doctor())
    ended = make_ended(doctor=user.doctor)
    assert user.doctor

    give(user, ended.insurance_provider)

    kinds = ConsentEvent.objects.order_by("version").values_list("kind", flat=True)
    assert list(kinds) == ["expired", "given"]
    types = OutboxEvent.objects.order_by("id").values_list("type", flat=True)
    assert list(types) == ["consent.revoked", "consent.granted"]
    again = Consent.objects.get()
    assert (again.consent_status, again.erase_by, again.expires_at) == ("ACTIVE", None, None)


def test_an_ended_consent_is_neither_changed_nor_withdrawn() -> None:
    ended = make_ended()
    user = make_user(doctor=ended.doctor)

    with pytest.raises(actions.NotInForce):
        actions.change(
            consent=ended, data_classes=["profile"], expires_at=None, language="en", by=user, at=NOW
        )
    with pytest.raises(actions.AlreadyWithdrawn):
        actions.withdraw(consent=ended, by=user, at=NOW)

    assert not ConsentEvent.objects.exists()


@settings(max_examples=60, deadline=None)
@given(
    status=st.sampled_from(GIVEN),
    expires_at=st.sampled_from([None, NOW - INSTANT, NOW, NOW + INSTANT]),
    erase_by=st.sampled_from([None, NOW, NOW + INSTANT]),
    is_erased=st.booleans(),
)
def test_querysets_and_rows_agree_on_ends_and_erasures(
    status: str, expires_at: Any, erase_by: Any, *, is_erased: bool
) -> None:
    with transaction.atomic():
        if status == "EXPIRED":
            expires_at = expires_at or NOW
        if status == "ACTIVE":
            erase_by = None
        if erase_by is not None:
            erase_by += DAY
        noted = NOW if is_erased and erase_by else None
        row = make_consent(
            consent_status=status,
            granted_at=NOW - DAY,
            expires_at=expires_at,
            revoked_at=NOW - INSTANT if status == "REVOKED" else None,
            erase_by=erase_by,
            erasure_acknowledged_at=noted,
            erased_at=noted,
        )
        rows = Consent.objects.filter(pk=row.pk)

        assert rows.over_at(NOW).exists() == row.is_over_at(NOW)
        assert rows.overdue_at(NOW + DAY).exists() == row.is_overdue_at(NOW + DAY)
        for wanted in GIVEN:
            found = rows.standing_as(wanted, at=NOW).exists()
            assert found == (row.status_at(NOW) == wanted), wanted
        transaction.set_rollback(True)


def test_until_when_to_erase_is_known_from_the_end_on() -> None:
    ended = make_ended(expires_at=NOW)

    assert ended.erase_by_at(NOW - INSTANT) is None
    assert ended.erase_by_at(NOW) == NOW + MONTH
    actions.expire(consent=ended, at=NOW)
    ended.refresh_from_db()
    assert ended.erase_by_at(NOW) == NOW + MONTH


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"consent_status": "EXPIRED"}, "consent_expired_has_its_end"),
        ({"erase_by": NOW + MONTH}, "consent_erased_after_its_end"),
        (
            {"consent_status": "EXPIRED", "expires_at": NOW, "erase_by": NOW - INSTANT},
            "consent_erased_after_its_end",
        ),
        ({"erasure_acknowledged_at": NOW}, "consent_erasure_was_asked"),
        (
            {
                "consent_status": "EXPIRED",
                "expires_at": NOW,
                "erase_by": NOW + MONTH,
                "erased_at": NOW,
            },
            "consent_erased_is_acknowledged",
        ),
    ],
)
def test_the_database_refuses_ends_that_cannot_be(wrong: dict[str, Any], name: str) -> None:
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        make_consent(**wrong)
