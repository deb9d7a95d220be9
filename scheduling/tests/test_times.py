from datetime import date, datetime, time, timedelta

import pytest

from scheduling import wording
from scheduling.forms import read_time


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("9", time(9)),
        ("9am", time(9)),
        ("9 AM", time(9)),
        ("9 a.m.", time(9)),
        ("9.30", time(9, 30)),
        ("9:30pm", time(21, 30)),
        ("5.30 pm", time(17, 30)),
        ("930", time(9, 30)),
        ("0930", time(9, 30)),
        ("17:30", time(17, 30)),
        ("17:30:00", time(17, 30)),
        (" 17 ", time(17)),
        ("12am", time(0)),
        ("12pm", time(12)),
        ("noon", time(12)),
        ("Midnight", time(0)),
        ("24:00", time(0)),
        ("0", time(0)),
    ],
)
def test_times_are_read_as_people_write_them(written: str, meant: time) -> None:
    assert read_time(written) == meant


@pytest.mark.parametrize(
    "written",
    ["", "nine", "25", "24:01", "9:60", "13pm", "0am", "9:3", "9-10", "-9", "٩x", "9" * 50],
)
def test_what_is_no_time_is_not_guessed(written: str) -> None:
    assert read_time(written) is None


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (time(0), "midnight"),
        (time(0, 5), "12:05am"),
        (time(9), "9am"),
        (time(9, 30), "9:30am"),
        (time(12), "noon"),
        (time(12, 15), "12:15pm"),
        (time(23, 59), "11:59pm"),
    ],
)
def test_times_are_said_as_people_do(at: time, words: str) -> None:
    assert wording.clock(at) == words


def test_periods_and_lengths_have_words() -> None:
    assert wording.period(time(9), time(13)) == "9am to 1pm"
    assert wording.period(time(22), time(2)) == "10pm to 2am next day"
    assert wording.period(time(22), time(0)) == "10pm to midnight"
    assert wording.length_of(time(22), time(2)) == timedelta(hours=4)
    assert wording.duration(timedelta(hours=1, minutes=30)) == "1 hour 30 minutes"
    assert wording.duration(timedelta(minutes=1)) == "1 minute"
    assert wording.duration(timedelta(0)) == "no hours"
    assert wording.full_date(date(2026, 11, 4)) == "Wednesday 4 November 2026"
    assert wording.day_and_month(date(2026, 11, 4)) == "Wednesday 4 November"
    assert wording.zone_name("America/New_York") == "America/New York time"


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "words"),
    [
        ("2026-11-24T14:00", "2026-11-24T17:00", "Tuesday 24 November, 2pm to 5pm"),
        ("2026-11-24T00:00", "2026-11-25T00:00", "Tuesday 24 November, all day"),
        (
            "2026-11-30T00:00",
            "2026-12-05T00:00",
            "Monday 30 November to Friday 4 December, all day",
        ),
        ("2026-11-24T14:00", "2026-11-25T00:00", "Tuesday 24 November, 2pm to midnight"),
        ("2026-11-24T22:00", "2026-11-25T02:00", "Tuesday 24 November, 10pm to 2am next day"),
        (
            "2026-11-24T14:00",
            "2026-11-26T10:00",
            "Tuesday 24 November, 2pm to Thursday 26 November, 10am",
        ),
        (
            "2026-11-24T09:00",
            "2026-11-25T17:00",
            "Tuesday 24 November, 9am to Wednesday 25 November, 5pm",
        ),
        (
            "2026-12-31T00:00",
            "2027-01-02T00:00",
            "Thursday 31 December to Friday 1 January 2027, all day",
        ),
    ],
)
def test_spans_have_words(starts_at: str, ends_at: str, words: str) -> None:
    starts, ends = (datetime.fromisoformat(at) for at in (starts_at, ends_at))

    assert wording.span(starts, ends, year=2026) == words
