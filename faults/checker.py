"""The judge: what a history shows to be lost, duplicated, reordered, invented or leaked.

It reads nothing but the history, so it can be tried with histories that must fail.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from faults.history import (
    COMMITTED,
    FEED,
    ROLLED_BACK,
    WEBHOOK,
    Change,
    Entry,
    Heard,
    Killed,
    Listens,
    Withdrew,
    Wrote,
    of_kind,
)

# What had left before a consent was withdrawn may still be on its way.
ON_ITS_WAY_SECONDS = 1.0
# An event that has failed so often may be passed by newer ones of its subject.
PASSED_AFTER = 3


@dataclass(frozen=True)
class Verdict:
    """What is wrong, one line each, and what may be.

    Events may come again, under the same id, after a kill; and late, where newer ones passed them.
    """

    lost: tuple[str, ...]
    duplicated: tuple[str, ...]
    reordered: tuple[str, ...]
    invented: tuple[str, ...]
    leaked: tuple[str, ...]
    repeated: int = 0
    kills: int = 0
    passed: int = 0

    @property
    def wrong(self) -> dict[str, tuple[str, ...]]:
        """Give what is wrong by its name, whether there is any or not."""
        names = ("lost", "duplicated", "reordered", "invented", "leaked")
        return {name: getattr(self, name) for name in names}

    @property
    def is_good(self) -> bool:
        return not any(self.wrong.values())

    def __str__(self) -> str:
        counts = [f"{name} {len(lines)}" for name, lines in self.wrong.items()]
        if self.kills:
            counts.append(f"sent again {self.repeated} with {self.kills} kills")
        if self.passed:
            counts.append(f"passed after {PASSED_AFTER} failures {self.passed}")
        return ", ".join(counts)


def judge(entries: Sequence[Entry]) -> Verdict:
    """Judge a history in which everything that was on its way has arrived."""
    case = _Case(entries)
    repeated = sum(
        len(ids) - len(set(ids)) for ids in map(case.accepted_ids, case.listeners(WEBHOOK))
    )
    return Verdict(
        lost=tuple(case.lost()),
        duplicated=(*case.duplicated(), *_too_many(repeated, case.kills)),
        reordered=tuple(case.overtaken(may_be=False)),
        invented=tuple(case.invented()),
        leaked=tuple(case.leaked()),
        repeated=repeated,
        kills=len(case.kills),
        passed=len(list(case.overtaken(may_be=True))),
    )


def lags(
    entries: Sequence[Entry], *, way: str, doctors: Iterable[str] = (), since: float = 0
) -> list[float]:
    """Give the seconds from each commit to the first attempt for each listener, shortest first.

    Args:
        way: `FEED` or `WEBHOOK`.
        doctors: whose changes count; none means all.
        since: instant from which changes count.
    """
    listeners = {one.listener for one in of_kind(entries, Listens) if one.way == way}
    first: dict[tuple[str, Change], float] = {}
    for heard in of_kind(entries, Heard):
        if heard.listener in listeners:
            key = (heard.listener, heard.change)
            first[key] = min(heard.at, first.get(key, heard.at))
    wanted = set(doctors)
    committed_at = {
        wrote.change: wrote.committing_at
        for wrote in of_kind(entries, Wrote)
        if wrote.outcome == COMMITTED
        and wrote.committing_at >= since
        and (not wanted or wrote.doctor in wanted)
    }
    return sorted(
        at - committed_at[change] for (_, change), at in first.items() if change in committed_at
    )


def share(seconds: Sequence[float], part: float) -> float:
    """Give the least that so much of them, sorted, does not exceed; infinite when there is none."""
    if not seconds:
        return float("inf")
    return seconds[min(int(len(seconds) * part), len(seconds) - 1)]


class _Case:
    """A history, ordered for its judge."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._listens = of_kind(entries, Listens)
        self._wrote = {wrote.change: wrote for wrote in of_kind(entries, Wrote)}
        self._withdrawn = {(w.insurer, w.doctor): w.at for w in of_kind(entries, Withdrew)}
        self.kills = of_kind(entries, Killed)
        self._heard: dict[str, list[Heard]] = defaultdict(list)
        for heard in sorted(of_kind(entries, Heard), key=lambda one: one.at):
            self._heard[heard.listener].append(heard)

    def listeners(self, way: str) -> list[str]:
        return [one.listener for one in self._listens if one.way == way]

    def accepted_ids(self, listener: str) -> list[str]:
        return [heard.message_id for heard in self._accepted(listener)]

    def lost(self) -> Iterator[str]:
        for one in self._listens:
            heard = {heard.change for heard in self._accepted(one.listener)}
            for change in self._expected(one) - heard:
                yield f"{one.listener} never heard {change}"
            if one.way == FEED:
                yield from self._gaps(one.listener)

    def duplicated(self) -> Iterator[str]:
        for one in self._listens:
            ids_of, changes_of = defaultdict(set), defaultdict(list)
            for heard in self._accepted(one.listener):
                ids_of[heard.change].add((heard.message_id, heard.number))
                changes_of[heard.number].append(heard.change)
            for change, ids in ids_of.items():
                if len(ids) > 1:
                    yield f"{one.listener} heard {change} as {sorted(ids)}"
            for number, changes in changes_of.items():
                if one.way == FEED and len(changes) > 1:
                    yield f"{one.listener} read {len(changes)} entries with the number {number}"

    def overtaken(self, *, may_be: bool) -> Iterator[str]:
        """Find what came after a newer version: where that may be, or where it must not."""
        for one in self._listens:
            of_subject: dict[str, list[Heard]] = defaultdict(list)
            for heard in self._first_accepted(one):
                of_subject[heard.change.subject].append(heard)
            for in_order in of_subject.values():
                for late, earlier in _inversions(in_order):
                    if may_be == self._had_failed(late, before=earlier):
                        yield f"{one.listener} heard {late.change} after {earlier[0].change}"

    def invented(self) -> Iterator[str]:
        for listener, all_heard in self._heard.items():
            for heard in all_heard:
                wrote = self._wrote.get(heard.change)
                if wrote is None or wrote.outcome == ROLLED_BACK:
                    yield f"{listener} heard {heard.change}, which nobody committed"

    def leaked(self) -> Iterator[str]:
        for one in self._listens:
            for heard in self._heard[one.listener]:
                if heard.doctor not in one.doctors:
                    yield f"{one.listener} heard {heard.change} of a doctor it may not see"
                elif self._is_after_withdrawal(one, heard):
                    yield f"{one.listener} heard {heard.change} after the withdrawal"

    def _expected(self, one: Listens) -> set[Change]:
        doctors = set(one.doctors)
        return {
            wrote.change
            for wrote in self._wrote.values()
            if wrote.outcome == COMMITTED
            and wrote.doctor in doctors
            and wrote.insurer in {"", one.insurer}
            and not (wrote.has_data and (one.insurer, wrote.doctor) in self._withdrawn)
        }

    def _gaps(self, listener: str) -> Iterator[str]:
        numbers = {heard.number for heard in self._accepted(listener)}
        for number in set(range(1, max(numbers, default=0) + 1)) - numbers:
            yield f"{listener} has no entry with the number {number}"

    def _accepted(self, listener: str) -> list[Heard]:
        return [heard for heard in self._heard[listener] if heard.accepted]

    def _first_accepted(self, one: Listens) -> list[Heard]:
        first: dict[Change, Heard] = {}
        for heard in self._accepted(one.listener):
            first.setdefault(heard.change, heard)
        found = list(first.values())
        return sorted(found, key=lambda heard: heard.number) if one.way == FEED else found

    def _had_failed(self, late: Heard, *, before: Sequence[Heard]) -> bool:
        """Tell whether it had failed often enough before any that passed it was tried at all."""
        passing = {heard.change for heard in before}
        tries = self._heard[late.listener]
        first_try = min(heard.at for heard in tries if heard.change in passing)
        failures = [h for h in tries if h.change == late.change and not h.accepted]
        return sum(failure.at < first_try for failure in failures) >= PASSED_AFTER

    def _is_after_withdrawal(self, one: Listens, heard: Heard) -> bool:
        withdrawn_at = self._withdrawn.get((one.insurer, heard.doctor))
        wrote = self._wrote.get(heard.change)
        if withdrawn_at is None or wrote is None or not wrote.has_data:
            return False
        # A feed may be read as late as one likes; what is in it must have been put there before.
        left_at = wrote.committing_at if one.way == FEED else heard.at - ON_ITS_WAY_SECONDS
        return left_at > withdrawn_at


def _inversions(in_order: Sequence[Heard]) -> Iterator[tuple[Heard, list[Heard]]]:
    """Give each that came after newer ones, with those."""
    newest = 0
    for place, heard in enumerate(in_order):
        if heard.change.version < newest:
            earlier = in_order[:place]
            yield heard, [one for one in earlier if one.change.version > heard.change.version]
        newest = max(newest, heard.change.version)


def _too_many(repeated: int, kills: Sequence[Killed]) -> Iterator[str]:
    if repeated > sum(killed.sends for killed in kills):
        yield f"{repeated} events came again, and only {len(kills)} processes were killed"
