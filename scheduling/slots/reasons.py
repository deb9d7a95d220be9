"""What is against the slots of a sitting.

Each rule gives the numbers of the slots that it holds for. Most sittings lie far from every
limit, and their slots are never looked at.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import NamedTuple, Self

from scheduling.slots.plan import Sitting
from scheduling.slots.values import Closure, Reason, Schedule

# By the number of the slot, in the order of `Reason`; slots with nothing against them are left out.
Against = dict[int, tuple[Reason, ...]]
_Rule = tuple[Reason, Iterable[int]]


class Limits(NamedTuple):
    """What decides the reasons of one question, worked out once for all sittings."""

    schedule: Schedule
    soonest: datetime
    latest: datetime
    full_days: frozenset[date]

    @classmethod
    def at(cls, schedule: Schedule, at: datetime) -> Self:
        """Give the limits for a question that is asked at an instant."""
        rules = schedule.rules
        return cls(schedule, at + rules.lead_time, at + rules.horizon, full_days(schedule))

    def against(self, sitting: Sitting, full: Iterable[int]) -> Against:
        """Give what is against the slots of a sitting; `full` are those without a free lane."""
        against: Against = {}
        for rules in (self._of_the_place(sitting, full), self._of_time(sitting)):
            for reason, numbers in rules:
                for number in numbers:
                    against[number] = (*against.get(number, ()), reason)
        return against

    def _of_the_place(self, sitting: Sitting, full: Iterable[int]) -> Iterator[_Rule]:
        every = range(sitting.size)
        if self.schedule.closures:
            yield Reason.ON_LEAVE, slots_on_leave(sitting, self.schedule.closures)
        if sitting.terms.location_id in self.schedule.closed_places:
            yield Reason.PLACE_CLOSED, every
        yield Reason.TAKEN, full
        if sitting.local_date in self.full_days:
            yield Reason.DAY_FULL, every

    def _of_time(self, sitting: Sitting) -> Iterator[_Rule]:
        every = range(sitting.size)
        until = self.schedule.credential_until
        if sitting.starts_at < self.soonest:
            yield Reason.TOO_SOON, every[: sitting.begun_before(self.soonest)]
        if sitting.ends_at > self.latest:
            yield Reason.BEYOND_HORIZON, every[sitting.begun_before(self.latest) :]
        if until is not None and sitting.ends_at > until:
            yield Reason.CREDENTIAL_EXPIRED, every[sitting.begun_before(until) :]
        if not self.schedule.is_consented:
            yield Reason.NOT_CONSENTED, every


def full_days(schedule: Schedule) -> frozenset[date]:
    """Give the local dates on which the doctor has as many patients as the rules allow."""
    most = schedule.rules.most_per_day
    if most is None:
        return frozenset()
    patients = Counter(one.local_date for one in schedule.taken)
    return frozenset(day for day, count in patients.items() if count >= most)


def slots_on_leave(sitting: Sitting, closures: tuple[Closure, ...]) -> set[int]:
    """Give the numbers of the slots that leave touches."""
    closed: set[int] = set()
    for closure in closures:
        if closure.location_id in {None, sitting.terms.location_id}:
            closed.update(sitting.touched_by(closure.starts_at, closure.ends_at))
    return closed
