import pytest
from django.db import IntegrityError, connection, transaction

from registry import ledger
from registry.models import AuditLog
from registry.tests.factories import NOW, make_doctor, make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "sql",
    ["UPDATE audit_logs SET action = 'x'", "DELETE FROM audit_logs", "TRUNCATE audit_logs CASCADE"],
)
def test_nobody_changes_the_audit_log(sql: str) -> None:
    doctor = make_doctor()
    ledger.record("doctor.updated", subject=doctor, by=make_user(doctor=doctor), at=NOW)

    connection.cursor().execute("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        connection.cursor().execute(sql)

    assert AuditLog.objects.get().action == "doctor.updated"
