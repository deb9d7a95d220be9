from collections.abc import Iterator

import psycopg
import pytest
from django.db import (
    DataError,
    NotSupportedError,
    ProgrammingError,
    connection,
    transaction,
)
from django.test.utils import CaptureQueriesContext

from registry.actions.transactions import tried_again
from registry.statements import prepared

pytestmark = pytest.mark.django_db(transaction=True)
_TWICE = "SELECT %(number)s::int * 2"


@pytest.fixture(autouse=True)
def _forget_what_tests_before_have_prepared() -> None:
    with transaction.atomic():
        run(1)
        transaction.set_rollback(True)


def run(number: int) -> object:
    with prepared() as cursor:
        cursor.execute(_TWICE, {"number": number})
        (found,) = cursor.fetchone() or (None,)
    return found


def kept() -> list[tuple[str, int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT statement, generic_plans, custom_plans FROM pg_prepared_statements "
            "WHERE statement LIKE 'SELECT $1::int%'"
        )
        return list(cursor.fetchall())


def test_a_connection_plans_a_statement_once() -> None:
    assert [run(number) for number in (1, 2, 3)] == [2, 4, 6]

    assert kept() == [("SELECT $1::int * 2", 3, 0)]


def test_after_a_rollback_it_is_prepared_anew() -> None:
    with transaction.atomic():
        run(1)
        transaction.set_rollback(True)

    assert run(2) == 4
    assert kept() == [("SELECT $1::int * 2", 1, 0)]


def test_errors_are_djangos() -> None:
    with pytest.raises(DataError, match="out of range"):
        run(2**31 - 1)


def test_who_reads_what_ran_sees_the_values() -> None:
    with CaptureQueriesContext(connection) as captured:
        assert run(21) == 42

    assert [query["sql"] for query in captured] == ["SELECT 21::int * 2"]


def test_other_statements_are_not_prepared() -> None:
    with connection.cursor() as cursor:
        for _ in range(10):
            cursor.execute(_TWICE, {"number": 1})

    assert kept() == []


@pytest.fixture
def another() -> Iterator[psycopg.Connection]:
    """A connection such as a migration has, with a table of its own."""
    wanted = ("dbname", "host", "port", "user", "password")
    given = connection.get_connection_params()
    with psycopg.connect(
        **{name: given[name] for name in wanted if name in given}, autocommit=True
    ) as other:
        other.execute("CREATE TABLE notes (text varchar(10))")
        other.execute("INSERT INTO notes VALUES ('kept')")
        yield other
        other.execute("DROP TABLE notes")


def read() -> object:
    with prepared() as cursor:
        cursor.execute("SELECT * FROM notes")
        return cursor.fetchone()


def read_in_transaction() -> object:
    with transaction.atomic():
        return read()


def test_a_table_that_another_connection_changed_is_read_at_once(
    another: psycopg.Connection,
) -> None:
    assert (read(), run(1)) == (("kept",), 2)

    another.execute("ALTER TABLE notes ADD COLUMN number int DEFAULT 7")

    assert [read(), read(), run(2)] == [("kept", 7), ("kept", 7), 4]


def test_in_a_transaction_it_is_read_when_that_is_tried_again(another: psycopg.Connection) -> None:
    read()
    another.execute("ALTER TABLE notes ADD COLUMN number int DEFAULT 7")

    with pytest.raises(NotSupportedError, match="result type"):
        read_in_transaction()
    assert read_in_transaction() == ("kept", 7)

    another.execute("ALTER TABLE notes DROP COLUMN number")
    assert tried_again(read) == ("kept",)


def forget_all() -> None:
    """Do what a pooler does between two clients, behind the driver's back."""
    connection.ensure_connection()
    connection.connection.pgconn.exec_(b"DISCARD ALL")


def test_a_session_that_has_forgotten_its_statements_prepares_them_anew() -> None:
    assert (run(1), run(2)) == (2, 4)
    forget_all()
    assert (run(3), run(4)) == (6, 8)

    forget_all()
    with pytest.raises(ProgrammingError, match="does not exist"), transaction.atomic():
        run(5)
    run(5)
    forget_all()
    assert tried_again(lambda: run(6)) == 12


def test_what_else_is_not_supported_is_an_error_as_ever() -> None:
    with pytest.raises(NotSupportedError), prepared() as cursor:
        cursor.execute("SELECT 1 UNION SELECT 2 FOR UPDATE")
