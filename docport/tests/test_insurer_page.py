"""What a doctor reads about one insurer, and how far the end of a consent has reached."""

import html
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from consent import actions
from consent.models import Consent
from consent.tests.factories import make_consent, make_withdrawn_consent
from docport import views
from docport.erasure import erasure_of
from integrations.actions import feed
from integrations.actions.push import ERASED
from integrations.models import FeedEntry, WebhookDelivery
from integrations.tests.factories import make_endpoint, make_sync
from registry.models import Doctor, User
from registry.tests.factories import NOW, make_doctor, make_provider, make_user

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
MONTH = timedelta(days=30)


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "now", lambda: NOW + MINUTE)


@pytest.fixture
def user() -> User:
    return make_user(doctor=make_doctor())


@pytest.fixture
def consent(user: User) -> Consent:
    provider = make_provider(name="Nila Health", contact_email="desk@nila.example.org")
    return make_consent(doctor=user.doctor, insurance_provider=provider)


def shown(client: Client, user: User, consent: Consent) -> str:
    client.force_login(user)
    answer = client.get(reverse("docport:insurer", args=[consent.insurance_provider.slug]))
    assert answer.status_code == 200
    return " ".join(html.unescape(answer.content.decode()).split())


def withdraw(consent: Consent, user: User) -> Consent:
    return actions.withdraw(consent=consent, by=user, at=NOW)


def acknowledge(consent: Consent, erased_at: datetime | None, at: datetime) -> Consent:
    return actions.acknowledge_erasure(
        consent=consent, erased_at=erased_at, by=consent.insurance_provider, at=at
    )


def told_at(consent: Consent) -> Any:
    consent.refresh_from_db()
    erasure = erasure_of(consent, at=NOW + DAY)
    assert erasure is not None
    return erasure.told_at


def test_a_consent_in_force_has_nothing_to_erase(
    client: Client, user: User, consent: Consent
) -> None:
    assert erasure_of(None, at=NOW) is None
    assert erasure_of(consent, at=NOW) is None
    assert "Erasing what" not in shown(client, user, consent)


def test_each_step_of_an_erasure_stands_with_its_time(
    client: Client, user: User, consent: Consent
) -> None:
    withdrawn = withdraw(consent, user)
    before = shown(client, user, consent)
    acknowledge(withdrawn, None, NOW + 2 * MINUTE)
    acknowledge(withdrawn, NOW + 98 * MINUTE, NOW + 99 * MINUTE)
    after = shown(client, user, consent)

    for words in [
        "Erasing what Nila Health holds",
        "<dt>You withdrew</dt><dd><time",
        "Its system has not taken the news yet",
        "<dt>It acknowledged</dt><dd>Not yet</dd>",
        "Not yet. It has until",
        "Wednesday 23 December 2026, 9am",
    ]:
        assert words in before
    assert after.count("Monday 23 November 2026, 9:02am") == 2, "told and acknowledged"
    assert "Monday 23 November 2026, 10:38am" in after
    assert "Not yet" not in after


def test_the_news_was_told_when_a_webhook_first_took_it(user: User, consent: Consent) -> None:
    endpoints = [make_endpoint(insurance_provider=consent.insurance_provider) for _ in range(2)]
    withdraw(consent, user)
    feed.sequence(at=NOW)
    entry = FeedEntry.objects.get(event__type="consent.revoked")
    assert told_at(consent) is None

    for minutes, endpoint in enumerate(endpoints, start=1):
        WebhookDelivery.objects.filter(endpoint=endpoint, feed_entry=entry).update(
            status="DELIVERED", delivered_at=NOW + minutes * MINUTE
        )

    assert told_at(consent) == NOW + MINUTE


def test_the_news_was_told_when_the_push_was_taken(user: User, consent: Consent) -> None:
    sync = make_sync(
        doctor=consent.doctor,
        insurance_provider=consent.insurance_provider,
        state_hash=ERASED,
        last_profile_sync=NOW - MINUTE,
    )
    withdraw(consent, user)
    assert told_at(consent) is None, "that was about something before"

    sync.last_profile_sync = NOW + 3 * MINUTE
    sync.save()

    assert told_at(consent) == NOW + 3 * MINUTE


def test_news_of_an_earlier_end_is_no_news_of_this_one(user: User, consent: Consent) -> None:
    make_endpoint(insurance_provider=consent.insurance_provider)
    actions.withdraw(consent=consent, by=user, at=NOW - DAY)
    feed.sequence(at=NOW - DAY)
    WebhookDelivery.objects.update(status="DELIVERED", delivered_at=NOW - DAY)
    assert user.doctor

    actions.give(
        doctor=user.doctor,
        provider=consent.insurance_provider,
        data_classes=["profile"],
        expires_at=None,
        language="en",
        by=user,
        at=NOW - MINUTE,
    )
    withdraw(consent, user)

    assert told_at(consent) is None


def test_an_overdue_erasure_says_so_and_whom_to_write_to(client: Client, user: User) -> None:
    provider = make_provider(name="Nila Health", contact_email="desk@nila.example.org")
    overdue = make_withdrawn_consent(
        doctor=user.doctor,
        insurance_provider=provider,
        granted_at=NOW - 3 * MONTH,
        revoked_at=NOW - MONTH,
        erase_by=NOW,
    )

    page = shown(client, user, overdue)

    assert "should have erased it by" in page
    assert "Write to desk@nila.example.org." in page
    assert page.count('<span class="tag tag-bad">Overdue</span>') == 1


def test_an_end_by_itself_is_told_before_any_job_has_run(client: Client, user: User) -> None:
    ended = make_consent(doctor=user.doctor, expires_at=NOW)

    page = shown(client, user, ended)

    assert "<dt>Your consent ended</dt>" in page
    assert "Wednesday 23 December 2026, 9am" in page


def test_an_erasure_costs_two_queries(
    client: Client, user: User, consent: Consent,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:  # fmt: skip
    withdraw(consent, user)
    client.force_login(user)

    with django_assert_max_num_queries(11):
        client.get(reverse("docport:insurer", args=[consent.insurance_provider.slug]))


def test_only_the_doctor_opens_the_page(client: Client, user: User, consent: Consent) -> None:
    path = reverse("docport:insurer", args=[consent.insurance_provider.slug])
    doctor = Doctor.objects.get(pk=consent.doctor_id)

    assert client.get(path)["Location"].startswith(reverse("account_login"))
    for role in (User.Role.DELEGATE, User.Role.ADMIN, User.Role.INSURER):
        whose = {"doctor": doctor} if role == User.Role.DELEGATE else {}
        client.force_login(make_user(role=role, **whose))
        assert client.get(path).status_code == 404
    client.force_login(make_user())
    assert "Nothing has happened" in client.get(path).content.decode()
