from datetime import date, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.models import AuditLog, Doctor, DoctorLocation, DoctorRevision, OutboxEvent, User
from registry.tests.factories import NOW, make_doctor, make_location, make_user
from scheduling import actions
from scheduling.actions import HoursWindow
from scheduling.actions.hours import DatedWindow
from scheduling.models import Availability, Mode
from scheduling.tests.factories import make_window

pytestmark = pytest.mark.django_db
TODAY = date(2026, 11, 23)
TUESDAY = date(2026, 11, 24)
DAY = timedelta(days=1)
MORNING = HoursWindow(1, time(9), time(13))
EVENING = HoursWindow(1, time(17), time(20))
NIGHT = HoursWindow(1, time(22), time(2))


@pytest.fixture
def user(doctor: Doctor) -> User:
    return make_user(doctor=doctor)


class Hours:
    """Sets hours at one place, and reads back what stands."""

    def __init__(self, doctor: Doctor, place: DoctorLocation, user: User) -> None:
        self.doctor, self.place, self.user = doctor, place, user

    def set(self, *windows: HoursWindow, **given: Any) -> list[Availability]:
        values: dict[str, Any] = {
            "doctor": self.doctor,
            "location": self.place,
            "windows": windows,
            "effective_from": TUESDAY,
            "by": self.user,
            "at": NOW,
        }
        return actions.set_weekly_hours(**(values | given))

    def standing(self) -> list[tuple[str, date, date | None]]:
        rows = Availability.objects.order_by("valid_from", "day_of_week", "start_time")
        return [(str(row), row.valid_from, row.valid_to) for row in rows]


@pytest.fixture
def hours(doctor: Doctor, place: DoctorLocation, user: User) -> Hours:
    return Hours(doctor, place, user)


def test_setting_hours_records_and_publishes(hours: Hours, doctor: Doctor, user: User) -> None:
    tele = HoursWindow(6, time(10), time(11), 20, 3, 5, Mode.TELE)

    added = hours.set(tele, MORNING)

    assert added == list(Availability.objects.order_by("day_of_week"))
    assert added[1].slot_duration_minutes == 20
    assert (added[1].capacity, added[1].buffer_minutes, added[1].mode) == (3, 5, "TELE")
    assert (added[0].valid_from, added[0].valid_to) == (TUESDAY, None)
    doctor.refresh_from_db()
    assert doctor.version == 2
    assert DoctorRevision.objects.get().version == 2
    log = AuditLog.objects.get()
    assert (log.action, log.entity_id, log.performed_by) == (
        "availability.updated",
        doctor.pk,
        user,
    )
    assert log.metadata == {
        "location_id": str(hours.place.pk),
        "effective_from": "2026-11-24",
        "windows": ["Sunday 10am to 11am", "Tuesday 9am to 1pm"],
        "kept": [],
        "cancelled": [],
    }
    event = OutboxEvent.objects.get()
    assert (event.type, event.subject) == ("availability.updated", f"doctor/{doctor.pk}")
    assert (event.subject_version, event.insurance_provider) == (2, None)
    assert event.payload == {"doctor_id": str(doctor.pk)}


def test_the_past_is_never_rewritten(hours: Hours) -> None:
    hours.set(MORNING)
    a_week_later = TUESDAY + 7 * DAY

    hours.set(EVENING, effective_from=a_week_later)

    assert hours.standing() == [
        ("Tuesday 09:00 to 13:00", TUESDAY, a_week_later),
        ("Tuesday 17:00 to 20:00", a_week_later, None),
    ]


def test_hours_that_have_not_begun_give_way(hours: Hours) -> None:
    hours.set(MORNING, effective_from=TUESDAY + 7 * DAY)

    hours.set(EVENING)

    assert hours.standing() == [("Tuesday 17:00 to 20:00", TUESDAY, None)]


def test_hours_that_end_already_keep_their_end(hours: Hours) -> None:
    make_window(hours.doctor, hours.place, valid_to=TUESDAY - DAY)
    make_window(hours.doctor, hours.place, valid_from=TUESDAY - DAY, valid_to=TUESDAY)
    make_window(hours.doctor, hours.place, valid_from=TUESDAY, valid_to=TUESDAY + 30 * DAY)

    hours.set(effective_from=TUESDAY + 7 * DAY)

    assert [ends for _, _, ends in hours.standing()] == [
        TUESDAY - DAY,
        TUESDAY,
        TUESDAY + 7 * DAY,
    ]


def test_what_stays_the_same_is_left_alone(hours: Hours, doctor: Doctor) -> None:
    morning, night = hours.set(MORNING, NIGHT)

    kept = hours.set(MORNING, NIGHT, effective_from=TUESDAY + 3 * DAY)

    assert kept == [morning, night]
    assert (AuditLog.objects.count(), OutboxEvent.objects.count()) == (1, 1)
    assert hours.set(MORNING)[0] == morning
    assert Availability.objects.get() == morning


