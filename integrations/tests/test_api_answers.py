from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, OperationalError, connection
from django.test.utils import CaptureQueriesContext

from integrations import representations
from integrations.actions import answers
from integrations.actions.answers import Answer, Refused, answer_once, forget_answers
from integrations.models import IdempotencyRecord
from registry.actions.transactions import lock_number
from registry.models import InsuranceProvider
from registry.tests.factories import NOW, make_provider
from scheduling.tests.clinic import Clinic
from scheduling.tests.races import outcome_after

pytestmark = pytest.mark.django_db


class Effect:
    """Adds an insurer each time it runs, then answers or raises."""

    def __init__(self, *errors: Exception, status: int = 201) -> None:
        self.runs, self.errors, self.status = 0, list(errors), status

    def __call__(self) -> Answer:
        self.runs += 1
        made = make_provider(slug=f"effect-{self.runs}")
        if self.errors:
            raise self.errors.pop(0)
        return Answer(self.status, {"slug": made.slug})


def ask(provider: InsuranceProvider, effect: Callable[[], Answer], **given: Any) -> Answer:
    values: dict[str, Any] = {
        "method": "POST",
        "route": "/appointments",
        "key": "key-1",
        "fingerprint": "a" * 64,
        "at": NOW,
    }
    return answer_once(provider=provider, effect=effect, **(values | given))


def effects() -> int:
    return InsuranceProvider.objects.filter(slug__startswith="effect-").count()


def test_the_effect_happens_once_and_its_answer_is_given_again() -> None:
    provider, effect = make_provider(), Effect()

    first, second = ask(provider, effect), ask(provider, effect)

    assert first == Answer(201, {"slug": "effect-1"})
    assert second == Answer(201, {"slug": "effect-1"}, replayed=True)
    assert effect.runs == 1


def test_a_refusal_undoes_its_effect_and_is_kept() -> None:
    provider = make_provider()
    effect = Effect(Refused(Answer(409, {"code": "slot_taken"})))

    first, second = ask(provider, effect), ask(provider, effect)

    assert (first.status, first.replayed) == (409, False)
    assert (second.status, second.replayed) == (409, True)
    assert (effect.runs, effects()) == (1, 0)


def test_a_failure_keeps_nothing() -> None:
    provider, effect = make_provider(), Effect(RuntimeError())

    with pytest.raises(RuntimeError):
        ask(provider, effect)

    assert not IdempotencyRecord.objects.exists()
    assert ask(provider, effect).status == 201
    assert effects() == 1


def test_another_fingerprint_is_refused() -> None:
    provider, effect = make_provider(), Effect()
    ask(provider, effect)

    with pytest.raises(answers.KeyReused):
        ask(provider, effect, fingerprint="b" * 64)

    assert effect.runs == 1


@pytest.mark.parametrize("other", [{"key": "key-2"}, {"route": "/holds"}, {"method": "PATCH"}])
def test_a_key_is_one_of_its_method_and_route(other: dict[str, str]) -> None:
    provider, effect = make_provider(), Effect()
    ask(provider, effect)

    assert not ask(provider, effect, **other).replayed
    assert effect.runs == 2


def test_an_answer_is_kept_for_72_hours() -> None:
    provider, effect = make_provider(), Effect()
    ask(provider, effect)
    last = NOW + timedelta(hours=72)

    assert ask(provider, effect, at=last - timedelta(seconds=1)).replayed
    assert not ask(provider, effect, at=last, fingerprint="b" * 64).replayed
    assert effect.runs == 2


def test_old_answers_are_forgotten() -> None:
    provider = make_provider()
    ask(provider, Effect())

    assert forget_answers(at=NOW + timedelta(hours=71)) == 0
    assert forget_answers(at=NOW + timedelta(hours=72)) == 1
    assert not IdempotencyRecord.objects.exists()


@pytest.mark.parametrize(
    "state", [psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure]
)
def test_a_deadlock_is_tried_again(state: type[Exception]) -> None:
    provider, effect = make_provider(), Effect(_caused_by(state()))

    assert ask(provider, effect).status == 201
    assert (effect.runs, effects()) == (2, 1)


