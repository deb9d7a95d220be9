from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, models
from django.test import Client
from django.test.utils import isolate_apps

from registry.fields import EncryptedTextField
from registry.models import User
from registry.tests.factories import make_admin


@pytest.fixture
def admin(client: Client) -> User:
    """An admin, signed in."""
    user = make_admin()
    client.force_login(user)
    return user


@pytest.fixture
def note() -> Iterator[Any]:
    """A model with a sealed text, whose table is there for one test."""
    with isolate_apps("registry"):

        class Note(models.Model):  # noqa: DJ008  Nobody prints it.
            text = EncryptedTextField(null=True)

            class Meta:
                app_label = "registry"
                db_table = "notes_of_a_test"

        with connection.schema_editor() as editor:
            editor.create_model(Note)
        yield Note
        with connection.schema_editor() as editor:
            editor.delete_model(Note)
