"""Statements written by hand, which a connection parses and plans once and not at each call.

The ORM's statements differ from call to call; these do not, and planning them takes the database
longer than running them. The way there and back takes as long again: statements that need no
answer of each other are sent in one go, by `together` or `with_the_commit`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.utils import CursorWrapper
from psycopg.pq import TransactionStatus

Values = Sequence[Any] | Mapping[str, Any]

_waiting: ContextVar[list[tuple[str, Values]] | None] = ContextVar("waiting", default=None)

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
    # Looked up once: it is the thread's own, which takes longer to find than to use.
    database = connections[DEFAULT_DB_ALIAS]
    if database.queries_logged:
        # Who reads a log wants to see the values too, and only the client puts them in.
        return database.cursor()
    if database.connection is None:
        database.ensure_connection()
    cursor: Any = _PreparedCursor(database.connection)
    return database.make_cursor(cursor)


def ask(statement: str, values: Values) -> CursorWrapper:
    """Run a statement that stays the same; give the cursor that has its rows."""
    cursor = prepared()
    cursor.execute(statement, values)
    return cursor


@contextmanager
def together() -> Iterator[None]:
    """Send what a block asks without waiting; its rows are there when the block has ended.

    The database runs one statement after the other, each as if it had come alone: what follows
    one that waits for a lock sees what was committed meanwhile.
    """
    database: Any = connections[DEFAULT_DB_ALIAS]
    database.ensure_connection()
    with database.wrap_database_errors, database.connection.pipeline():
        yield


def write(statement: str, values: Values) -> None:
    """Run a statement whose result nobody needs before the commit, now or `with_the_commit`."""
    waiting = _waiting.get()
    # What a savepoint undoes must have been done.
    if waiting is None or connections[DEFAULT_DB_ALIAS].savepoint_ids:
        ask(statement, values)
    else:
        waiting.append((statement, values))


@contextmanager
def with_the_commit() -> Iterator[None]:
    """Keep what a transaction's block wants to `write`, and send it in one go with the commit.

    It ends the transaction, so it stands just inside of the outermost `atomic`. What is written
    breaks a rule only then: the error is the block's, and everything is rolled back.
    """
    waiting: list[tuple[str, Values]] = []
    token = _waiting.set(waiting)
    try:
        yield
    finally:
        _waiting.reset(token)
    database: Any = connections[DEFAULT_DB_ALIAS]
    if waiting and not database.needs_rollback:
        with together():
            cursor = prepared()
            for statement, values in waiting:
                cursor.execute(statement, values)
            # Django commits a moment later; the driver knows that there is nothing left to do.
            database.connection.execute("COMMIT")
