"""`check_slots` finds whatever is wrong with the open days, says it in words and repairs it."""

from datetime import date, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from registry.models import Doctor
from registry.tests.factories import NOW, make_doctor, make_location
from scheduling import openings
from scheduling.management.commands import check_slots
from scheduling.models import OpenDay, OpenDayHead
from scheduling.tests.factories import make_window

TUESDAY = date(2026, 11, 24)

# It works in threads, which see what is committed.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("_at_nine")]


@pytest.fixture
def _at_nine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_slots, "now", lambda: NOW)


def opened() -> Doctor:
    doctor = make_doctor()
    make_window(doctor, make_location(doctor))
    openings.build(doctor_ids=[doctor.pk], at=NOW)
    return doctor


def run(*arguments: str) -> tuple[str, str]:
    """Give what the command prints, and its error, if it ends with one."""
    out, error = StringIO(), ""
    try:
        call_command("check_slots", *arguments, stdout=out, stderr=StringIO())
    except CommandError as refusal:
        error = str(refusal)
    return out.getvalue(), error


def damage(doctor: Doctor, **values: Any) -> None:
    OpenDay.objects.filter(doctor=doctor, local_date=TUESDAY).update(**values)


def test_open_days_that_are_right_are_said_to_be() -> None:
    opened()

    assert run() == ("All open days are what they should be.\n", "")


def test_a_wrong_number_is_named_and_left() -> None:
    doctor = opened()
    damage(doctor, free=3)

    said, error = run()

    assert f"Doctor {doctor.pk}, 2026-11-24, place " in said
    assert "kept is 03:30 to 07:15 UTC, 3 free, " in said
    assert "but right is 03:30 to 07:15 UTC, 16 free, " in said
    assert error == "Faults in the open days: 1. Make them anew with --repair."
    assert OpenDay.objects.get(local_date=TUESDAY).free == 3


@pytest.mark.parametrize(
    "values",
    [
        {"starts": 5},
        {"step_minutes": 5},
        {"slot_minutes": 30},
        {"capacity": 2},
        {"slot_minutes": None, "capacity": None},
        {"city": "PUNE"},
        {"specialization": "ent"},
        {"last_free_at": NOW + timedelta(days=2)},
    ],
)
def test_any_wrong_value_is_found(values: dict[str, Any]) -> None:
    damage(opened(), **values)

    assert run()[1].startswith("Faults in the open days: 1.")


def test_a_row_that_lacks_and_one_too_many_are_found() -> None:
    doctor = opened()
    row = OpenDay.objects.get(local_date=TUESDAY)
    OpenDay.objects.filter(local_date=TUESDAY).delete()
    row.local_date = TUESDAY + timedelta(days=1)
    row.save(force_insert=True)

    said, error = run("--doctor", str(doctor.pk))

    assert "kept is nothing, but right is 03:30" in said
    assert "IN_PERSON: kept is 03:30 to 07:15 UTC, 16 free" in said
    assert "but right is nothing." in said
    assert error.startswith("Faults in the open days: 2.")


def test_rows_without_a_head_are_too_many() -> None:
    opened()
    OpenDayHead.objects.all().delete()

    assert run()[1].startswith("Faults in the open days: 11.")


def test_a_repair_makes_wrong_days_anew() -> None:
    damage(opened(), free=3)

    _, error = run("--repair")

    assert error == "Faults in the open days: 1. They were made anew."
    assert run()[1] == ""


def test_a_rebuild_makes_all_days_anew() -> None:
    doctor = opened()
    OpenDay.objects.all().delete()
    OpenDayHead.objects.all().delete()

    assert run("--rebuild") == ("", "")
    assert OpenDay.objects.filter(doctor=doctor).count() == 10


def test_it_goes_on_after_a_doctor() -> None:
    first, second = sorted((opened(), opened()), key=lambda doctor: doctor.pk)
    OpenDay.objects.all().delete()

    run("--rebuild", "--after", str(first.pk))

    assert set(OpenDay.objects.values_list("doctor_id", flat=True)) == {second.pk}


def test_only_chosen_doctors_are_looked_at() -> None:
    wrong, right = opened(), opened()
    damage(wrong, free=3)

    assert run("--doctor", str(right.pk))[1] == ""


def test_a_doctor_whose_days_nobody_keeps_is_named_and_repaired() -> None:
    doctor = make_doctor()
    make_window(doctor, make_location(doctor))

    said, error = run()

    assert said == f"Doctor {doctor.pk}: the days to come are not kept yet.\n"
    assert "days: 1." in error
    assert run("--doctor", str(make_doctor().pk))[1] == ""
    assert "made anew" in run("--repair")[1]
    assert run() == ("All open days are what they should be.\n", "")
    assert OpenDay.objects.filter(doctor=doctor).exists()
