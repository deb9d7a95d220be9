"""What must be true before DocPort serves real people."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.management import call_command
from django.db import connections

ROLE_IS_SUPERUSER = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
SUPERUSER = Error(
    "The database role is a superuser.",
    hint="Give DATABASE_URL a role of its own that owns the database and nothing else.",
    id="docport.E001",
)


@register(Tags.database)
def database_role_is_no_superuser(
    *, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """Refuse a role for which PostgreSQL skips every permission, in production."""
    if not settings.PRODUCTION:
        return []
    return [SUPERUSER for alias in databases or [] if _is_superuser(alias)]


def _is_superuser(alias: str) -> bool:
    with connections[alias].cursor() as cursor:
        cursor.execute(ROLE_IS_SUPERUSER)
        return bool(cursor.fetchone()[0])


def before_serving() -> None:
    """Stop a process that is about to serve in production on a database it must not use."""
    if settings.PRODUCTION:
        call_command("check", databases=["default"], tags=[Tags.database])
