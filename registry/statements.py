"""Statements written by hand, which a connection parses and plans once and not at each call.

The ORM's statements differ from call to call; these do not, and planning them takes the database
longer than running them.
"""

from typing import Any

import psycopg
from django.db import connection
from django.db.backends.utils import CursorWrapper
from psycopg.pq import TransactionStatus

# Its columns have changed since it was prepared (the state says no more than that something
# cannot be done), or a pooler has had the session forget it.
_STALE_PLAN = "cached plan must not change result type"


def is_outdated(error: psycopg.Error) -> bool:
    """Tell whether the database no longer runs what it had prepared; prepared anew, it may."""
    return isinstance(error, psycopg.errors.InvalidSqlStatementName) or (
        isinstance(error, psycopg.errors.FeatureNotSupported) and _STALE_PLAN in str(error)
    )


class _PreparedCursor(psycopg.Cursor[Any]):
    """Has each statement prepared by its connection at its first use."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        """Run a statement, prepared; anew if the database had to drop it and nothing is lost."""
        options["prepare"] = True
        try:
            return super().execute(query, params, **options)
        except psycopg.Error as error:
            is_alone = self.connection.info.transaction_status == TransactionStatus.IDLE
            if not (is_alone and is_outdated(error)):
                raise
        # The driver forgets its names with this statement, and makes new ones.
        self.connection.execute("DEALLOCATE ALL")
        return super().execute(query, params, **options)


def prepared() -> CursorWrapper:
    """Give a cursor for statements that stay the same; otherwise as `connection.cursor()`.

    A rollback makes the connection forget them, and the next use prepares them anew.
    """
    if connection.queries_logged:
        # Who reads a log wants to see the values too, and only the client puts them in.
        return connection.cursor()
    connection.ensure_connection()
    cursor: Any = _PreparedCursor(connection.connection)
    return connection.make_cursor(cursor)
