"""Rules that tables of several apps share, each a line where it is used."""

from collections.abc import Iterable

from django.db import migrations, models
from django.db.models import Q


def both_or_neither(first: str, second: str, *, name: str) -> models.CheckConstraint:
    """Demand that two columns are set together."""
    return models.CheckConstraint(
        condition=Q(**{f"{first}__isnull": True, f"{second}__isnull": True})
        | Q(**{f"{first}__isnull": False, f"{second}__isnull": False}),
        name=name,
    )


def one_of(column: str, choices: type[models.TextChoices], *, name: str) -> models.CheckConstraint:
    """Demand one of the choices that the model offers."""
    return models.CheckConstraint(condition=Q(**{f"{column}__in": choices.values}), name=name)


def only_when(column: str, state: Q, *, name: str) -> models.CheckConstraint:
    """Demand that a nullable column is set exactly in that state."""
    is_set = Q(**{f"{column}__isnull": False})
    return models.CheckConstraint(condition=(state & is_set) | (~state & ~is_set), name=name)


def subset_of(
    column: str, choices: type[models.TextChoices], *, name: str
) -> models.CheckConstraint:
    """Demand that an array holds nothing but the choices."""
    return models.CheckConstraint(
        condition=Q(**{f"{column}__contained_by": choices.values}), name=name
    )


def at_least(column: str, lowest: int, *, name: str) -> models.CheckConstraint:
    """Demand a number not below `lowest`; null passes."""
    return models.CheckConstraint(condition=Q(**{f"{column}__gte": lowest}), name=name)


def append_only(tables: Iterable[str]) -> migrations.RunSQL:
    """Let rows be added and never changed or removed, whoever asks.

    The migration that uses it comes after `registry.0001`, which makes the function.
    """
    up: list[str] = []
    down: list[str] = []
    for table in tables:
        up += [
            f"""CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
                FOR EACH ROW EXECUTE FUNCTION refuse_change()""",
            f"""CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
                FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()""",
        ]
        down += [
            f"DROP TRIGGER {table}_append_only ON {table}",
            f"DROP TRIGGER {table}_no_truncate ON {table}",
        ]
    return migrations.RunSQL("; ".join(up), "; ".join(down))


REFUSE_CHANGE = migrations.RunSQL(
    """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% rows are append-only: % is refused', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    "DROP FUNCTION refuse_change()",
)
