"""What is sealed for one row opens in no other: rows of every sealed column change their bytes.

The seeds of two-step sign-in are in `registry.tests.test_second_step`.
"""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection, models
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from integrations.models import IdempotencyRecord
from integrations.tests.factories import make_endpoint
from registry.actions.rotation import sealed_fields
from registry.encryption import CannotDecrypt, encrypt
from registry.models import DoctorCredential, User
from registry.tests.factories import NOW, make_credential, make_doctor, make_provider, make_user
from registry.tests.test_encryption import key
from scheduling.tests.factories import make_appointment

pytestmark = pytest.mark.django_db
OLD, NEW = f"1:{key('a')}", f"2:{key('b')}"
PDF = b"%PDF-1.7 "


def make_answer(body: str) -> IdempotencyRecord:
    return IdempotencyRecord.objects.create(
        insurance_provider=make_provider(),
        method="POST",
        route="appointments",
        key="key-1",
        fingerprint="0" * 64,
        status_code=201,
        body=body,
        created_at=NOW,
        expires_at=NOW + timedelta(days=3),
    )


def make_visit(reference: str) -> models.Model:
    return make_appointment(make_doctor(), make_provider(), patient_reference=reference)


# How a row of each column is made that holds some words.
MADE: dict[str, Callable[[str], models.Model]] = {
    "appointments.patient_reference": make_visit,
    "idempotency_records.body": make_answer,
    "users.phone": lambda words: make_user(role=User.Role.DELEGATE, phone=words),
    "webhook_endpoints.secret": lambda words: make_endpoint(secret=words),
    "webhook_endpoints.previous_secret": lambda words: make_endpoint(
        previous_secret=words, previous_secret_until=NOW
    ),
    "webhook_endpoints.private_key": lambda words: make_endpoint(private_key=words),
}


def test_every_sealed_column_is_tried() -> None:
    names = {f"{field.model._meta.db_table}.{field.column}" for field in sealed_fields()}

    assert names == MADE.keys()


@pytest.mark.parametrize("name", MADE)
def test_values_that_change_places_do_not_open(name: str) -> None:
    one, other = MADE[name]("one"), MADE[name]("other")
    table, _, column = name.partition(".")
    assert getattr(fresh(one), column) == "one"

    swap(table, column, one, other)

    for row in (one, other):
        with pytest.raises(CannotDecrypt):
            getattr(fresh(row), column)
    swap(table, column, one, other)
    assert getattr(fresh(one), column) == "one"


@pytest.mark.parametrize("name", MADE)
def test_values_stay_readable_with_the_next_key_alone(name: str, settings: Settings) -> None:
    settings.FIELD_KEYS = [OLD]
    row, column = MADE[name]("one"), name.partition(".")[2]
    settings.FIELD_KEYS = [OLD, NEW]

    call_command("rotate_field_keys", stdout=StringIO(), stderr=StringIO())

    settings.FIELD_KEYS = [NEW]
    assert getattr(fresh(row), column) == "one"


def test_a_secret_does_not_open_in_another_column_of_its_row() -> None:
    endpoint = make_endpoint(secret="one")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE webhook_endpoints SET private_key = secret")

    with pytest.raises(CannotDecrypt):
        _ = fresh(endpoint).private_key


def test_certificates_that_change_places_are_shown_to_nobody(
    client: Client, settings: Settings, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    user = make_user()
    one, other = (make_certificate(user, PDF + words) for words in (b"one", b"other"))
    client.force_login(user)
    assert shown(client, one) == PDF + b"one"

    paths = [Path(default_storage.path(str(row.certificate.name))) for row in (one, other)]
    first, second = (path.read_bytes() for path in paths)
    paths[0].write_bytes(second)
    paths[1].write_bytes(first)

    for row in (one, other):
        with pytest.raises(CannotDecrypt):
            shown(client, row)


def make_certificate(user: User, content: bytes) -> DoctorCredential:
    assert user.doctor
    row = make_credential(user.doctor, certificate_url="", certificate="x", sha256="0" * 64)
    sealed = encrypt(content, context=row.encryption_context)
    row.certificate.name = default_storage.save(f"certificates/{row.pk}", ContentFile(sealed))
    row.save()
    return row


def shown(client: Client, row: DoctorCredential) -> bytes:
    return client.get(reverse("registry:credential_file", args=[row.pk])).content


def swap(table: str, column: str, one: models.Model, other: models.Model) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} AS a SET {column} = b.{column} FROM {table} AS b "
            "WHERE (a.id, b.id) IN ((%s, %s), (%s, %s))",
            [one.pk, other.pk, other.pk, one.pk],
        )


def fresh(row: models.Model) -> Any:
    manager = type(row)._meta.default_manager
    assert manager
    return manager.get(pk=row.pk)
