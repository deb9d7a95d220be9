"""Add a row without building its query anew: that takes longer than the database needs."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeAlias

from django.db import DEFAULT_DB_ALIAS, connections, models

from registry.statements import ask, write

_Field: TypeAlias = "models.Field[Any, Any]"

# The driver knows what to do with their values; Django takes longer to ask each field.
_PLAIN = (
    models.CharField,
    models.DateField,
    models.ForeignKey,
    models.IntegerField,
    models.UUIDField,
)


def insert(row: models.Model) -> None:
    """Add a row, as `row.save(force_insert=True)` does, `with_the_commit` if there is one.

    A rule that it breaks is an error. A number that the database gives it is not known here.
    """
    write(_statement(type(row)), _values(row))
    _note_added(row)


def insert_if_free(row: models.Model) -> bool:
    """Add a row, unless another one stands in its way; tell whether it was added.

    It waits for who is adding such a row just now. Unlike an insert that fails it neither ends
    the transaction nor meets another one in a deadlock.
    """
    return ask_to_insert(row)()


def ask_to_insert(
    row: models.Model, *, when: str = "true", given: Sequence[Any] = ()
) -> Callable[[], bool]:
    """Ask as `insert_if_free`, `together` with other questions; what is given tells whether.

    Args:
        when: a condition in SQL, without which the row is not added either.
        given: the values of the condition.
    """
    cursor = ask(_statement_if_free(type(row), when), [*_values(row), *given])

    def is_added() -> bool:
        if not cursor.rowcount:
            return False
        _note_added(row)
        return True

    return is_added


def _note_added(row: models.Model) -> None:
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS  # noqa: SLF001  Django's own does so.


@cache
def _fields(model: type[models.Model]) -> dict[str, "_Field"]:
    """Give the columns that the database does not number itself."""
    return {
        str(field.column): field
        for field in model._meta.concrete_fields
        if not isinstance(field, models.AutoField | models.BigAutoField)
    }


@cache
def _statement(model: type[models.Model]) -> str:
    quoted = connections[DEFAULT_DB_ALIAS].ops.quote_name
    fields = _fields(model)
    columns = ", ".join(quoted(column) for column in fields)
    values = ", ".join(["%s"] * len(fields))
    return f"INSERT INTO {quoted(model._meta.db_table)} ({columns}) SELECT {values}"


@cache
def _statement_if_free(model: type[models.Model], when: str) -> str:
    return f"{_statement(model)} WHERE {when} ON CONFLICT DO NOTHING"


@cache
def _sources(model: type[models.Model]) -> list[tuple[str, "_Field | None"]]:
    """Give for each column the row's attribute, and the field if its value must be made first."""
    return [
        (field.attname, None if _goes_as_it_is(field) else field)
        for field in _fields(model).values()
    ]


def _goes_as_it_is(field: "_Field") -> bool:
    is_now = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
    return isinstance(field, _PLAIN) and not is_now


def _values(row: models.Model) -> list[Any]:
    database = connections[DEFAULT_DB_ALIAS]
    return [
        field.get_db_prep_save(field.pre_save(row, add=True), database)
        if field
        else getattr(row, name)
        for name, field in _sources(type(row))
    ]