def test_a_deadlock_each_time_is_given_up() -> None:
    error = _caused_by(psycopg.errors.DeadlockDetected())
    provider, effect = make_provider(), Effect(error, error, error)

    with pytest.raises(answers.TooBusy):
        ask(provider, effect)

    assert (effect.runs, effects()) == (3, 0)


def test_another_fault_of_the_database_is_not_tried_again() -> None:
    provider, effect = make_provider(), Effect(OperationalError("gone"))

    with pytest.raises(OperationalError):
        ask(provider, effect)

    assert effect.runs == 1


@contextmanager
def another_try(provider: InsuranceProvider) -> Iterator[None]:
    """Let another process work on the same key."""
    given = connection.get_connection_params()
    names = [name for name in ("dbname", "user", "host", "port") if name in given]
    with closing(psycopg.connect(**{name: given[name] for name in names})) as other:
        number = lock_number(f"{provider.pk} POST /appointments key-1")
        other.execute("SELECT pg_advisory_xact_lock(%s)", [number])
        yield
        # A rollback is answered only after the lock is gone; a close is not.
        other.rollback()


@pytest.mark.django_db(transaction=True)
def test_a_request_that_still_runs_is_not_run_beside() -> None:
    provider, effect = make_provider(), Effect()

    with another_try(provider), pytest.raises(answers.StillRunning):
        ask(provider, effect)

    assert effect.runs == 0
    assert ask(provider, effect).status == 201


@pytest.mark.django_db(transaction=True)
def test_what_was_answered_is_told_while_another_is_told_it() -> None:
    provider, effect = make_provider(), Effect()
    first = ask(provider, effect)

    with another_try(provider):
        assert ask(provider, effect) == replace(first, replayed=True)
        # An answer that has been forgotten may be about to be made anew.
        with pytest.raises(answers.StillRunning):
            ask(provider, effect, at=NOW + answers.KEPT_FOR)

    assert effect.runs == 1


@pytest.mark.django_db(transaction=True)
def test_the_answer_before_is_looked_for_once_the_key_is_locked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Here we wait for the lock, so that the first try ends between our question and our look."""
    monkeypatch.setattr(answers, "_TAKE_LOCK", "SELECT pg_advisory_xact_lock(%s) IS NOT NULL")
    provider, effect = make_provider(), Effect()

    def first_try() -> None:
        with connection.cursor() as cursor:
            number = lock_number(f"{provider.pk} POST /appointments key-1")
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])
        IdempotencyRecord.objects.create(
            insurance_provider=provider,
            method="POST",
            route="/appointments",
            key="key-1",
            fingerprint="a" * 64,
            status_code=201,
            body="{}",
            created_at=NOW,
            expires_at=NOW + answers.KEPT_FOR,
        )

    assert outcome_after(first_try, lambda: ask(provider, effect)) == "done"
    assert effect.runs == 0


@pytest.mark.django_db(transaction=True)
def test_a_booking_and_its_answer_take_few_statements() -> None:
    clinic = Clinic()

    def book() -> Answer:
        booked = clinic.book()
        return Answer(201, representations.appointment(booked), doctor_id=clinic.doctor.pk)

    # The lock on the key and the answer before; locks and consent; the diary; the row; the lock on
    # the open days, the diary anew and the open days as they stand; audit line, event, the open
    # day that differs and the answer. The other two begin and commit.
    with CaptureQueriesContext(connection) as captured:
        assert ask(clinic.insurer, book).status == 201

    assert len(captured) == 14


@pytest.mark.parametrize("status", [401, 403, 429, 500, 199])
def test_the_database_keeps_no_answer_that_may_change(status: int) -> None:
    with pytest.raises(IntegrityError, match="idempotency_keeps"):
        ask(make_provider(), Effect(status=status))


def _caused_by(cause: Exception) -> OperationalError:
    error = OperationalError()
    error.__cause__ = cause
    return error
