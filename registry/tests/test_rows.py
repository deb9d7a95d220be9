from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Model
from django.utils.timezone import now

from registry import rows
from registry.models import AuditLog, InsuranceProvider, OutboxEvent
from registry.tests.factories import NOW, make_doctor, make_provider

pytestmark = pytest.mark.django_db


def an_insurer(slug: str = "acme") -> InsuranceProvider:
    return InsuranceProvider(name="Acme", slug=slug, information_use="To book visits.")


def values(row: Model) -> dict[str, object]:
    return {field.name: getattr(row, field.name) for field in row._meta.concrete_fields}


def test_an_inserted_row_is_as_if_it_had_been_saved() -> None:
    made = an_insurer()

    rows.insert(made)

    kept = InsuranceProvider.objects.get()
    assert values(kept) == values(made)
    assert now() - kept.created_at < timedelta(minutes=1)
    # It is known to be in the database: to save it again changes it.
    made.name = "Acme Health"
    made.save()
    assert InsuranceProvider.objects.get().name == "Acme Health"


def test_json_and_foreign_keys_are_kept() -> None:
    doctor, provider = make_doctor(), make_provider()
    line = AuditLog(
        entity_type="doctor",
        entity_id=doctor.pk,
        action="doctor.updated",
        performed_by_provider=provider,
        timestamp=NOW,
        metadata={"changed": ["fee"], "note": "50 % of all"},
        ip="2001:db8::1",
    )

    rows.insert(line)

    assert values(AuditLog.objects.get()) == values(line)


def test_the_database_numbers_rows_that_it_counts() -> None:
    doctor = make_doctor()
    events = [
        OutboxEvent(
            type="x", subject=f"doctor/{n}", subject_version=1, doctor=doctor, occurred_at=NOW
        )
        for n in range(2)
    ]

    for event in events:
        rows.insert(event)

    subjects = OutboxEvent.objects.order_by("id").values_list("subject", flat=True)
    assert list(subjects) == ["doctor/0", "doctor/1"]


def test_a_row_in_the_way_is_an_error_or_an_answer() -> None:
    assert rows.insert_if_free(an_insurer())

    assert not rows.insert_if_free(an_insurer())
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.insert(an_insurer())

    assert InsuranceProvider.objects.count() == 1


def test_any_other_broken_rule_is_an_error() -> None:
    broken = an_insurer()
    broken.hold_minutes = 0

    with pytest.raises(IntegrityError, match="provider_hold_1_to_10_minutes"), transaction.atomic():
        rows.insert_if_free(broken)