def test_the_same_hours_can_begin_earlier(hours: Hours) -> None:
    hours.set(MORNING, effective_from=TUESDAY + 7 * DAY)

    hours.set(MORNING)

    assert hours.standing() == [("Tuesday 09:00 to 13:00", TUESDAY, None)]


def test_no_hours_close_the_place(hours: Hours) -> None:
    hours.set(MORNING)

    assert hours.set(effective_from=TUESDAY + 14 * DAY) == []
    assert hours.standing() == [("Tuesday 09:00 to 13:00", TUESDAY, TUESDAY + 14 * DAY)]


@pytest.mark.parametrize("weekday", range(7))
@pytest.mark.parametrize("days", range(7))
def test_a_night_gives_way_to_another_on_any_day(hours: Hours, weekday: int, days: int) -> None:
    hours.set(HoursWindow(weekday, time(22), time(2)))
    change = TUESDAY + (7 + days) * DAY

    hours.set(HoursWindow(weekday, time(21), time(3)), effective_from=change)

    old, new = Availability.objects.order_by("valid_from")
    assert old.valid_to is not None
    nights = [TUESDAY + count * DAY for count in range(30)]
    nights = [night for night in nights if night.weekday() == weekday]
    assert [night for night in nights if old.valid_from <= night < old.valid_to] == [
        night for night in nights if night < change
    ]
    assert [night for night in nights if night >= new.valid_from] == [
        night for night in nights if night >= change
    ]


def test_a_night_that_never_came_is_forgotten(hours: Hours) -> None:
    make_window(
        hours.doctor,
        hours.place,
        day_of_week=0,
        start_time=time(22),
        end_time=time(2),
        valid_from=TUESDAY,
    )

    hours.set(MORNING, effective_from=TUESDAY + DAY)

    assert hours.standing() == [("Tuesday 09:00 to 13:00", TUESDAY + DAY, None)]


def test_the_last_old_night_is_not_overlapped(hours: Hours) -> None:
    monday_night = HoursWindow(0, time(22), time(2))
    hours.set(monday_night, effective_from=TODAY)
    early = HoursWindow(1, time(1), time(3))

    with pytest.raises(actions.HoursRefused, match="until Tuesday 24 November 2026"):
        hours.set(early, effective_from=TUESDAY)

    assert len(hours.standing()) == 1
    assert hours.set(early, effective_from=TUESDAY + DAY)


@pytest.mark.parametrize(
    ("windows", "problems"),
    [
        ([HoursWindow(1, time(9), time(9))], [(0, "the end must differ from the start")]),
        ([HoursWindow(1, time(9), time(9, 10))], [(0, "shorter than one visit of 15 minutes")]),
        ([HoursWindow(1, time(9), time(10), 25)], [(0, "10 minutes would be left over")]),
        (
            [MORNING, HoursWindow(1, time(12), time(14))],
            [(1, "Tuesday noon to 2pm overlaps Tuesday 9am to 1pm")],
        ),
        (
            [HoursWindow(0, time(8), time(10)), HoursWindow(6, time(22), time(9))],
            [(1, "Sunday 10pm to 9am next day overlaps Monday 8am to 10am")],
        ),
        (
            [HoursWindow(1, time(9), time(9)), HoursWindow(2, time(9), time(9, 10))],
            [(0, "differ"), (1, "shorter")],
        ),
    ],
)
def test_windows_that_cannot_stand_are_all_named(
    hours: Hours, windows: list[HoursWindow], problems: list[tuple[int, str]]
) -> None:
    hours.set(EVENING)
    before = hours.standing()

    with pytest.raises(actions.HoursRefused) as refusal:
        hours.set(*windows)

    for found, (position, text) in zip(refusal.value.problems, problems, strict=True):
        assert found.position == position
        assert text in found.text
    assert hours.standing() == before
    assert OutboxEvent.objects.count() == 1


def test_with_a_break_between_visits_a_rest_may_be_left_over(hours: Hours) -> None:
    assert hours.set(HoursWindow(1, time(9), time(10), 25, buffer_minutes=5))


def test_hours_at_another_place_are_in_the_way(hours: Hours) -> None:
    hours.set(MORNING)
    other = Hours(hours.doctor, make_location(hours.doctor, name="Apollo"), hours.user)

    with pytest.raises(actions.HoursRefused, match="overlaps Tuesday 9am to 1pm at Jayanagar"):
        other.set(HoursWindow(1, time(12), time(14)))

    assert other.set(EVENING)
    assert len(hours.standing()) == 2


def test_hours_in_another_zone_are_compared_on_the_clock(hours: Hours) -> None:
    hours.set(MORNING)
    dubai = make_location(hours.doctor, timezone="Asia/Dubai")
    other = Hours(hours.doctor, dubai, hours.user)

    with pytest.raises(actions.HoursRefused, match="different time zones must differ"):
        other.set(HoursWindow(1, time(12), time(14)))


