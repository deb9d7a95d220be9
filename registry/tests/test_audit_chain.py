from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
import structlog
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection

from registry import actions, chain, ledger, tasks
from registry.actions import audit
from registry.ids import uuid7
from registry.models import AuditLog, AuditSeal
from registry.tests.factories import NOW, make_admin, make_doctor, make_provider

pytestmark = pytest.mark.django_db(transaction=True)


def record(count: int) -> list[AuditLog]:
    doctor, admin = make_doctor(), make_admin()
    return [
        ledger.record("doctor.updated", subject=doctor, by=admin, at=NOW, changed=["fee"], n=n)
        for n in range(count)
    ]


def sql(statement: str, *values: Any) -> None:
    """Do what only the tables' owner can do: get past the triggers."""
    tables = ("audit_logs", "audit_seals")
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_append_only")
        try:
            cursor.execute(statement, values)
        finally:
            for table in tables:
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {table}_append_only")


def verify(*arguments: str) -> str:
    out = StringIO()
    call_command("verify_audit", *arguments, stdout=out)
    return out.getvalue()


def test_each_row_is_sealed_once_in_order() -> None:
    rows = record(3)

    assert actions.seal_audit(at=NOW) == 3
    assert actions.seal_audit(at=NOW) == 0

    seals = AuditSeal.objects.all()
    assert [(seal.position, seal.audit_log) for seal in seals] == list(enumerate(rows, 1))
    assert {seal.sealed_at for seal in seals} == {NOW}


def test_each_new_head_leaves_the_database_with_the_log() -> None:
    record(2)

    with structlog.testing.capture_logs() as lines:
        actions.seal_audit(at=NOW)
        actions.seal_audit(at=NOW)

    (line,) = (one for one in lines if one["event"] == "audit_sealed")
    assert (line["head"], line["rows"]) == (str(chain.head()), 2)
    assert "holds" in verify("--head", line["head"])


def test_the_chain_goes_on_from_where_it_ended() -> None:
    record(2)
    actions.seal_audit(at=NOW)
    record(2)

    actions.seal_audit(at=NOW + timedelta(minutes=1))

    assert chain.head().position == 4
    assert chain.first_break() is None


def test_the_task_seals_batch_after_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "BATCH", 2)
    record(5)

    assert tasks.seal_audit() == 5
    assert list(AuditSeal.objects.values_list("position", flat=True)) == [1, 2, 3, 4, 5]


def test_a_row_that_committed_late_is_still_sealed() -> None:
    late = uuid7()
    record(2)
    actions.seal_audit(at=NOW)
    AuditLog.objects.create(
        id=late, entity_type="doctor", entity_id=make_doctor().pk, action="x", timestamp=NOW
    )

    assert actions.seal_audit(at=NOW) == 1
    assert chain.first_break() is None


def test_while_another_seals_nothing_is_done() -> None:
    record(1)
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [audit._LOCK])  # noqa: SLF001  Whoever seals holds it.

    try:
        assert actions.seal_audit(at=NOW) == 0
    finally:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock_all()")
        other.close()
    assert actions.seal_audit(at=NOW) == 1


# SHA-256 over 32 zero bytes and the row's RFC 8785 form, written out by hand.
EXPECTED = "03d71613316f74bef864e0a122af7be09c439a9eb8a9094da692fad13be73711"


def test_a_link_follows_from_the_hash_before_and_the_canonical_row() -> None:
    row = AuditLog(
        id=UUID(int=1),
        entity_type="doctor",
        entity_id=UUID(int=2),
        action="doctor.updated",
        performed_by_provider_id=UUID(int=3),
        timestamp=NOW,
        metadata={"b": 1, "a": ["ü"]},
        request_id="r",
        ip="127.0.0.1",
    )

    assert chain.link(chain.GENESIS, row) == EXPECTED
    assert chain.link("1" * 64, row) != EXPECTED
    row.doctor_id = UUID(int=2)
    assert chain.link(chain.GENESIS, row) != EXPECTED


def test_an_insurers_line_is_sealed_too() -> None:
    ledger.record("appointment.booked", subject=make_doctor(), by=make_provider(), at=NOW)

    actions.seal_audit(at=NOW)

    assert chain.first_break() is None


def test_an_empty_log_holds() -> None:
    assert actions.seal_audit(at=NOW) == 0
    assert "holds" in verify()


