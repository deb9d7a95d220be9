from collections.abc import Callable

import psycopg
import pytest
from django.db import OperationalError, connection, transaction

from registry.actions.transactions import TooBusy, joining, tried_again
from registry.models import InsuranceProvider
from registry.tests.factories import make_provider

pytestmark = pytest.mark.django_db(transaction=True)


class Change:
    """Adds an insurer each time it runs, then fails as long as there are errors."""

    def __init__(self, *errors: Exception) -> None:
        self.runs, self.errors = 0, list(errors)

    def __call__(self) -> str:
        self.runs += 1
        make_provider()
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def caused_by(cause: Exception) -> OperationalError:
    error = OperationalError()
    error.__cause__ = cause
    return error


PASSING: list[Callable[[], Exception]] = [
    lambda: caused_by(psycopg.errors.DeadlockDetected()),
    lambda: caused_by(psycopg.errors.SerializationFailure()),
]


@pytest.mark.parametrize("action", [tried_again, lambda change: joining(change)()])
@pytest.mark.parametrize("error", PASSING)
def test_what_may_pass_is_tried_again_from_the_beginning(
    action: Callable[[Change], str], error: Callable[[], Exception]
) -> None:
    change = Change(error(), error())

    assert action(change) == "done"

    assert (change.runs, InsuranceProvider.objects.count()) == (3, 1)


@pytest.mark.parametrize("error", PASSING)
def test_after_three_tries_it_is_given_up(error: Callable[[], Exception]) -> None:
    change = Change(*(error() for _ in range(3)))

    with pytest.raises(TooBusy, match="Please try again"):
        tried_again(change)

    assert (change.runs, InsuranceProvider.objects.count()) == (3, 0)


@pytest.mark.parametrize("error", [OperationalError("gone"), ValueError()])
def test_any_other_failure_ends_it_at_once(error: Exception) -> None:
    change = Change(error)

    with pytest.raises(type(error)):
        tried_again(change)

    assert (change.runs, InsuranceProvider.objects.count()) == (1, 0)


def test_a_joining_action_is_part_of_its_callers_transaction() -> None:
    change = Change()

    with transaction.atomic():
        assert joining(change)() == "done"
        assert connection.savepoint_ids == []
        transaction.set_rollback(True)

    assert not InsuranceProvider.objects.exists()


def test_its_caller_decides_what_becomes_of_a_deadlock() -> None:
    change = Change(caused_by(psycopg.errors.DeadlockDetected()))

    with pytest.raises(OperationalError), transaction.atomic():
        joining(change)()

    assert change.runs == 1
