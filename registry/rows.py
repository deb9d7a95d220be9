"""Add a row without building its query anew: that takes longer than the database needs."""

from functools import cache
from typing import Any

from django.db import connection, models

from registry.statements import prepared


def insert(row: models.Model) -> None:
    """Add a row, as `row.save(force_insert=True)` does; a rule it breaks is an error."""
    assert _insert(row, _statement(type(row)))


def insert_if_free(row: models.Model) -> bool:
    """Add a row, unless another one stands in its way; tell whether it was added.

    It waits for who is adding such a row just now. Unlike an insert that fails it neither ends
    the transaction nor meets another one in a deadlock.
    """
    return _insert(row, f"{_statement(type(row))} ON CONFLICT DO NOTHING")


@cache
def _fields(model: type[models.Model]) -> dict[str, "models.Field[Any, Any]"]:
    """Give the columns that the database does not number itself."""
    return {
        str(field.column): field
        for field in model._meta.concrete_fields
        if not isinstance(field, models.AutoField | models.BigAutoField)
    }


@cache
def _statement(model: type[models.Model]) -> str:
    quoted = connection.ops.quote_name
    fields = _fields(model)
    columns = ", ".join(quoted(column) for column in fields)
    values = ", ".join(["%s"] * len(fields))
    return f"INSERT INTO {quoted(model._meta.db_table)} ({columns}) VALUES ({values})"  # noqa: S608  Names of ours.


def _insert(row: models.Model, statement: str) -> bool:
    assert row._meta.pk is not None
    key = connection.ops.quote_name(str(row._meta.pk.column))
    values = [
        field.get_db_prep_save(field.pre_save(row, add=True), connection)
        for field in _fields(type(row)).values()
    ]
    with prepared() as cursor:
        cursor.execute(f"{statement} RETURNING {key}", values)
        added = cursor.fetchone()
    if added is None:
        return False
    row.pk = added[0]
    row._state.adding, row._state.db = False, connection.alias  # noqa: SLF001  Django's own does so.
    return True
