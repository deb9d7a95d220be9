"""Open days: kept with every change, for the dates that a doctor's head covers."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection

from registry.models import Doctor, DoctorLocation
from registry.tests.factories import NOW, make_doctor, make_location, make_provider
from scheduling import openings, tasks
from scheduling.models import Availability, BookingRules, OpenDay, OpenDayHead
from scheduling.tests.factories import (
    TUESDAY_AT_9,
    make_appointment,
    make_exception,
    make_window,
)

TUESDAY = date(2026, 11, 24)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)

pytestmark = pytest.mark.django_db


def opened(**window: Any) -> tuple[Doctor, DoctorLocation]:
    """Add a doctor who is open on Tuesdays from 9 to 1, with open days as of `NOW`."""
    doctor = make_doctor()
    place = make_location(doctor)
    make_window(doctor, place, **window)
    openings.refresh_all(doctor_id=doctor.pk, at=NOW)
    return doctor, place


def refresh(
    doctor: Doctor, starts_at: datetime = TUESDAY_AT_9, local_date: date | None = None
) -> None:
    """Bring the days in line around a quarter of an hour."""
    openings.refresh(
        openings.Change(
            doctor_id=doctor.pk,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(minutes=15),
            local_date=local_date or starts_at.date(),
        )
    )


def open_dates(doctor: Doctor) -> list[date]:
    rows = OpenDay.objects.filter(doctor=doctor).order_by("local_date")
    return list(rows.values_list("local_date", flat=True))


def written() -> dict[date, str]:
    """Tell of each row which transaction and command wrote it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT local_date, ctid::text FROM open_days")
        return dict(cursor.fetchall())


def test_an_open_day_says_when_and_how_much_is_free() -> None:
    doctor = make_doctor()
    place = make_location(doctor)
    make_window(doctor, place)
    make_appointment(doctor, make_provider(), place)

    openings.refresh_all(doctor_id=doctor.pk, at=NOW)

    day = OpenDay.objects.get(local_date=TUESDAY)
    assert day.first_free_at == TUESDAY_AT_9 + timedelta(minutes=15)
    assert day.last_free_at == TUESDAY_AT_9 + timedelta(hours=3, minutes=45)
    assert day.free == 15
    assert (day.step_minutes, day.starts) == (15, 0b111_1111_1111_1111)
    assert (day.slot_minutes, day.capacity) == (15, 1)
    assert (day.specialization, day.city) == ("general_medicine", "BENGALURU")
    assert str(day) == "2026-11-24 from 03:45 UTC: 15 free"


def test_a_head_covers_yesterday_to_a_week_after_the_horizon() -> None:
    doctor, _ = opened()

    head = OpenDayHead.objects.get(doctor=doctor)

    assert (head.covers_from, head.covers_to) == (date(2026, 11, 22), date(2027, 1, 29))
    assert str(head) == "2026-11-22 to 2027-01-29"
    assert open_dates(doctor) == [TUESDAY + week * WEEK for week in range(10)]


def test_the_longest_horizon_is_covered_too() -> None:
    doctor, _ = opened()
    BookingRules.objects.create(doctor=doctor, horizon_days=180)

    openings.refresh_all(doctor_id=doctor.pk, at=NOW)

    assert open_dates(doctor) == [TUESDAY + week * WEEK for week in range(27)]
    assert openings.differences(doctor_ids=[doctor.pk]) == []


def test_a_shorter_horizon_keeps_fewer_days() -> None:
    doctor, _ = opened()
    BookingRules.objects.create(doctor=doctor, horizon_days=7)

    openings.refresh_all(doctor_id=doctor.pk, at=NOW)

    assert open_dates(doctor) == [TUESDAY, TUESDAY + WEEK]


def test_a_refresh_writes_only_what_differs() -> None:
    doctor, place = opened(day_of_week=1)
    make_window(doctor, place, day_of_week=2)
    openings.refresh_all(doctor_id=doctor.pk, at=NOW)
    before = written()
    make_appointment(doctor, make_provider(), place)

    refresh(doctor)

    assert {day for day, row in written().items() if row != before[day]} == {TUESDAY}
    assert OpenDay.objects.get(local_date=TUESDAY).free == 15


def test_a_refresh_takes_three_statements(django_assert_num_queries: Any) -> None:
    doctor, _ = opened()

    with django_assert_num_queries(3):
        refresh(doctor)


def test_a_day_that_is_full_is_not_open() -> None:
    doctor, place = opened(end_time=time(9, 15))
    make_appointment(doctor, make_provider(), place)

    refresh(doctor)

    assert TUESDAY not in open_dates(doctor)
    assert TUESDAY + WEEK in open_dates(doctor)


