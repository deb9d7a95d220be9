from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faults import checker
from faults.history import (
    COMMITTED,
    FEED,
    ROLLED_BACK,
    UNKNOWN,
    WEBHOOK,
    Entry,
    Heard,
    Killed,
    Withdrew,
)
from faults.history import History as Noted
from faults.tests.histories import (
    ACME,
    ACME_FEED,
    DAMAGES,
    LEFT,
    ZEN,
    good_history,
    heard,
    histories,
    revoked,
    wrote,
)

TWO_VERSIONS = [wrote("asha", 1), wrote("asha", 2, at=2.0)]


def wrong(entries: list[Entry]) -> set[str]:
    return {name for name, lines in checker.judge(entries).wrong.items() if lines}


def test_a_good_history_has_nothing_wrong() -> None:
    verdict = checker.judge(good_history(TWO_VERSIONS))

    assert verdict.is_good
    assert str(verdict) == "lost 0, duplicated 0, reordered 0, invented 0, leaked 0"


@given(histories())
def test_no_good_history_is_found_wanting(history: list[Entry]) -> None:
    assert checker.judge(history).is_good


@pytest.mark.parametrize("damage", DAMAGES)
@given(history=histories(), chance=st.randoms(use_true_random=False))
def test_a_damage_is_always_found(damage: str, history: list[Entry], chance: Random) -> None:
    do_damage, verdict = DAMAGES[damage]

    assert verdict in wrong(do_damage(history, chance))


def test_what_was_rolled_back_need_not_be_heard_and_must_not_be() -> None:
    undone = wrote("asha", 3, ROLLED_BACK)
    history = good_history([*TWO_VERSIONS, undone])

    assert wrong(history) == set()
    assert wrong([*history, heard(ACME, undone, 3, at=9.0)]) == {"invented"}


def test_what_nobody_knows_to_be_committed_may_be_heard_or_not() -> None:
    unsure = wrote("asha", 3, UNKNOWN)
    history = good_history([*TWO_VERSIONS, unsure])

    assert wrong(history) == set()
    assert wrong([*history, heard(ACME, unsure, 3, at=9.0)]) == set()


def test_an_event_may_come_again_as_often_as_something_was_killed() -> None:
    history = good_history(TWO_VERSIONS, kills=1)
    again = heard(ACME, TWO_VERSIONS[0], 1, at=9.0)

    verdict = checker.judge([*history, again])

    assert verdict.is_good
    assert str(verdict).endswith("leaked 0, sent again 1 with 1 kills")
    assert wrong([*history, again, replace(again, at=9.1)]) == {"duplicated"}


def test_an_event_that_was_not_accepted_is_lost_until_it_is() -> None:
    *history, last = good_history([wrote("asha", 1)])
    assert isinstance(last, Heard)
    history.append(replace(last, accepted=False))

    assert wrong(history) == {"lost"}
    assert wrong([*history, last]) == set()


def test_versions_count_in_the_order_in_which_they_were_accepted() -> None:
    history = good_history(TWO_VERSIONS)
    first = next(e for e in history if e == heard(ACME, TWO_VERSIONS[0], 1, at=1.1))
    assert not isinstance(first, Killed)
    others = [entry for entry in history if entry is not first]

    late = heard(ACME, TWO_VERSIONS[0], 1, at=9.0)

    assert wrong([*others, late]) == {"reordered"}
    assert wrong([*history, replace(late, accepted=False)]) == set()


@pytest.mark.parametrize(("failures", "verdict"), [(2, {"reordered"}), (3, set())])
def test_a_newer_version_may_pass_one_that_has_failed_three_times(
    failures: int, verdict: set[str]
) -> None:
    history = good_history(TWO_VERSIONS)
    late = heard(ACME, TWO_VERSIONS[0], 1, at=9.0)
    history.remove(heard(ACME, TWO_VERSIONS[0], 1, at=1.1))
    history += [replace(late, accepted=False, at=1.1 + try_ / 10) for try_ in range(failures)]

    judged = checker.judge([*history, late])

    assert wrong([*history, late]) == verdict
    assert judged.passed == (not verdict)
    assert str(judged).endswith("passed after 3 failures 1") == (not verdict)


def test_after_a_withdrawal_only_its_news_leaves() -> None:
    before = wrote(LEFT, 1)
    history = [*good_history([before, revoked(LEFT)]), Withdrew("acme", LEFT, 50.1)]
    under_way, later = heard(ACME, before, 1, at=50.5), heard(ACME, before, 1, at=60.0)

    assert wrong(history) == set()
    assert wrong([*history, Killed("worker", 1.0), under_way]) == set()
    assert wrong([*history, Killed("worker", 1.0), later]) == {"leaked"}
    assert wrong([*history, heard(ZEN, before, 1, at=60.0), Killed("worker", 1.0)]) == set()


def test_what_changes_after_a_withdrawal_is_not_in_the_feed() -> None:
    history = [*good_history([revoked(LEFT)]), Withdrew("acme", LEFT, 50.1)]
    later = wrote(LEFT, 1, at=52.0)

    assert wrong([*history, later]) == {"lost"}
    assert wrong([*history, later, heard(ACME_FEED, later, 2, at=53.0)]) == {"leaked", "lost"}


def test_what_a_withdrawal_overtakes_is_not_lost_but_its_news_would_be() -> None:
    history = [*good_history([revoked(LEFT)]), Withdrew("acme", LEFT, 50.1)]
    overtaken = replace(wrote(LEFT, 1), insurer="acme")
    untold = [entry for entry in history if entry != heard(ACME, revoked(LEFT), 1, at=50.2)]

    assert wrong([*history, overtaken]) == set()
    assert wrong(untold) == {"lost"}


def test_lag_runs_from_the_beginning_of_the_commit_to_the_first_attempt() -> None:
    history = good_history([wrote("asha", 1), wrote("meera", 1, at=2.0)])
    refused = replace(heard(ACME, wrote("asha", 1), 1, at=1.05), accepted=False)

    seconds = checker.lags([*history, refused], way=WEBHOOK, doctors=["asha"])
    of_feed = checker.lags([*history, refused], way=FEED)

    assert seconds == pytest.approx([0.55, 0.6])
    assert of_feed == pytest.approx([0.6, 0.6])


def test_shares_of_lags() -> None:
    seconds = [float(number) for number in range(1, 101)]

    assert (checker.share(seconds, 0.5), checker.share(seconds, 0.99)) == (51.0, 100.0)
    assert checker.share([], 0.5) == float("inf")


def test_a_history_reads_as_it_was_noted(tmp_path: Path) -> None:
    entries = [*good_history([wrote("asha", 1, COMMITTED), revoked("asha")], kills=1)]
    entries.append(Withdrew("acme", "asha", 50.1))
    noted = Noted(tmp_path / "history.jsonl")

    noted.note(*entries[:3])
    noted.note(*entries[3:])

    assert noted.entries() == entries
    assert ACME_FEED in noted.entries()
