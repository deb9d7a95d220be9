from typing import Any

import pytest
from django.core.exceptions import FieldError
from django.db import connection, transaction

from registry.encryption import CannotDecrypt

pytestmark = pytest.mark.django_db


def stored(row_id: int) -> bytes | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT text FROM notes_of_a_test WHERE id = %s", [row_id])
        value = cursor.fetchone()[0]
    return None if value is None else bytes(value)


def test_the_database_holds_no_plain_text(note: Any) -> None:
    row = note.objects.create(pk=1, text="MRN-1")

    assert row.text == "MRN-1"
    assert note.objects.get().text == "MRN-1"
    assert b"MRN-1" not in (stored(1) or b"")


def test_it_opens_only_when_it_is_read_and_then_once(note: Any) -> None:
    note.objects.create(pk=1, text="MRN-1")
    row = note.objects.get()

    sealed = row.__dict__["text"]

    assert not isinstance(sealed, str)
    assert row.text is row.text


def test_saving_an_unread_value_keeps_its_bytes(note: Any) -> None:
    note.objects.create(pk=1, text="MRN-1")
    before = stored(1)

    note.objects.get().save()

    assert stored(1) == before


def test_none_stays_none(note: Any) -> None:
    note.objects.create(pk=1, text=None)

    assert note.objects.get().text is None
    assert stored(1) is None


def test_bulk_create_seals_each_row_for_itself(note: Any) -> None:
    note.objects.bulk_create([note(pk=1, text="one"), note(pk=2, text="two")])

    assert [row.text for row in note.objects.order_by("pk")] == ["one", "two"]


def test_a_value_moved_to_another_row_does_not_open(note: Any) -> None:
    note.objects.bulk_create([note(pk=1, text="one"), note(pk=2, text="two")])
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE notes_of_a_test SET text = "
            "(SELECT text FROM notes_of_a_test WHERE id = 1) WHERE id = 2"
        )

    with pytest.raises(CannotDecrypt):
        _ = note.objects.get(pk=2).text


def test_it_cannot_be_searched(note: Any) -> None:
    with pytest.raises(FieldError, match="cannot be searched"):
        note.objects.filter(text="one").exists()


def test_it_cannot_be_updated_without_its_row(note: Any) -> None:
    with pytest.raises(FieldError), transaction.atomic():
        note.objects.update(text="one")


def test_the_class_gives_the_descriptor(note: Any) -> None:
    assert note.text.field.name == "text"