def test_a_change_of_nothing_but_the_length_is_written() -> None:
    doctor, _ = opened(slot_duration_minutes=15, buffer_minutes=5)
    before = written()
    Availability.objects.update(slot_duration_minutes=20, buffer_minutes=0)

    openings.refresh_all(doctor_id=doctor.pk, at=NOW)

    assert set(OpenDay.objects.values_list("slot_minutes", "capacity")) == {(20, 1)}
    assert all(row != before[day] for day, row in written().items())


def test_a_change_of_the_capacity_is_written() -> None:
    doctor, _ = opened()
    Availability.objects.update(capacity=2)

    openings.refresh_all(doctor_id=doctor.pk, at=NOW)

    assert set(OpenDay.objects.values_list("slot_minutes", "capacity")) == {(15, 2)}


def test_a_booking_may_leave_slots_that_are_all_alike() -> None:
    doctor, place = opened(end_time=time(9, 15))
    make_window(doctor, place, start_time=time(10), slot_duration_minutes=30, capacity=2)
    openings.refresh_all(doctor_id=doctor.pk, at=NOW)
    days = OpenDay.objects.order_by("local_date").values_list("slot_minutes", "capacity")
    assert set(days) == {(None, None)}
    make_appointment(doctor, make_provider(), place)

    refresh(doctor)

    assert list(days.all()[:2]) == [(30, 2), (None, None)]


def test_holds_are_in_no_open_day() -> None:
    doctor, place = opened()
    make_appointment(doctor, make_provider(), place, status="HELD")

    refresh(doctor)

    assert OpenDay.objects.get(local_date=TUESDAY).free == 16


def test_dates_that_are_not_covered_are_left_alone() -> None:
    doctor, place = opened()
    before = written()
    make_appointment(doctor, make_provider(), place, appointment_time=TUESDAY_AT_9 + 20 * WEEK)

    refresh(doctor, TUESDAY_AT_9 + 20 * WEEK)

    assert written() == before


def test_a_doctor_without_a_head_is_left_alone() -> None:
    doctor = make_doctor()
    make_window(doctor)

    refresh(doctor)

    assert not OpenDay.objects.exists()


def test_a_booking_takes_time_from_a_place_where_it_is_another_date() -> None:
    doctor = make_doctor()
    here = make_location(doctor)
    there = make_location(doctor, name="Villa", timezone="America/New_York")
    make_window(doctor, here)
    # Monday evening in New York, while it is Tuesday morning in India.
    make_window(doctor, there, day_of_week=0, start_time=time(22, 30), end_time=time(23))
    openings.refresh_all(doctor_id=doctor.pk, at=NOW)
    make_appointment(doctor, make_provider(), here)

    refresh(doctor)

    assert openings.differences(doctor_ids=[doctor.pk]) == []


# ---- days to come


def test_the_task_keeps_days_of_whoever_has_hours_and_no_head() -> None:
    regular, locum, idle = make_doctor(), make_doctor(), make_doctor()
    make_window(regular)
    make_exception(locum, kind="EXTRA")
    make_exception(idle)

    openings.extend(at=NOW, most=10)

    heads = OpenDayHead.objects.values_list("doctor_id", flat=True)
    assert set(heads) == {regular.pk, locum.pk}
    assert open_dates(locum) == [TUESDAY]


def test_days_are_added_before_they_come_into_the_horizon() -> None:
    doctor, _ = opened()

    soon = openings.extend(at=NOW + 5 * DAY, most=10)
    later = openings.extend(at=NOW + 6 * DAY, most=10)

    assert (soon, later) == (0, 1)
    head = OpenDayHead.objects.get(doctor=doctor)
    assert (head.covers_from, head.covers_to) == (date(2026, 11, 28), date(2027, 2, 4))
    assert open_dates(doctor)[0] == TUESDAY + WEEK
    assert openings.extend(at=NOW + 6 * DAY, most=10) == 0


def test_not_more_are_extended_than_asked_for() -> None:
    for _ in range(3):
        make_window(make_doctor())

    assert openings.extend(at=NOW, most=2) == 2
    assert OpenDayHead.objects.count() == 2


def test_the_task_counts_from_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "now", lambda: NOW)
    make_window(make_doctor())

    assert tasks.extend_open_days() == 1
    assert OpenDayHead.objects.get().covers_from == date(2026, 11, 22)


# ---- what is carried over from other tables


def test_open_days_follow_the_specialization_and_the_city() -> None:
    doctor, place = opened()

    Doctor.objects.filter(pk=doctor.pk).update(specialization="cardiology")
    DoctorLocation.objects.filter(pk=place.pk).update(city="Pune")

    assert set(OpenDay.objects.values_list("specialization", "city")) == {("cardiology", "PUNE")}


