"""Statements that are sent in one go: `together`, and `with_the_commit`."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from time import monotonic, sleep

import psycopg
import pytest
from django.db import DataError, IntegrityError, connection, transaction

from registry.actions.transactions import tried_again
from registry.statements import ask, together, with_the_commit, write

pytestmark = pytest.mark.django_db(transaction=True)
_TWICE = "SELECT %s::int * 2"
_ADD = "INSERT INTO notes VALUES (%s)"


@pytest.fixture
def another() -> Iterator[psycopg.Connection]:
    """Somebody else's connection, and a table that takes each note once."""
    wanted = ("dbname", "host", "port", "user", "password")
    given = connection.get_connection_params()
    with psycopg.connect(
        **{name: given[name] for name in wanted if name in given}, autocommit=True
    ) as other:
        other.execute("CREATE TABLE notes (text varchar(10) PRIMARY KEY)")
        yield other
        other.execute("DROP TABLE notes")


def notes() -> list[str]:
    rows = ask("SELECT text FROM notes ORDER BY text", ()).fetchall()
    return [text for (text,) in rows]


def test_what_is_asked_together_is_answered_when_the_block_has_ended() -> None:
    with together():
        first, second = ask(_TWICE, [1]), ask(_TWICE, [2])

    assert (first.fetchone(), second.fetchone()) == ((2,), (4,))


def test_of_what_is_asked_together_the_first_error_is_told() -> None:
    def ask_for_too_much() -> None:
        with together():
            ask(_TWICE, [2**31 - 1])
            ask(_TWICE, [1])

    with pytest.raises(DataError, match="out of range"):
        ask_for_too_much()

    assert ask(_TWICE, [2]).fetchone() == (4,)


def test_what_follows_a_lock_sees_what_was_committed_meanwhile(
    another: psycopg.Connection,
) -> None:
    another.execute(_ADD, ["old"])

    def read_when_locked() -> object:
        try:
            with transaction.atomic(), together():
                ask("SELECT pg_advisory_xact_lock(%s)", [1])
                read = ask("SELECT text FROM notes", ())
            return read.fetchone()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool, another.transaction():
        another.execute("SELECT pg_advisory_xact_lock(1)")
        asked = pool.submit(read_when_locked)
        wait_for_somebody_waiting(another)
        another.execute("UPDATE notes SET text = 'new'")

    assert asked.result() == ("new",)


def wait_for_somebody_waiting(another: psycopg.Connection) -> None:
    deadline = monotonic() + 60
    while monotonic() < deadline:
        waiting = another.execute("SELECT FROM pg_locks WHERE NOT granted").fetchone()
        if waiting is not None:
            return
        sleep(0.01)
    raise AssertionError("Nobody waited.")


def test_what_is_written_with_the_commit_is_there_after_it(another: psycopg.Connection) -> None:
    def add() -> list[str]:
        write(_ADD, ["first"])
        write(_ADD, ["second"])
        return notes()

    assert tried_again(add) == []

    assert notes() == ["first", "second"]
    assert another.execute("SELECT count(*) FROM notes").fetchone() == (2,)


def test_what_is_to_run_after_the_commit_runs_after_it(another: psycopg.Connection) -> None:
    committed: list[object] = []

    def add() -> None:
        write(_ADD, ["first"])
        transaction.on_commit(lambda: committed.append(another.execute("TABLE notes").fetchone()))

    tried_again(add)

    assert committed == [("first",)]


def test_a_rule_that_it_breaks_undoes_everything(another: psycopg.Connection) -> None:
    def add() -> None:
        ask(_ADD, ["first"])
        write(_ADD, ["second"])
        write(_ADD, ["first"])

    with pytest.raises(IntegrityError, match="notes_pkey"):
        tried_again(add)

    assert notes() == []


def test_when_the_block_fails_nothing_is_written(another: psycopg.Connection) -> None:
    def fail() -> None:
        write(_ADD, ["first"])
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  Ours.
        tried_again(fail)
    assert notes() == []

    def give_up() -> None:
        write(_ADD, ["first"])
        transaction.set_rollback(True)

    tried_again(give_up)
    assert notes() == []


def test_a_savepoint_undoes_what_was_written_in_it(another: psycopg.Connection) -> None:
    def add() -> None:
        with suppress(ValueError), transaction.atomic():
            write(_ADD, ["first"])
            raise ValueError
        write(_ADD, ["second"])

    tried_again(add)

    assert notes() == ["second"]


def test_without_a_commit_to_wait_for_it_is_written_at_once(another: psycopg.Connection) -> None:
    with transaction.atomic():
        write(_ADD, ["first"])
        assert notes() == ["first"]


def test_a_transaction_that_wrote_nothing_is_committed_as_ever(
    another: psycopg.Connection,
) -> None:
    with transaction.atomic(), with_the_commit():
        ask(_ADD, ["first"])

    assert another.execute("TABLE notes").fetchall() == [("first",)]
