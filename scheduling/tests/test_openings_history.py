"""After whatever was done, in whatever order, the open days kept are those computed anew."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, time, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from consent.tests.factories import make_consent
from registry.actions.refusals import Refused
from registry.models import Doctor, DoctorLocation
from registry.tests.factories import NOW, make_doctor, make_location, make_user
from scheduling import actions, diary, openings
from scheduling.actions import Decision, HoursWindow, VisitTerms
from scheduling.models import Appointment, AvailabilityException, Mode, OpenDay, OpenDayHead

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
Decisions = Mapping[UUID, Decision]

any_place = st.integers(0, 1)
any_number = st.integers(0, 30)
any_hour = st.integers(-2, 9 * 24)


class Practice(RuleBasedStateMachine):
    """A doctor at two places of different zones, an insurer, and a clock."""

    def __init__(self) -> None:
        super().__init__()
        self.at: datetime = NOW
        self.doctor = make_doctor()
        self.user = make_user(doctor=self.doctor)
        self.places = [make_location(self.doctor), make_location(self.doctor, name="Villa")]
        DoctorLocation.objects.filter(pk=self.places[1].pk).update(timezone="America/New_York")
        self.spare = make_location(self.doctor, name="Not in use yet")
        self.provider = make_consent(doctor=self.doctor).insurance_provider
        self.provider.max_open_bookings_per_day = 100
        self.provider.save()
        self.count = 0
        self.set_hours(place=0, opens=9, hours=4, minutes=15, capacity=2, every_day=True)

    def deciding(self, action: Callable[[Decisions], object]) -> None:
        """Do something for which affected appointments need a decision: every other one stays."""
        with suppress(Refused):
            try:
                action({})
            except actions.Undecided as undecided:
                action(
                    {
                        one.pk: Decision(cancel=number % 2 == 0, reason="doctor_leave")
                        for number, one in enumerate(undecided.appointments)
                    }
                )

    def one_of(self, *statuses: str, number: int) -> Appointment | None:
        rows = Appointment.objects.filter(doctor=self.doctor, status__in=statuses)
        every = list(rows.order_by("appointment_time", "pk"))
        return every[number % len(every)] if every else None

    def an_exception(self, kind: str, number: int) -> AvailabilityException | None:
        every = list(AvailabilityException.objects.filter(doctor=self.doctor, kind=kind))
        return every[number % len(every)] if every else None

    def free_start(self, number: int) -> datetime | None:
        free = diary.free_slots(
            doctor=self.doctor, starts_at=self.at, ends_at=self.at + 10 * DAY, at=self.at
        )
        return free[number * 3 % len(free)].starts_at if free else None

    @rule(
        place=any_place,
        opens=st.integers(0, 23),
        hours=st.integers(1, 6),
        minutes=st.sampled_from([15, 20, 60]),
        capacity=st.integers(1, 3),
        every_day=st.booleans(),
    )
    def set_hours(
        self,
        place: int,
        opens: int,
        hours: int,
        minutes: int,
        capacity: int,
        every_day: bool,  # noqa: FBT001  Rules pass by name.
    ) -> None:
        windows = [
            HoursWindow(weekday, time(opens), time((opens + hours) % 24), minutes, capacity)
            for weekday in (range(7) if every_day else [1, 3])
        ]
        today = self.at.date() + DAY
        self.deciding(
            lambda decisions: actions.set_weekly_hours(
                doctor=self.doctor,
                location=self.places[place],
                windows=windows,
                effective_from=today,
                decisions=decisions,
                by=self.user,
                at=self.at,
            )
        )

    @rule(begins=any_hour, hours=st.integers(1, 60), place=st.sampled_from([None, 0, 1]))
    def take_leave(self, begins: int, hours: int, place: int | None) -> None:
        starts_at = self.at + begins * HOUR
        self.deciding(
            lambda decisions: actions.take_leave(
                doctor=self.doctor,
                starts_at=starts_at,
                ends_at=starts_at + hours * HOUR,
                location=None if place is None else self.places[place],
                reason="",
                decisions=decisions,
                by=self.user,
                at=self.at,
            )
        )

    @rule(number=any_number)
    def remove_leave(self, number: int) -> None:
        if leave := self.an_exception("CLOSED", number):
            with suppress(Refused):
                actions.remove_leave(leave=leave, by=self.user, at=self.at)

    @rule(begins=any_hour, hours=st.integers(1, 6), place=any_place, mode=st.sampled_from(Mode))
    def add_extra_hours(self, begins: int, hours: int, place: int, mode: Mode) -> None:
        starts_at = self.at + begins * HOUR
        with suppress(Refused):
            actions.add_extra_hours(
                doctor=self.doctor,
                location=self.places[place],
                starts_at=starts_at,
                ends_at=starts_at + hours * HOUR,
                terms=VisitTerms(slot_duration_minutes=20, capacity=2, buffer_minutes=5, mode=mode),
                by=self.user,
                at=self.at,
            )

    @rule(number=any_number)
    def remove_extra_hours(self, number: int) -> None:
        if extra := self.an_exception("EXTRA", number):
            self.deciding(
                lambda decisions: actions.remove_extra_hours(
                    extra=extra, decisions=decisions, by=self.user, at=self.at
                )
            )

    @rule(most=st.sampled_from([None, 1, 3]), horizon=st.sampled_from([7, 60, 180]))
    def set_booking_rules(self, most: int | None, horizon: int) -> None:
        with suppress(Refused):
            actions.set_booking_rules(
                doctor=self.doctor,
                lead_time=HOUR,
                horizon=horizon * DAY,
                most_per_day=most,
                by=self.user,
                at=self.at,
            )

    @rule(number=any_number, held=st.booleans())
    def book(self, number: int, held: bool) -> None:  # noqa: FBT001  Rules pass by name.
        start = self.free_start(number)
        if start is None:
            return
        self.count += 1
        who_and_when = {"provider": self.provider, "doctor": self.doctor, "start": start}
        with suppress(Refused):
            hold = (
                actions.hold(**who_and_when, location=None, mode=None, at=self.at)  # type: ignore[arg-type]  # As named.
                if held
                else None
            )
            if hold is None or number % 2:
                actions.book(
                    **who_and_when,  # type: ignore[arg-type]  # As named.
                    location=None,
                    external_appointment_id=f"{self.doctor.pk} {self.count}",
                    patient_reference="member",
                    mode=None,
                    visit_type="",
                    at=self.at,
                    hold_id=hold.pk if hold else None,
                )

    @rule(number=any_number)
    def release(self, number: int) -> None:
        if hold := self.one_of("HELD", number=number):
            with suppress(Refused):
                actions.release_hold(hold=hold, by=self.provider, at=self.at)

    @rule(number=any_number, where=any_number)
    def move(self, number: int, where: int) -> None:
        appointment, start = self.one_of("BOOKED", number=number), self.free_start(where)
        if appointment and start:
            with suppress(Refused):
                actions.move(appointment=appointment, start=start, by=self.user, at=self.at)

    @rule(number=any_number)
    def cancel(self, number: int) -> None:
        if appointment := self.one_of("BOOKED", "ARRIVED", number=number):
            with suppress(Refused):
                actions.cancel(appointment=appointment, reason="other", by=self.user, at=self.at)

    @rule(number=any_number)
    def mark_arrived(self, number: int) -> None:
        if appointment := self.one_of("BOOKED", number=number):
            with suppress(Refused):
                actions.mark_arrived(appointment=appointment, by=self.user, at=self.at)

    @rule(number=any_number)
    def undo(self, number: int) -> None:
        if appointment := self.one_of("CANCELLED", "ARRIVED", number=number):
            with suppress(Refused):
                actions.undo(appointment=appointment, by=self.user, at=self.at)

    @rule(place=any_place, city=st.sampled_from(["Pune", "Kochi"]))
    def edit_place(self, place: int, city: str) -> None:
        DoctorLocation.objects.filter(pk=self.places[place].pk).update(city=city)
        self.places[place].refresh_from_db()

    @rule(zone=st.sampled_from(["Asia/Kolkata", "America/New_York", "Australia/Lord_Howe"]))
    def move_zone(self, zone: str) -> None:
        """A place with hours keeps its zone."""
        DoctorLocation.objects.filter(pk=self.spare.pk).update(timezone=zone)

    @rule()
    def change_specialization(self) -> None:
        Doctor.objects.filter(pk=self.doctor.pk).update(specialization="cardiology")

    @rule(hours=st.sampled_from([1, 30, 24 * 6]))
    def let_time_pass(self, hours: int) -> None:
        self.at += hours * HOUR

    @rule()
    def extend(self) -> None:
        openings.extend(at=self.at, most=1_000)

        assert OpenDayHead.objects.get(doctor=self.doctor).covers_to > self.at.date() + 7 * DAY

    @invariant()
    def open_days_are_right(self) -> None:
        assert openings.differences(doctor_ids=[self.doctor.pk]) == []


@pytest.mark.django_db
def test_open_days_are_right_after_any_history() -> None:
    run_state_machine_as_test(
        Practice,
        settings=settings(
            max_examples=15,
            stateful_step_count=20,
            deadline=None,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )

    assert OpenDay.objects.exists()