def test_another_doctors_hours_are_not_in_the_way(hours: Hours) -> None:
    make_window(make_doctor())

    assert hours.set(MORNING)


def test_hours_begin_today_at_the_place_or_later(hours: Hours) -> None:
    with pytest.raises(actions.StartsInThePast):
        hours.set(MORNING, effective_from=TODAY - DAY)

    # 20:30 in UTC is tomorrow in India.
    with pytest.raises(actions.StartsInThePast):
        hours.set(MORNING, effective_from=TODAY, at=NOW + timedelta(hours=17))
    assert hours.set(MORNING, effective_from=TODAY)


@pytest.mark.parametrize("window", [MORNING, NIGHT])
@pytest.mark.parametrize("start", [TODAY + actions.MOST_AHEAD + DAY, date.max])
def test_hours_begin_in_a_time_that_people_plan_for(
    hours: Hours, window: HoursWindow, start: date
) -> None:
    with pytest.raises(actions.StartsTooLate):
        hours.set(window, effective_from=start)
    assert hours.standing() == []
    assert not OutboxEvent.objects.exists()

    assert hours.set(window, effective_from=TODAY + actions.MOST_AHEAD)


def test_hours_need_a_place_in_use_of_ones_own(hours: Hours) -> None:
    with pytest.raises(actions.PlaceClosed):
        hours.set(MORNING, location=make_location(make_doctor()))
    hours.place.is_active = False
    hours.place.save()
    with pytest.raises(actions.PlaceClosed):
        hours.set(MORNING)
    assert hours.standing() == []


def quarter(minutes: int) -> time:
    return time(*divmod(minutes, 60))


any_window = st.builds(
    HoursWindow,
    st.integers(0, 6),
    st.builds(quarter, st.sampled_from(range(0, 1440, 15))),
    st.builds(quarter, st.sampled_from(range(0, 1440, 15))),
)


@settings(max_examples=60, deadline=None)
@given(any_window, any_window, st.integers(-1, 2))
def test_the_check_and_the_constraint_agree(
    first: HoursWindow, second: HoursWindow, gap: int
) -> None:
    with transaction.atomic():
        doctor = make_doctor()
        place = make_location(doctor)
        before = {"valid_from": TODAY, "valid_to": TUESDAY}
        after = {"valid_from": TUESDAY + gap * DAY}
        rows = [
            Availability(doctor=doctor, location=place, **vars(window), **dates)
            for window, dates in ((first, before), (second, after))
        ]
        refused = False
        try:
            with transaction.atomic():
                Availability.objects.bulk_create(rows)
        except IntegrityError as error:
            refused = "availability_windows_apart" in str(error)
        assert refused == DatedWindow.of(rows[0]).meets(DatedWindow.of(rows[1]))
        transaction.set_rollback(True)


def windows_of_dates(doctor: Doctor) -> dict[date, list[tuple[HoursWindow, UUID]]]:
    """List the windows that begin on each of the dates that edits reach, with their places."""
    rows = Availability.objects.filter(doctor=doctor).order_by("start_time", "location")
    dated = [(DatedWindow.of(row), row.location_id) for row in rows]
    return {
        day: [
            (one.window, place)
            for one, place in dated
            if one.window.day_of_week == day.weekday()
            and one.valid_from <= day
            and (one.valid_to is None or day < one.valid_to)
        ]
        for day in (TODAY + count * DAY for count in range(120))
    }


any_edit = st.tuples(
    st.booleans(), st.lists(any_window, max_size=3), st.integers(0, 40), st.integers(0, 10)
)


@settings(max_examples=25, deadline=None)
@given(st.lists(any_edit, min_size=1, max_size=6))
def test_editing_never_rewrites_the_past(
    edits: list[tuple[bool, list[HoursWindow], int, int]],
) -> None:
    """Each edit leaves every date before it as it was, and sets each date from it on."""
    doctor = make_doctor()
    user = make_user(doctor=doctor)
    offices = [Hours(doctor, make_location(doctor), user) for _ in range(2)]
    today, at = TODAY, NOW
    for is_second, windows, ahead, later in edits:
        today, at = today + later * DAY, at + later * DAY
        start, office = today + ahead * DAY, offices[is_second]
        before = windows_of_dates(doctor)
        try:
            office.set(*windows, effective_from=start, at=at)
        except actions.HoursRefused:
            assert windows_of_dates(doctor) == before
            continue
        for day, standing in windows_of_dates(doctor).items():
            here = [place for _, place in standing if place == office.place.pk]
            wanted = [one for one in windows if one.day_of_week == day.weekday()]
            assert standing == before[day] if day < start else len(here) == len(wanted)
