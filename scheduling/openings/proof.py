"""Whether the open days that are kept are those that the pure function gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from uuid import UUID

from django.db import connection, transaction

from scheduling.openings.rows import Dates, Day, kept, right

_HEADS = """
    SELECT doctor_id, covers_from, covers_to FROM open_day_heads
    WHERE doctor_id = ANY(%s) ORDER BY doctor_id FOR UPDATE
"""


@dataclass(frozen=True)
class Difference:
    """An open day that is kept otherwise than it should be; `None` is no row."""

    kept: Day | None
    right: Day | None

    def __str__(self) -> str:
        day = self.right or self.kept
        assert day is not None
        return (
            f"Doctor {day.doctor_id}, {day.open.local_date}, place {day.open.location_id}, "
            f"{day.open.mode}: kept is {_words(self.kept)}, but right is {_words(self.right)}."
        )

    @property
    def doctor_id(self) -> UUID:
        """Give whose day it is."""
        day = self.right or self.kept
        assert day is not None
        return day.doctor_id


@transaction.atomic
def differences(*, doctor_ids: Sequence[UUID]) -> list[Difference]:
    """List what is wrong with the open days of these doctors; nobody changes them meanwhile.

    A doctor of whom no days are kept should have no rows.
    """
    with connection.cursor() as cursor:
        cursor.execute(_HEADS, [list(doctor_ids)])
        covered: dict[UUID, Dates] = {head: (first, last) for head, first, last in cursor}
    there = {day.key: day for day in kept(doctor_ids)}
    wanted = {day.key: day for day in right(covered)}
    return [
        Difference(there.get(key), wanted.get(key))
        for key in sorted(there.keys() | wanted.keys())
        if there.get(key) != wanted.get(key)
    ]


def _words(day: Day | None) -> str:
    if day is None:
        return "nothing"
    found = day.open
    first, last = (instant.astimezone(UTC) for instant in (found.first_free_at, found.last_free_at))
    alike = f"{found.slot_minutes} minutes for {found.capacity}" if found.capacity else "not alike"
    return (
        f"{first:%H:%M} to {last:%H:%M} UTC, {found.free} free, starts "
        f"{found.starts:b} by {found.step_minutes} minutes, slots {alike}, "
        f"{day.specialization} in {day.city}"
    )
