import csv
from datetime import timedelta
from io import StringIO

import pytest
from django.test import Client
from django.urls import reverse

from registry import ledger
from registry.models import AuditLog, User
from registry.tests.factories import (
    NOW,
    make_admin,
    make_credential,
    make_doctor,
    make_provider,
    make_user,
)

pytestmark = pytest.mark.django_db(transaction=True)

LOG = reverse("admin:registry_auditlog_changelist")


@pytest.fixture
def lines(client: Client) -> list[AuditLog]:
    """Sign an admin in, and have one line on each of three days."""
    client.force_login(make_admin())
    doctor = make_doctor()
    return [
        ledger.record("doctor.updated", subject=doctor, by=None, at=NOW + timedelta(days=days))
        for days in range(3)
    ]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("2026-11-24", [1]),
        ("2026-11-23..2026-11-24", [1, 0]),
        ("doctor.updated 2026-11-25..2026-12-31", [2]),
        ("doctor.updated", [2, 1, 0]),
        ("2026-13-01", []),
        ("9999-12-31", []),
    ],
)
def test_the_log_is_searched_by_date(
    client: Client, lines: list[AuditLog], words: str, found: list[int]
) -> None:
    page = client.get(LOG, {"q": words})

    assert list(page.context["cl"].queryset) == [lines[number] for number in found]


@pytest.mark.parametrize("way", ["add", "change", "delete"])
def test_an_admin_reads_the_log_and_writes_nothing_into_it(
    client: Client, lines: list[AuditLog], way: str
) -> None:
    row = [] if way == "add" else [lines[0].pk]
    before = list(AuditLog.objects.values())

    refused = client.post(reverse(f"admin:registry_auditlog_{way}", args=row), {"action": "x"})

    assert refused.status_code == 403
    assert list(AuditLog.objects.values()) == before
    assert "delete_selected" not in client.get(LOG).content.decode()


def test_the_day_of_one_row_is_found_by_its_id(client: Client, lines: list[AuditLog]) -> None:
    page = client.get(LOG, {"q": f"{lines[0].entity_id} 2026-11-24"})

    assert list(page.context["cl"].queryset) == [lines[1]]


def test_chosen_lines_are_downloaded_and_no_cell_is_a_formula(
    client: Client, lines: list[AuditLog]
) -> None:
    formula = ledger.record("=1+1", subject=make_doctor(), by=None, at=NOW, note="é")
    chosen = [str(line.pk) for line in (*lines[:2], formula)]

    answer = client.post(LOG, {"action": "download", "_selected_action": chosen})

    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]  # The stub's client streams nothing.
    rows = {row["id"]: row for row in csv.DictReader(StringIO(text))}
    assert set(rows) == set(chosen)
    assert rows[str(lines[1].pk)]["time"] == "2026-11-24T03:30:00+00:00"
    assert rows[str(formula.pk)]["action"] == "'=1+1"
    assert rows[str(formula.pk)]["metadata"] == '{"note": "é"}'
    assert "no-store" in answer["Cache-Control"]


def test_an_id_that_is_none_chooses_nothing(client: Client, lines: list[AuditLog]) -> None:
    answer = client.post(LOG, {"action": "download", "_selected_action": "x"}, follow=True)

    assert "Choose rows from the list." in answer.content.decode()


@pytest.mark.parametrize("by", ["person", "insurer", "action", "entity", "doctor", "request"])
def test_the_audit_log_is_searched_by_what_an_auditor_knows(
    client: Client, admin: User, by: str
) -> None:
    doctor = make_doctor()
    person, insurer = make_user(doctor=doctor), make_provider(name="Acme Health")
    ledger.record("doctor.updated", subject=make_doctor(), by=make_admin(), at=NOW)
    credential = make_credential(doctor)
    actor = insurer if by == "insurer" else person
    wanted = ledger.record("credential.added", subject=credential, by=actor, at=NOW)
    terms = {
        "person": person.email,
        "insurer": "Acme",
        "action": "credential.added",
        "entity": str(credential.pk),
        "doctor": str(doctor.pk),
        "request": "0f" * 16,
    }
    if by == "request":
        wanted = AuditLog.objects.create(
            entity_type="doctor",
            entity_id=doctor.pk,
            action="doctor.activated",
            timestamp=NOW,
            request_id=terms[by],
        )

    page = client.get(LOG, {"q": terms[by]})

    assert list(page.context["cl"].queryset) == [wanted]
