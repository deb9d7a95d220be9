"""A clinic whose doctor takes leave and adds hours, for tests of what changes open time."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from registry.models import AuditLog, Doctor, DoctorRevision
from registry.tests.factories import NOW
from scheduling import actions, openings
from scheduling.actions import Saved, VisitTerms
from scheduling.models import Availability, AvailabilityException, BookingRules, OpenDay
from scheduling.tests.clinic import Clinic, state
from scheduling.tests.factories import TUESDAY_AT_9

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
# Wednesday 25 November, without weekly hours.
WEDNESDAY_AT_9 = TUESDAY_AT_9 + DAY


class Office(Clinic):
    """Changes leave and extra hours as the doctor, and reads back what stands."""

    def leave(
        self, starts_at: datetime = TUESDAY_AT_9, length: timedelta = HOUR, **given: Any
    ) -> Saved:
        values = self._now() | {"location": None, "reason": "", "decisions": {}}
        return actions.take_leave(
            doctor=self.doctor,
            starts_at=starts_at,
            ends_at=starts_at + length,
            **(values | given),
        )

    def change_leave(self, leave: AvailabilityException, **given: Any) -> Saved:
        values = self._as_it_is(leave) | {"reason": leave.reason}
        return actions.change_leave(leave=leave, **(values | given))

    def remove_leave(
        self, leave: AvailabilityException, at: datetime = NOW
    ) -> AvailabilityException | None:
        return actions.remove_leave(leave=leave, by=self.user, at=at)

    def extra(
        self, starts_at: datetime = WEDNESDAY_AT_9, length: timedelta = HOUR, **given: Any
    ) -> Saved:
        values = self._now() | {"location": self.place, "terms": VisitTerms()}
        return actions.add_extra_hours(
            doctor=self.doctor,
            starts_at=starts_at,
            ends_at=starts_at + length,
            **(values | given),
        )

    def change_extra(self, extra: AvailabilityException, **given: Any) -> Saved:
        values = self._as_it_is(extra) | {"terms": VisitTerms.of(extra)}
        return actions.change_extra_hours(extra=extra, **(values | given))

    def remove_extra(self, extra: AvailabilityException, **given: Any) -> Any:
        values = self._now() | {"decisions": {}}
        return actions.remove_extra_hours(extra=extra, **(values | given))

    def _now(self) -> dict[str, Any]:
        return {"by": self.user, "at": NOW}

    def _as_it_is(self, row: AvailabilityException) -> dict[str, Any]:
        return self._now() | {
            "starts_at": row.starts_at,
            "ends_at": row.ends_at,
            "location": row.location,
            "decisions": {},
        }

    def standing(self) -> list[tuple[datetime, timedelta, str]]:
        """List leave and extra hours: start, length and reason, in the order of time."""
        rows = AvailabilityException.objects.filter(doctor=self.doctor).order_by("starts_at")
        return [(row.starts_at, row.ends_at - row.starts_at, row.reason) for row in rows]

    def open_days_are_right(self) -> bool:
        """Tell whether the read model says what it would say if it were made anew."""
        kept = _open_days()
        openings.refresh_all(doctor_id=self.doctor.pk, at=NOW)
        return kept == _open_days()


def everything() -> tuple[object, ...]:
    """Give all that a refusal must leave as it was."""
    tables = (Availability, AvailabilityException, BookingRules, DoctorRevision)
    return (
        *state(),
        *(list(table.objects.order_by("pk").values()) for table in tables),
        list(Doctor.objects.values_list("pk", "version")),
    )


@contextmanager
def nothing_changes() -> Iterator[None]:
    """Demand that what happens inside leaves no trace."""
    before = everything()
    yield
    assert everything() == before


def actions_on(row: AvailabilityException) -> list[str]:
    """List what was recorded about leave or extra hours, oldest first."""
    return list(AuditLog.objects.about(row).order_by("id").values_list("action", flat=True))


def _open_days() -> list[Any]:
    return list(OpenDay.objects.order_by("local_date", "location_id", "mode").values())
