"""Two steps on one pair at the same moment, each on a connection of its own; and without guards."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import combinations_with_replacement
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError, connection

from consent import actions
from consent.actions import ending, giving
from consent.models import Consent, ConsentEvent
from consent.notices import Outdated
from consent.tests.factories import give
from consent.tests.test_races import assert_history_is_valid
from registry.models import InsuranceProvider, User
from registry.tests.factories import NOW, make_provider, make_user
from registry.tests.races import at_once, outcomes

pytestmark = pytest.mark.django_db(transaction=True)
OUTDATED = Outdated(("2026-11",), actions.REMINDED_BEFORE)
STEPS = ("give", "change", "withdraw", "ask_again")


@pytest.fixture
def user() -> User:
    return make_user()


@pytest.fixture
def provider() -> InsuranceProvider:
    return make_provider()


def step(name: str, user: User, consent: Consent) -> Callable[[], object]:
    """Give one step on the pair, to be done later."""
    given: dict[str, Any] = {"consent": consent, "by": user, "at": NOW}
    terms: dict[str, Any] = {"expires_at": None, "language": "en"}
    steps: dict[str, Callable[[], object]] = {
        "give": partial(give, user, consent.insurance_provider),
        "change": partial(
            actions.change, data_classes=["profile", "credentials"], **terms, **given
        ),
        "withdraw": partial(actions.withdraw, **given),
        "ask_again": partial(actions.ask_again, consent=consent, outdated=OUTDATED, at=NOW),
    }
    return steps[name]


@pytest.mark.parametrize("is_on", [True, False])
@pytest.mark.parametrize("names", list(combinations_with_replacement(STEPS, 2)), ids=" and ".join)
def test_two_steps_at_once_leave_one_valid_history(
    names: tuple[str, str], user: User, provider: InsuranceProvider, *, is_on: bool
) -> None:
    consent = give(user, provider)
    if not is_on:
        actions.withdraw(consent=consent, by=user, at=NOW)

    answers = at_once(*(step(name, user, consent) for name in names))

    assert_history_is_valid(consent)
    if set(names) == {"withdraw"}:
        done = outcomes(answers).count("done")
        assert done == int(is_on)


@pytest.fixture
def _no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two steps read the pair as it stands and wait for each other, without locks."""
    both_have_looked = Barrier(2, timeout=30)

    def look(consent: Consent) -> Consent:
        standing = Consent.objects.get(pk=consent.pk)
        both_have_looked.wait()
        return standing

    for module in (giving, ending):
        monkeypatch.setattr(module, "lock", look)


@contextmanager
def no_number_is_taken() -> Iterator[None]:
    """Let two steps have the same version, until the block ends."""
    guards = ConsentEvent._meta.constraints
    (guard,) = (one for one in guards if one.name == "consent_event_version_once")
    with connection.schema_editor() as editor:
        editor.remove_constraint(ConsentEvent, guard)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE consent_events DISABLE TRIGGER USER")
            cursor.execute("DELETE FROM consent_events")
            cursor.execute("ALTER TABLE consent_events ENABLE TRIGGER USER")
        with connection.schema_editor() as editor:
            editor.add_constraint(ConsentEvent, guard)


@pytest.mark.usefixtures("_no_locks")
def test_without_the_locks_the_database_takes_only_one_of_two_steps(
    user: User, provider: InsuranceProvider
) -> None:
    consent = give(user, provider)

    with pytest.raises(IntegrityError, match="consent_event_version_once"):
        at_once(step("change", user, consent), step("withdraw", user, consent))

    assert_history_is_valid(consent)


@pytest.mark.usefixtures("_no_locks")
def test_without_any_guard_two_steps_at_once_are_no_valid_history(
    user: User, provider: InsuranceProvider
) -> None:
    consent = give(user, provider)

    with no_number_is_taken():
        at_once(step("change", user, consent), step("withdraw", user, consent))

        with pytest.raises(AssertionError):
            assert_history_is_valid(consent)
