"""How far an insurer's system is in step, as a doctor reads it on the pages about insurers."""

import html
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from consent.tests.factories import make_consent, make_withdrawn_consent
from docport import views
from docport.in_step import in_step, local_to
from integrations.models import ProviderDoctorSync
from integrations.tests.factories import make_sync
from registry.models import User
from registry.tests.factories import NOW, make_doctor, make_provider, make_user

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
ADDRESS = "https://insurer.example/api"


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "now", lambda: NOW)


def words(**given: Any) -> tuple[str, str]:
    provider = make_provider(
        name="Nila", api_base_url=ADDRESS, contact_email="desk@nila.example.org"
    )
    sync = make_sync(insurance_provider=provider, **given)
    found = in_step(provider, sync, local=local_to(sync.doctor, NOW))
    return found.state, found.note


def failing(error: str, since: timedelta, again: timedelta) -> tuple[str, str]:
    return words(
        sync_status="FAILING",
        last_error=error,
        failing_since=NOW - since,
        next_attempt_at=NOW + again,
    )


def test_in_step_says_when_it_was_sent() -> None:
    sent = {"last_profile_sync": NOW - HOUR, "last_availability_sync": NOW - HOUR}

    assert words(sync_status="IN_STEP", **sent) == ("In step", "Last sent today at 8am.")


def test_sending_says_that_it_takes_seconds() -> None:
    assert words() == ("Sending", "It takes seconds. Nothing sent yet.")


def test_one_of_many_waits_for_its_turn() -> None:
    state, note = words(is_backfill=True, next_attempt_at=NOW - HOUR)

    assert state == "Waiting"
    assert "is being sent many doctors, and you are one of them." in note


def test_what_no_worker_takes_is_ours_to_put_right() -> None:
    state, note = words(next_attempt_at=NOW - HOUR)

    assert state == "Waiting"
    assert note.startswith("Since today at 8am, because DocPort is behind. The people who run")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("http_503", "its system does not answer"),
        ("timeout", "its system does not answer"),
        ("http_429", "its system asks us to slow down"),
        ("http_400", "its system refuses what we send"),
    ],
)
def test_a_short_failure_is_a_wait(error: str, reason: str) -> None:
    assert failing(error, MINUTE, 5 * MINUTE) == ("Waiting", f"Until 9:05am, because {reason}.")


def test_a_wait_that_is_over_is_tried_now() -> None:
    _, note = failing("timeout", MINUTE, -MINUTE)

    assert note == "Because its system does not answer. We try again now."


@pytest.mark.parametrize(
    ("error", "who"),
    [
        ("http_400", "Nila"),
        ("no_signing_secret", "Nila"),
        ("internal_error", "The people who run this DocPort"),
        ("target_forbidden", "The people who run this DocPort"),
    ],
)
def test_a_failure_says_since_when_and_who_must_act(error: str, who: str) -> None:
    state, note = failing(error, HOUR, 2 * HOUR)

    assert state == "Failing"
    assert note.startswith("Since today at 8am, because ")
    assert f"{who} must put that right, you need do nothing." in note
    assert note.endswith("We try again today at 11am.")


@pytest.mark.parametrize("address", ["desk@nila.example.org", ""])
def test_stopped_is_for_the_doctor_to_ask_about(address: str) -> None:
    provider = make_provider(name="Nila", api_base_url=ADDRESS, contact_email=address)
    sync = make_sync(insurance_provider=provider, sync_status="STOPPED")

    found = in_step(provider, sync, local=local_to(sync.doctor, NOW))

    assert found.state == "Stopped"
    assert f"ask Nila{' at ' if address else ''}{address}; or withdraw." in found.note


def test_an_insurer_without_push_simply_sees_the_doctor() -> None:
    found = in_step(make_provider(), None, local=NOW)

    assert (found.state, found.tone) == ("Sees you", "tag-ok")


def test_who_was_not_found_yet_will_be_sent() -> None:
    assert in_step(make_provider(api_base_url=ADDRESS), None, local=NOW).state == "Sending"


def shown(client: Client, user: User, path: str) -> str:
    client.force_login(user)
    answer = client.get(path)
    assert answer.status_code == 200
    return " ".join(html.unescape(answer.content.decode()).split())


def test_each_card_and_each_insurers_page_say_it(client: Client) -> None:
    user = make_user(doctor=make_doctor())
    provider = make_provider(api_base_url=ADDRESS)
    consent = make_consent(doctor=user.doctor, insurance_provider=provider)
    make_sync(
        doctor=consent.doctor, insurance_provider=provider, sync_status="FAILING",
        failing_since=NOW - HOUR, next_attempt_at=NOW + HOUR, last_error="timeout",
    )  # fmt: skip
    left = make_withdrawn_consent(doctor=user.doctor)
    make_sync(doctor=left.doctor, insurance_provider=left.insurance_provider)

    cards = shown(client, user, reverse("docport:insurers"))
    page = shown(client, user, reverse("docport:insurer", args=[provider.slug]))

    tag = '<span class="tag tag-bad">Failing</span> Since today at 8am'
    assert (cards.count(tag), page.count(tag)) == (1, 1)
    assert "Sending" not in cards
    other = shown(client, user, reverse("docport:insurer", args=[left.insurance_provider.slug]))
    assert "Sending" not in other


def test_the_list_takes_as_many_queries_for_many_as_for_one(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    user = make_user(doctor=make_doctor())
    for _ in range(8):
        provider = make_provider(api_base_url=ADDRESS)
        make_consent(doctor=user.doctor, insurance_provider=provider)
        make_sync(doctor=user.doctor, insurance_provider=provider)
    client.force_login(user)

    with django_assert_num_queries(9):
        client.get(reverse("docport:insurers"))

    assert ProviderDoctorSync.objects.count() == 8
