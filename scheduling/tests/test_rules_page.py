from datetime import timedelta

import pytest
from django.test import Client
from guardian.shortcuts import assign_perm
from pytest_django import DjangoAssertNumQueries
from pytest_django.asserts import assertContains

from registry.models import Doctor, User
from registry.tests.factories import make_user
from scheduling.models import BookingRules
from scheduling.slots import Rules
from scheduling.views.rules import in_words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]
RULES = "/hours/rules/"
TYPED = {"lead": "2h", "lead_hours": "", "horizon_days": "30", "most_per_day": "20"}


def test_a_stranger_signs_in_first(client: Client) -> None:
    assert client.get(RULES)["Location"].startswith("/accounts/login/")


def test_a_receptionist_needs_the_right_to_it(client: Client, doctor: Doctor) -> None:
    receptionist = make_user(doctor=doctor, role=User.Role.DELEGATE)
    client.force_login(receptionist)
    assert client.get(RULES).status_code == 404
    assert client.post(RULES, TYPED).status_code == 404

    assign_perm("manage_schedule", receptionist, doctor)
    assert client.get(RULES).status_code == 200


def test_without_rules_the_page_says_what_holds(
    page: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(6):
        response = page.get(RULES)

    assertContains(response, "Insurers can book from 60 days ahead until the last minute.")
    assertContains(response, 'name="horizon_days" value="60"')


def test_rules_are_saved_and_said(page: Client, doctor: Doctor) -> None:
    response = page.post(RULES, TYPED, follow=True)

    words = "from 30 days ahead until 2 hours before the visit, and at most 20 patients a day."
    assertContains(response, f"Booking rules saved. Insurers can book {words}")
    row = BookingRules.objects.get(doctor=doctor)
    assert (row.lead_time_minutes, row.horizon_days, row.most_per_day) == (120, 30, 20)


def test_any_lead_time_can_be_typed(page: Client) -> None:
    page.post(RULES, TYPED | {"lead": "own", "lead_hours": "1.5", "most_per_day": ""})

    row = BookingRules.objects.get()
    assert (row.lead_time_minutes, row.most_per_day) == (90, None)
    assertContains(page.get(RULES), 'name="lead_hours" value="1.5"')
    page.post(RULES, TYPED | {"lead": "own", "lead_hours": "100"})
    assertContains(page.get(RULES), 'name="lead_hours" value="100"')


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"lead": "own"}, "Enter how many hours before the visit."),
        ({"lead": "own", "lead_hours": "many"}, "Enter a number."),
        ({"lead": "own", "lead_hours": "999"}, "less than or equal to 720"),
        ({"lead": "2d", "horizon_days": "1"}, "This must be longer than the lead time"),
        ({"horizon_days": "365"}, "less than or equal to 180"),
        ({"most_per_day": "0"}, "greater than or equal to 1"),
        ({"lead": ""}, "This field is required."),
    ],
)
def test_mistakes_are_named_and_nothing_typed_is_lost(
    page: Client, given: dict[str, str], text: str
) -> None:
    response = page.post(RULES, TYPED | {"most_per_day": "17"} | given)

    assertContains(response, text, status_code=422)
    assertContains(response, "<title>Error: ", status_code=422)
    if "most_per_day" not in given:
        assertContains(response, 'name="most_per_day" value="17"', status_code=422)
    assert not BookingRules.objects.exists()


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (Rules(timedelta(minutes=90)), "60 days ahead until 1 hour 30 minutes before the visit."),
        (Rules(timedelta(days=1)), "60 days ahead until 1 day before the visit."),
        (
            Rules(timedelta(days=2), timedelta(days=3), 1),
            "3 days ahead until 2 days before the visit, and at most 1 patient a day.",
        ),
        (Rules(horizon=timedelta(days=1)), "1 day ahead until the last minute."),
    ],
)
def test_rules_have_words(rules: Rules, words: str) -> None:
    assert in_words(rules) == f"Insurers can book from {words}"
