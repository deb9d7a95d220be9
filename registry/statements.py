"""Statements written by hand, which a connection parses and plans once and not at each call.

The ORM's statements differ from call to call; these do not, and planning them takes the database
longer than running them.
"""

from typing import Any

import psycopg
from django.db import connection
from django.db.backends.utils import CursorWrapper


class _PreparedCursor(psycopg.Cursor[Any]):
    """Has each statement prepared by its connection at its first use."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        """Run a statement, prepared."""
        return super().execute(query, params, **(options | {"prepare": True}))


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
