from django.db import IntegrityError
from django.utils.translation import gettext


class Refused(Exception):
    """An action changed nothing; the text says why, for the person who asked."""


def constraint_of(error: IntegrityError) -> str:
    """Name the constraint that the database found broken; empty when it names none."""
    diagnosis = getattr(error.__cause__, "diag", None)
    return getattr(diagnosis, "constraint_name", None) or ""


def sentence(parts: list[str]) -> str:
    """Join words as people do: `a, b and c`."""
    return gettext(" and ").join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
