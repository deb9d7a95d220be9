import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry.models import Doctor, DoctorLocation
from registry.reference import State
from registry.tests.factories import NOW, make_location, make_user
from scheduling import actions, holidays
from scheduling.holidays import Suggestion
from scheduling.models import AvailabilityException
from scheduling.tests.factories import make_exception, make_window

pytestmark = pytest.mark.django_db
# A Friday; at 18:30 in UTC the day before, it begins in India.
CHRISTMAS = date(2026, 12, 25)
BEGINS, ENDS = (datetime(2026, 12, day, 18, 30, tzinfo=UTC) for day in (24, 25))
KANNADA_DAY = date(2026, 11, 1)
FRIDAY = {"day_of_week": 4}


def suggested(doctor: Doctor, first: date = CHRISTMAS, last: date = CHRISTMAS) -> list[Suggestion]:
    return holidays.suggestions(doctor=doctor, first=first, last=last)


def test_a_holiday_with_hours_is_suggested(doctor: Doctor, place: DoctorLocation) -> None:
    make_window(doctor, place, **FRIDAY)

    assert suggested(doctor) == [Suggestion(CHRISTMAS, "Christmas", None, BEGINS, ENDS)]


def test_nothing_is_added_by_itself(doctor: Doctor, place: DoctorLocation) -> None:
    make_window(doctor, place, **FRIDAY)

    suggested(doctor)

    assert not AvailabilityException.objects.exists()


def test_a_suggestion_is_what_leave_needs(doctor: Doctor, place: DoctorLocation) -> None:
    make_window(doctor, place, **FRIDAY)
    [found] = suggested(doctor)

    saved = actions.take_leave(
        doctor=doctor,
        starts_at=found.starts_at,
        ends_at=found.ends_at,
        location=found.location,
        reason=found.name,
        decisions={},
        by=make_user(doctor=doctor),
        at=NOW,
    )

    assert (saved.exception.starts_at, saved.exception.reason) == (BEGINS, "Christmas")
    assert suggested(doctor) == []


def test_days_without_hours_are_not_suggested(doctor: Doctor, place: DoctorLocation) -> None:
    make_window(doctor, place, day_of_week=3)
    make_window(doctor, place, **FRIDAY, valid_to=CHRISTMAS)
    make_window(
        doctor,
        place,
        **FRIDAY,
        start_time=time(17),
        end_time=time(18),
        valid_from=date(2026, 12, 26),
    )

    assert suggested(doctor) == []


def test_a_night_counts_on_the_day_on_which_it_begins(
    doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place, day_of_week=3, start_time=time(22), end_time=time(2))

    assert suggested(doctor) == []


@pytest.mark.parametrize(("hour", "count"), [(-1, 0), (0, 1), (23, 1), (24, 0)])
def test_extra_hours_count_as_hours(
    doctor: Doctor, place: DoctorLocation, hour: int, count: int
) -> None:
    starts_at = BEGINS + timedelta(hours=hour)
    make_exception(
        doctor,
        kind="EXTRA",
        location=place,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=30),
    )

    assert len(suggested(doctor)) == count


@pytest.mark.parametrize(
    ("later", "earlier", "count"), [(0, 0, 0), (-60, -60, 0), (1, 0, 1), (0, 1, 1)]
)
def test_only_leave_of_all_the_day_makes_a_suggestion_needless(
    doctor: Doctor, place: DoctorLocation, later: int, earlier: int, count: int
) -> None:
    make_window(doctor, place, **FRIDAY)
    make_exception(
        doctor,
        location=place,
        starts_at=BEGINS + timedelta(minutes=later),
        ends_at=ENDS - timedelta(minutes=earlier),
    )

    assert len(suggested(doctor)) == count


def test_leave_elsewhere_leaves_the_suggestion(doctor: Doctor, place: DoctorLocation) -> None:
    make_window(doctor, place, **FRIDAY)
    make_exception(doctor, location=make_location(doctor), starts_at=BEGINS, ends_at=ENDS)

    assert len(suggested(doctor)) == 1


def test_a_holiday_of_one_state_is_suggested_for_its_places(
    doctor: Doctor, place: DoctorLocation
) -> None:
    mumbai = make_location(doctor, name="Andheri", city="Mumbai", state="MH")
    sunday = {"day_of_week": 6, "valid_from": date(2026, 1, 1)}
    make_window(doctor, place, **sunday)
    make_window(doctor, mumbai, **sunday, start_time=time(17), end_time=time(18))

    [found] = suggested(doctor, KANNADA_DAY, KANNADA_DAY)

    assert (found.name, found.location) == ("Karnataka Rajyotsava", place)


def test_a_holiday_of_all_places_is_one_suggestion(doctor: Doctor, place: DoctorLocation) -> None:
    make_window(doctor, place, **FRIDAY)
    make_location(doctor, name="Andheri", city="Mumbai", state="MH")

    [found] = suggested(doctor)

    assert (found.name, found.location) == ("Christmas", None)


def test_each_zone_has_its_own_day(doctor: Doctor, place: DoctorLocation) -> None:
    abroad = make_location(doctor, name="Dubai", timezone="Asia/Dubai")
    make_window(doctor, place, **FRIDAY)
    make_window(doctor, abroad, **FRIDAY, start_time=time(17), end_time=time(18))

    found = suggested(doctor)

    late = timedelta(minutes=90)
    assert [(one.location, one.starts_at) for one in found] == [
        (abroad, BEGINS + late),
        (place, BEGINS),
    ]


def test_places_not_in_use_have_no_holidays(doctor: Doctor) -> None:
    make_window(doctor, make_location(doctor, is_active=False), **FRIDAY)

    assert suggested(doctor) == []


def test_a_year_is_suggested_in_few_queries(doctor: Doctor, place: DoctorLocation) -> None:
    for day in range(7):
        make_window(doctor, place, day_of_week=day)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        found = suggested(doctor, date(2026, 11, 23), date(2027, 11, 22))

    assert len(queries) == 3
    assert [one.day for one in found] == sorted(one.day for one in found)
    assert found[0].name == "Guru Nanak's Jayanti"
    assert len(found) > 15


@pytest.mark.parametrize("state", State.values)
def test_every_state_has_its_holidays(state: str) -> None:
    found = holidays.public_holidays(state, 2026)

    assert found[date(2026, 1, 26)] == "Republic Day"
    assert found[date(2026, 8, 15)].startswith("Independence Day")
    assert len(found) >= 10


def test_the_site_starts_without_loading_every_country() -> None:
    start = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'docport.settings';"
        "import django; django.setup(); import docport.urls; import scheduling.holidays;"
        "print('holidays' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", start], check=True, timeout=60, capture_output=True, text=True
    )

    assert done.stdout == "False\n"