def test_the_command_prints_the_head_to_keep() -> None:
    record(2)
    actions.seal_audit(at=NOW)

    said = verify()

    assert f"2:{AuditSeal.objects.get(position=2).hash}" in said


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("action", "doctor.suspended"),
        ("metadata", '{"changed": ["phone"]}'),
        ("performed_by_id", None),
        ("doctor_id", None),
        ("timestamp", NOW + timedelta(microseconds=1)),
        ("ip", "10.0.0.1"),
    ],
)
def test_a_changed_row_is_named(column: str, value: object) -> None:
    rows = record(3)
    actions.seal_audit(at=NOW)

    sql(f"UPDATE audit_logs SET {column} = %s WHERE id = %s", value, rows[1].pk)

    with pytest.raises(CommandError, match=f"row 2, changed: audit row {rows[1].pk}"):
        verify()


def test_a_removed_row_is_named() -> None:
    rows = record(3)
    actions.seal_audit(at=NOW)

    sql("DELETE FROM audit_seals WHERE position = 2")
    sql("DELETE FROM audit_logs WHERE id = %s", rows[1].pk)

    with pytest.raises(CommandError, match="row 2, missing"):
        verify()


def insert_at(position: int, link: str) -> AuditLog:
    """Put a forged row and its link into the chain, and move the others up."""
    forged = ledger.record("doctor.activated", subject=make_doctor(), by=None, at=NOW)
    sql("UPDATE audit_seals SET position = position + 1000 WHERE position >= %s", position)
    sql("INSERT INTO audit_seals VALUES (%s, %s, %s, %s)", position, link, NOW, forged.pk)
    sql("UPDATE audit_seals SET position = position - 999 WHERE position > 1000")
    return forged


def test_an_inserted_row_is_named() -> None:
    record(3)
    actions.seal_audit(at=NOW)

    forged = insert_at(2, "f" * 64)

    with pytest.raises(CommandError, match=f"row 2, changed: audit row {forged.pk}"):
        verify()


def test_an_inserted_row_whose_link_fits_shows_at_the_next() -> None:
    rows = record(3)
    actions.seal_audit(at=NOW)
    forged = insert_at(2, "f" * 64)

    fitting = chain.link(AuditSeal.objects.get(position=1).hash, forged)
    sql("UPDATE audit_seals SET hash = %s WHERE position = 2", fitting)

    with pytest.raises(CommandError, match=f"row 3, changed: audit row {rows[1].pk}"):
        verify()


@pytest.mark.parametrize("with_links", [False, True])
def test_rows_in_another_order_are_named(*, with_links: bool) -> None:
    rows = record(4)
    actions.seal_audit(at=NOW)
    second, third = AuditSeal.objects.filter(position__in=(2, 3))

    sql("DELETE FROM audit_seals WHERE position IN (2, 3)")
    for place, other in ((second, third), (third, second)):
        link = other.hash if with_links else place.hash
        values = (place.position, link, NOW, other.audit_log_id)
        sql("INSERT INTO audit_seals VALUES (%s, %s, %s, %s)", *values)

    with pytest.raises(CommandError, match=f"row 2, changed: audit row {rows[2].pk}"):
        verify()


def test_a_sealed_row_is_not_removed_without_its_link() -> None:
    rows = record(1)
    actions.seal_audit(at=NOW)

    with pytest.raises(IntegrityError, match="audit_seals"):
        sql("DELETE FROM audit_logs WHERE id = %s", rows[0].pk)


def test_a_cut_tail_shows_against_a_head_kept_elsewhere() -> None:
    rows = record(3)
    actions.seal_audit(at=NOW)
    kept = str(chain.head())
    sql("DELETE FROM audit_seals WHERE position = 3")
    sql("DELETE FROM audit_logs WHERE id = %s", rows[2].pk)

    assert "holds" in verify()
    with pytest.raises(CommandError, match="row 3, cut: the head you kept has 3 links"):
        verify("--head", kept)


def test_a_chain_built_anew_shows_against_a_head_kept_elsewhere() -> None:
    rows = record(3)
    actions.seal_audit(at=NOW)
    kept = str(chain.head())
    sql("UPDATE audit_logs SET action = 'x' WHERE id = %s", rows[0].pk)
    sql("DELETE FROM audit_seals")
    actions.seal_audit(at=NOW)

    assert "holds" in verify()
    with pytest.raises(CommandError, match="row 3, rewritten"):
        verify("--head", kept)


def test_a_kept_head_that_still_fits_holds() -> None:
    record(2)
    actions.seal_audit(at=NOW)
    kept = str(chain.head())
    record(2)
    actions.seal_audit(at=NOW)

    assert "holds" in verify("--head", kept)


@pytest.mark.parametrize("head", ["7", "x:" + "0" * 64, "7:abc"])
def test_a_head_that_nobody_printed_is_refused(head: str) -> None:
    with pytest.raises(CommandError, match="as printed"):
        verify("--head", head)
