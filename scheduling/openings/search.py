from collections import defaultdict
from datetime import datetime, timedelta
from heapq import nsmallest
from itertools import chain
from uuid import UUID

from registry.models import InsuranceProvider
from scheduling import diary, slots
from scheduling.openings.candidates import Candidate, Candidates
from scheduling.openings.wanted import Found, Wanted

_INSTANT = timedelta(microseconds=1)
# No local date lasts longer.
_LONGEST_DAY = timedelta(hours=26)
# Some more than asked for: a place may be held, and the next one tells that none is earlier.
_SPARE = 5


def earliest(
    *, provider: InsuranceProvider, wanted: Wanted, at: datetime, limit: int
) -> list[Found]:
    """Find the earliest free slots of all doctors whose hours an insurer may see.

    They are what a list of all these doctors' free slots would begin with, in the order of start
    and then of doctor. Open days are looked at in the order in which they could begin, until none
    is left that could begin before what is found.

    Args:
        at: aware instant of the question.
        limit: how many slots at most, over all doctors.
    """
    return _Search(provider, wanted, at, limit).run()


class _Search:
    def __init__(
        self, provider: InsuranceProvider, wanted: Wanted, at: datetime, limit: int
    ) -> None:
        self._wanted, self._at, self._limit = wanted, at, limit
        self._candidates = Candidates(provider, wanted, at)
        self._found: dict[UUID, list[Found]] = defaultdict(list)
        self._result: list[Found] = []
        self._looked_at: set[tuple[object, ...]] = set()

    def run(self) -> list[Found]:
        size, finished = self._limit + _SPARE, list[UUID]()
        while True:
            page = self._candidates.first(size, without=finished)
            self._look_through(page)
            if len(page) < size or self._is_settled(page[-1].turn, page[-1].doctor_id):
                return self._result
            finished = [
                doctor_id for doctor_id in self._found if self._has_all_of(doctor_id, page[-1].turn)
            ]
            size *= 4

    def _look_through(self, page: list[Candidate]) -> None:
        """Look at the open days of a page, until none of them can change the result."""
        left = sorted(
            (one.could_begin_at, one.doctor_id, one) for one in page if one.could_begin_at
        )
        while left := [one for one in left if self._is_worth_a_look(*one)]:
            if self._is_settled(*left[0][:2]):
                return
            # One day of each doctor at once: it may well have all that is wanted of the doctor.
            batch: dict[UUID, tuple[datetime, Candidate]] = {}
            for begin_at, doctor_id, one in left:
                batch.setdefault(doctor_id, (begin_at, one))
            self._look_at(list(batch.values())[: self._limit])

    def _is_worth_a_look(self, begin_at: datetime, doctor_id: UUID, one: Candidate) -> bool:
        return one.day not in self._looked_at and not self._has_all_of(doctor_id, begin_at)

    def _has_all_of(self, doctor_id: UUID, before: datetime) -> bool:
        """Tell whether as many slots as are wanted of a doctor start no later than an instant."""
        found = self._found.get(doctor_id, [])
        most = self._wanted.per_doctor
        return len(found) >= most and found[most - 1].slot.starts_at <= before

    def _is_settled(self, starts_at: datetime, doctor_id: UUID) -> bool:
        """Tell whether nothing that starts at an instant or later can change the result."""
        if len(self._result) < self._limit:
            return False
        return _place_in_time(self._result[-1]) <= (starts_at, doctor_id)

    def _look_at(self, batch: list[tuple[datetime, Candidate]]) -> None:
        """Compute the free slots of some days, each from when it could begin."""
        missed = batch
        if self._wanted.per_doctor == 1:
            # What begins then is free, unless it is held or the registration has ended.
            missed = self._compute(batch, _INSTANT)
        if missed:
            self._compute(missed, _LONGEST_DAY)
        self._looked_at.update(one.day for _, one in batch)
        most = self._wanted.per_doctor
        firsts = chain.from_iterable(found[:most] for found in self._found.values())
        self._result = nsmallest(self._limit, firsts, key=_place_in_time)

    def _compute(
        self, batch: list[tuple[datetime, Candidate]], period: timedelta
    ) -> list[tuple[datetime, Candidate]]:
        """Add the free slots that start within a period; give those days that have none then."""
        schedules = diary.load_many(
            doctor_ids=[one.doctor_id for _, one in batch],
            starts_at=min(begin_at for begin_at, _ in batch),
            ends_at=max(begin_at for begin_at, _ in batch) + period,
            at=self._at,
        )
        missed = []
        for begin_at, one in batch:
            free = slots.free_slots(
                schedules[one.doctor_id],
                starts_at=begin_at,
                ends_at=min(begin_at + period, self._wanted.ends_at),
                at=self._at,
            )
            new = [
                Found(one.doctor_id, slot, one.distance_km)
                for slot in free
                if (slot.location_id, slot.mode, slot.local_date) == one.day[1:]
            ]
            if new:
                self._found[one.doctor_id] = sorted(
                    [*self._found[one.doctor_id], *new], key=_place_in_time
                )
            else:
                missed.append((begin_at, one))
        return missed


def _place_in_time(one: Found) -> tuple[datetime, UUID]:
    return one.slot.starts_at, one.doctor_id