def test_another_zone_of_a_place_without_hours_makes_the_days_anew() -> None:
    doctor, _ = opened()
    days = open_dates(doctor)
    spare = make_location(doctor)

    DoctorLocation.objects.filter(pk=spare.pk).update(timezone="Asia/Dubai")

    assert open_dates(doctor) == []
    assert openings.extend(at=NOW, most=10) == 1
    assert open_dates(doctor) == days


@pytest.mark.parametrize("start", [time(9, 0, 30), time(9, 0, 0, 5)])
def test_hours_start_on_the_minute(start: time) -> None:
    with pytest.raises(IntegrityError, match="availability_starts_on_the_minute"):
        make_window(make_doctor(), start_time=start)


def test_extra_hours_start_on_the_minute_and_leave_at_any_instant() -> None:
    odd: datetime = TUESDAY_AT_9 + timedelta(seconds=30)
    make_exception(make_doctor(), starts_at=odd)

    with pytest.raises(IntegrityError, match="exception_extra_starts_on_the_minute"):
        make_exception(make_doctor(), kind="EXTRA", starts_at=odd)


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"free": 0}, "open_day_has_a_free_place"),
        ({"step_minutes": 0}, "open_day_steps_forward"),
        ({"slot_minutes": None}, "open_day_slots_alike"),
        ({"last_free_at": TUESDAY_AT_9 - DAY}, "open_day_begins_before_its_last"),
    ],
)
def test_the_database_refuses_open_days_that_cannot_be(values: dict[str, Any], rule: str) -> None:
    opened()

    with pytest.raises(IntegrityError, match=rule):
        OpenDay.objects.filter(local_date=TUESDAY).update(**values)


def test_a_head_covers_days() -> None:
    opened()

    with pytest.raises(IntegrityError, match="open_day_head_covers_days"):
        OpenDayHead.objects.update(covers_to=date(2020, 1, 1))


def test_a_change_is_seen_where_the_date_is_two_days_off() -> None:
    doctor = make_doctor()
    ahead = make_location(doctor, timezone="Pacific/Kiritimati")
    behind = make_location(doctor, timezone="Pacific/Pago_Pago")
    # The first half hour of a Thursday there is half past ten in the evening of a Tuesday here.
    make_window(doctor, ahead, day_of_week=3, start_time=time(0), end_time=time(0, 30))
    make_window(doctor, behind, day_of_week=1, start_time=time(22, 30), end_time=time(23, 30))
    openings.refresh_all(doctor_id=doctor.pk, at=NOW)
    starts_at = datetime(2026, 11, 25, 10, tzinfo=UTC)

    make_appointment(doctor, make_provider(), ahead, appointment_time=starts_at)
    refresh(doctor, starts_at, date(2026, 11, 26))

    assert openings.differences(doctor_ids=[doctor.pk]) == []


def test_a_date_that_only_another_place_has_stays_as_it_is() -> None:
    """What was booked there long before the change is not looked at, and not forgotten."""
    doctor = make_doctor()
    here = make_location(doctor)
    there = make_location(doctor, timezone="America/New_York")
    make_window(doctor, here, day_of_week=0, start_time=time(0), end_time=time(1))
    make_window(doctor, here, start_time=time(12), end_time=time(13))
    make_window(doctor, there, day_of_week=0, start_time=time(20), end_time=time(21))
    monday = datetime(2026, 11, 29, 18, 30, tzinfo=UTC)
    make_appointment(doctor, make_provider(), here, appointment_time=monday)
    openings.refresh_all(doctor_id=doctor.pk, at=NOW)
    starts_at = datetime(2026, 12, 1, 6, 30, tzinfo=UTC)

    make_appointment(doctor, make_provider(), here, appointment_time=starts_at)
    refresh(doctor, starts_at, date(2026, 12, 1))

    assert openings.differences(doctor_ids=[doctor.pk]) == []


@pytest.mark.parametrize("most", [1, 2])
def test_a_day_is_full_at_every_place_and_only_then(most: int) -> None:
    doctor = make_doctor()
    ahead = make_location(doctor, timezone="Pacific/Kiritimati")
    behind = make_location(doctor, timezone="Pacific/Pago_Pago")
    make_window(doctor, ahead, day_of_week=3)
    make_window(doctor, behind, day_of_week=3, start_time=time(22), end_time=time(23))
    BookingRules.objects.create(doctor=doctor, most_per_day=most)
    openings.refresh_all(doctor_id=doctor.pk, at=NOW)
    thursday = date(2026, 11, 26)
    starts_at = datetime(2026, 11, 25, 19, tzinfo=UTC)

    make_appointment(doctor, make_provider(), ahead, appointment_time=starts_at)
    refresh(doctor, starts_at, thursday)

    assert openings.differences(doctor_ids=[doctor.pk]) == []
    assert (thursday in open_dates(doctor)) == (most > 1)
