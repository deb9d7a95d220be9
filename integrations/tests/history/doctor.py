"""A doctor's side: hours, leave, extra hours, rules and visits change while insurers book."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from random import Random
from threading import Event
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import close_old_connections, connection
from django.utils.timezone import now

from integrations.tests.history.world import DAYS, Practice, State
from registry.actions.refusals import Refused
from scheduling import actions
from scheduling.actions import Decision, HoursWindow, Undecided, VisitTerms
from scheduling.models import Appointment, AvailabilityException

PAUSE_SECONDS = 0.3
MOST_TRIES = 6
OPERATIONS = {"change_hours": 12, "take_leave": 10, "add_extra_hours": 12, "remove": 14} | {
    "change_rules": 6,
    "mark": 14,
    "cancel": 8,
    "move": 10,
    "undo": 10,
}
KEPT = Decision(cancel=False)
CANCELLED = Decision(cancel=True, reason=Appointment.CancelReason.DOCTOR_LEAVE)
_MORNINGS = (
    HoursWindow(0, time(9), time(13)),
    HoursWindow(0, time(9), time(12), slot_duration_minutes=20, capacity=2),
    HoursWindow(0, time(10), time(14), slot_duration_minutes=30, buffer_minutes=10),
    HoursWindow(0, time(23), time(2), slot_duration_minutes=20, capacity=2),
)


class DoctorsSide:
    """Whoever changes one doctor's calendar from inside, and what they were told."""

    def __init__(self, practice: Practice) -> None:
        self._practice, self._random, self._done = practice, Random(), Event()
        self.told: dict[UUID, list[State]] = {}
        # Where they put an appointment themselves: the limits are for those who book.
        self.filled_days: set[tuple[UUID, date]] = set()
        self.answers: Counter[str] = Counter()
        self.wrong: list[str] = []

    def stop(self) -> None:
        self._done.set()

    def work(self, seed: str) -> None:
        """Change something now and then, until told to stop."""
        self._random = Random(seed)
        names, weights = list(OPERATIONS), list(OPERATIONS.values())
        try:
            while not self._done.wait(PAUSE_SECONDS):
                (name,) = self._random.choices(names, weights)
                self._try(name)
        finally:
            connection.close()

    def _try(self, name: str) -> None:
        try:
            getattr(self, f"_{name}")(self._practice)
        except Refused as refusal:
            self.answers[type(refusal).__name__] += 1
        except Exception as error:
            self.wrong.append(f"{name}: {type(error).__name__} {error}"[:500])
            close_old_connections()
        else:
            self.answers[name] += 1

    def _change_hours(self, practice: Practice) -> None:
        place = self._random.choice(practice.places)
        shape = self._random.choice(_MORNINGS)
        day = now().astimezone(ZoneInfo(place.timezone)).date()
        self._decided(
            lambda decisions: actions.set_weekly_hours(
                doctor=practice.doctor,
                location=place,
                windows=[_on(weekday, shape) for weekday in range(7)],
                effective_from=day + timedelta(days=self._random.randint(1, DAYS)),
                decisions=decisions,
                by=practice.user,
                at=now(),
            )
        )

    def _take_leave(self, practice: Practice) -> None:
        starts_at = self._some_instant(practice)
        self._decided(
            lambda decisions: actions.take_leave(
                doctor=practice.doctor,
                starts_at=starts_at,
                ends_at=starts_at + timedelta(minutes=self._random.choice([30, 90, 240])),
                location=self._random.choice([None, *practice.places]),
                reason="",
                decisions=decisions,
                by=practice.user,
                at=now(),
            )
        )

    def _add_extra_hours(self, practice: Practice) -> None:
        starts_at = self._some_instant(practice)
        actions.add_extra_hours(
            doctor=practice.doctor,
            location=self._random.choice(practice.places),
            starts_at=starts_at,
            ends_at=starts_at + timedelta(hours=self._random.choice([1, 2])),
            terms=VisitTerms(slot_duration_minutes=20, capacity=self._random.choice([1, 2])),
            by=practice.user,
            at=now(),
        )

    def _remove(self, practice: Practice) -> None:
        every = AvailabilityException.objects.filter(doctor=practice.doctor)
        exception = every.order_by("?").first()
        if exception is None:
            return
        given: dict[str, Any] = {"by": practice.user, "at": now()}
        if exception.kind == AvailabilityException.Kind.CLOSED:
            actions.remove_leave(leave=exception, **given)
        else:
            self._decided(
                lambda decisions: actions.remove_extra_hours(
                    extra=exception, decisions=decisions, **given
                )
            )

    def _change_rules(self, practice: Practice) -> None:
        if practice.keeps_rules:
            return
        actions.set_booking_rules(
            doctor=practice.doctor,
            lead_time=timedelta(hours=self._random.choice([0, 1, 20])),
            horizon=timedelta(days=self._random.choice([4, 30, 60])),
            most_per_day=self._random.choice([None, None, 10]),
            by=practice.user,
            at=now(),
        )

    def _mark(self, practice: Practice) -> None:
        one = self._some_appointment(practice, Appointment.Status.BOOKED)
        if one is None:
            return
        mark = self._random.choice(
            [actions.mark_arrived, actions.mark_completed, actions.mark_no_show]
        )
        # As if its time had come.
        self._learn(mark(appointment=one, by=practice.user, at=one.appointment_time))

    def _cancel(self, practice: Practice) -> None:
        one = self._some_appointment(practice, Appointment.Status.BOOKED)
        if one is not None:
            reason = Appointment.CancelReason.OTHER
            given: dict[str, Any] = {"appointment": one, "by": practice.user, "at": now()}
            self._learn(actions.cancel(reason=reason, **given))

    def _move(self, practice: Practice) -> None:
        one = self._some_appointment(practice, Appointment.Status.BOOKED)
        if one is not None:
            start, _ = self._random.choice(practice.starts)
            given: dict[str, Any] = {"appointment": one, "by": practice.user, "at": now()}
            moved = actions.move(start=start, **given)
            self.filled_days.add((moved.doctor_id, moved.local_date))
            self._learn(moved)

    def _undo(self, practice: Practice) -> None:
        one = self._some_appointment(practice, *set(Appointment.Status) - {"BOOKED", "HELD"})
        if one is not None and one.previous_status:
            undone = actions.undo(appointment=one, by=practice.user, at=one.status_at)
            self.filled_days.add((undone.doctor_id, undone.local_date))
            self._learn(undone)

    def _decided(self, change: Callable[[Mapping[UUID, Decision]], Any]) -> None:
        """Try a change until every appointment that it affects is decided on."""
        decisions: dict[UUID, Decision] = {}
        for _ in range(MOST_TRIES):
            try:
                change(decisions)
            except Undecided as refusal:
                for one in refusal.appointments:
                    decisions[one.pk] = self._random.choice([KEPT, KEPT, CANCELLED])
            else:
                return

    def _some_instant(self, practice: Practice) -> datetime:
        start, _ = self._random.choice(practice.starts)
        return start + timedelta(minutes=self._random.choice([0, 0, 30, 300, 600]))

    def _some_appointment(self, practice: Practice, *statuses: str) -> Appointment | None:
        found = Appointment.objects.filter(doctor=practice.doctor, status__in=statuses)
        return found.select_related("location", "insurance_provider").order_by("?").first()

    def _learn(self, standing: Appointment) -> None:
        state = State(
            standing.version,
            standing.status,
            standing.appointment_time,
            standing.location_id,
            standing.token_number,
        )
        self.told.setdefault(standing.pk, []).append(state)


def _on(weekday: int, shape: HoursWindow) -> HoursWindow:
    return HoursWindow(
        weekday,
        shape.start_time,
        shape.end_time,
        shape.slot_duration_minutes,
        shape.capacity,
        shape.buffer_minutes,
    )
