from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection

from registry.actions import rotation
from registry.encryption import decrypt, encrypt, is_outdated
from registry.models import DoctorCredential
from registry.tests.factories import make_credential, make_doctor
from registry.tests.test_encryption import key

pytestmark = pytest.mark.django_db(transaction=True)

OLD, NEW = f"1:{key('a')}", f"2:{key('b')}"
ROWS = 5


@pytest.fixture(autouse=True)
def _old_key(settings: LazySettings, tmp_path: Path) -> None:
    settings.FIELD_KEYS = [OLD]
    settings.MEDIA_ROOT = str(tmp_path)


@pytest.fixture
def note(note: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(rotation, "sealed_fields", lambda: [note._meta.get_field("text")])
    monkeypatch.setattr(rotation, "BATCH", 2)
    return note


def stored() -> list[bytes]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT text FROM notes_of_a_test WHERE text IS NOT NULL ORDER BY id")
        return [bytes(sealed) for (sealed,) in cursor.fetchall()]


def rotate() -> str:
    told = StringIO()
    call_command("rotate_field_keys", stdout=told, stderr=StringIO())
    return told.getvalue()


def test_every_column_that_is_sealed_is_known() -> None:
    names = {f"{field.model._meta.db_table}.{field.column}" for field in rotation.sealed_fields()}

    assert names >= {"appointments.patient_reference", "webhook_endpoints.secret"}


def test_afterwards_the_old_key_can_be_taken_away(note: Any, settings: LazySettings) -> None:
    note.objects.bulk_create([note(pk=number, text=f"MRN-{number}") for number in range(ROWS)])
    note.objects.create(pk=ROWS)
    settings.FIELD_KEYS = [OLD, NEW]

    told = rotate()

    settings.FIELD_KEYS = [NEW]
    assert told.startswith("Everything is sealed with key 2.")
    assert [row.text for row in note.objects.order_by("pk")] == [
        *(f"MRN-{number}" for number in range(ROWS)),
        None,
    ]


def test_what_is_done_is_not_done_again(note: Any, settings: LazySettings) -> None:
    note.objects.bulk_create([note(pk=number, text=f"MRN-{number}") for number in range(ROWS)])
    settings.FIELD_KEYS = [OLD, NEW]
    field = note._meta.get_field("text")

    first_step = next(rotation.reseal_values(field))
    left = rotation.outdated_values(field)
    before = stored()
    rotate()

    assert first_step == (2, [])
    assert left == ROWS - 2
    assert stored()[:2] == before[:2]
    assert rotation.outdated_values(field) == 0


def test_what_somebody_writes_meanwhile_stands(note: Any, settings: LazySettings) -> None:
    note.objects.create(pk=1, text="before")
    settings.FIELD_KEYS = [OLD, NEW]
    field = note._meta.get_field("text")
    found = rotation._read(field, after=None)  # noqa: SLF001  Between its two statements.

    row = note.objects.get()
    row.text = "after"
    row.save()
    rotation._reseal(field, found)  # noqa: SLF001  The second of them.

    assert note.objects.get().text == "after"


def test_a_value_that_no_key_opens_is_named_and_stays(note: Any, settings: LazySettings) -> None:
    note.objects.bulk_create([note(pk=number, text=f"MRN-{number}") for number in range(3)])
    with connection.cursor() as cursor:
        # Moved from one row to another.
        cursor.execute(
            "UPDATE notes_of_a_test SET text = (SELECT text FROM notes_of_a_test WHERE id = 0) "
            "WHERE id = 1"
        )
    moved = stored()[1]
    settings.FIELD_KEYS = [OLD, NEW]
    told = StringIO()

    with pytest.raises(CommandError, match="Values that no key opens: 1"):
        call_command("rotate_field_keys", stderr=told)

    assert "No key opens notes_of_a_test.text:1." in told.getvalue()
    assert stored()[1] == moved
    assert [is_outdated(sealed) for sealed in stored()] == [False, True, False]


def credential_with(content: bytes, *, context: str = "") -> DoctorCredential:
    credential = make_credential(
        make_doctor(), certificate_url="", certificate="x", sha256="0" * 64
    )
    sealed = encrypt(content, context=context or credential.encryption_context)
    credential.certificate.name = default_storage.save("certificates/one", ContentFile(sealed))
    credential.save()
    return credential


def test_certificates_are_sealed_anew_in_place(settings: LazySettings) -> None:
    credential = credential_with(b"%PDF-")
    settings.FIELD_KEYS = [OLD, NEW]

    rotate()

    path = Path(default_storage.path(str(credential.certificate.name)))
    settings.FIELD_KEYS = [NEW]
    opened = decrypt(path.read_bytes(), context=credential.encryption_context)
    assert opened == b"%PDF-"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["one"]


@pytest.mark.parametrize("fault", ["altered", "gone"])
def test_a_certificate_that_cannot_be_read_is_named(settings: LazySettings, fault: str) -> None:
    credential = credential_with(b"%PDF-", context="somewhere else")
    path = Path(default_storage.path(str(credential.certificate.name)))
    if fault == "gone":
        path.unlink()
    settings.FIELD_KEYS = [OLD, NEW]
    told = StringIO()

    with pytest.raises(CommandError, match="Values that no key opens: 1"):
        call_command("rotate_field_keys", stderr=told)

    assert f"No key opens doctor_credentials.certificate:{credential.pk}." in told.getvalue()
