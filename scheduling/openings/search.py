from collections import defaultdict
from datetime import datetime, timedelta
from heapq import nsmallest
from itertools import chain
from uuid import UUID

from registry.models import InsuranceProvider
from scheduling import diary, slots
from scheduling.openings.candidates import Candidate, Candidates
from scheduling.openings.wanted import Found, Wanted
from scheduling.slots import Slot

# No local date lasts longer.
_LONGEST_DAY = timedelta(hours=26)
# Some more than asked for: a place may be held, and the next one tells that none is earlier.
_SPARE = 2


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
        size, finished = self._limit + _SPARE, set[UUID]()
        if self._wanted.per_doctor == 1:
            page, are_all = self._candidates.first_of_each(size)
            self._take_firsts(page)
            if are_all or (page and self._is_settled(page[-1].turn, page[-1].doctor_id)):
                return self._result
            finished.update(one.doctor_id for one in page)
        while True:
            page = self._candidates.first(size, without=finished)
            self._look_through(page)
            if len(page) < size or self._is_settled(page[-1].turn, page[-1].doctor_id):
                return self._result
            finished.update(
                doctor_id for doctor_id in self._found if self._has_all_of(doctor_id, page[-1].turn)
            )
            size *= 4

    def _take_firsts(self, page: list[Candidate]) -> None:
        """Find the first free slot of each doctor of a page that has the first day of each."""
        for one in page:
            if one.first and one.could_begin_at == one.turn:
                self._found[one.doctor_id].append(one.first)
        self._rank()
        # Where the first day begins later than it could, or with a slot that may not be free,
        # another day may be earlier.
        if others := [one.doctor_id for one in page if one.doctor_id not in self._found]:
            self._look_through(self._candidates.of(others))

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
        return len(found) >= most and found[most - 1].starts_at <= before

    def _is_settled(self, starts_at: datetime, doctor_id: UUID) -> bool:
        """Tell whether nothing that starts at an instant or later can change the result."""
        if len(self._result) < self._limit:
            return False
        return _place_in_time(self._result[-1]) <= (starts_at, doctor_id)

    def _look_at(self, batch: list[tuple[datetime, Candidate]]) -> None:
        """Find the free slots of some days, each from when it could begin."""
        unsure = []
        for begin_at, one in batch:
            if one.first and self._wanted.per_doctor == 1:
                self._add(one.doctor_id, [one.first])
            else:
                unsure.append((begin_at, one))
        if unsure:
            self._compute(unsure)
        self._looked_at.update(one.day for _, one in batch)
        self._rank()

    def _rank(self) -> None:
        """Put what is found in order."""
        most = self._wanted.per_doctor
        firsts = chain.from_iterable(found[:most] for found in self._found.values())
        self._result = nsmallest(self._limit, firsts, key=_place_in_time)

    def _add(self, doctor_id: UUID, found: list[Found]) -> None:
        self._found[doctor_id] = sorted([*self._found[doctor_id], *found], key=_place_in_time)

    def _compute(self, batch: list[tuple[datetime, Candidate]]) -> None:
        """Add what the slot function gives for some days."""
        schedules = diary.load_many(
            doctor_ids=[one.doctor_id for _, one in batch],
            starts_at=min(begin_at for begin_at, _ in batch),
            ends_at=max(begin_at for begin_at, _ in batch) + _LONGEST_DAY,
            at=self._at,
        )
        for begin_at, one in batch:
            free = slots.free_slots(
                schedules[one.doctor_id],
                starts_at=begin_at,
                ends_at=min(begin_at + _LONGEST_DAY, self._wanted.ends_at),
                at=self._at,
            )
            of_the_day = [
                _found(one, slot)
                for slot in free
                if (slot.location_id, slot.mode, slot.local_date) == one.day[1:]
            ]
            self._add(one.doctor_id, of_the_day)


def _found(one: Candidate, slot: Slot) -> Found:
    return Found(
        one.doctor_id,
        slot.location_id,
        slot.mode,
        slot.starts_at,
        slot.ends_at,
        slot.capacity,
        slot.free,
        one.distance_km,
    )


def _place_in_time(one: Found) -> tuple[datetime, UUID]:
    return one.starts_at, one.doctor_id
