import pytest
from django.db import DataError, connection, transaction
from django.test.utils import CaptureQueriesContext

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
