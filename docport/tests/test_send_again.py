"""A doctor has a failing insurer tried now, and not at its next turn."""

import html
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from consent.tests.factories import make_consent
from docport import views
from integrations.actions import push
from integrations.models import ProviderDoctorSync
from integrations.tests.factories import make_sync
from registry.models import AuditLog, User
from registry.tests.factories import NOW, make_doctor, make_provider, make_user
from registry.tests.races import at_once, outcomes

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
AGAIN = reverse("docport:send_again", args=["nila"])


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "now", lambda: NOW)


@pytest.fixture
def user() -> User:
    return make_user(doctor=make_doctor())


@pytest.fixture
def failing(user: User) -> ProviderDoctorSync:
    provider = make_provider(
        name="Nila Health", slug="nila", api_base_url="https://insurer.example/api"
    )
    make_consent(doctor=user.doctor, insurance_provider=provider)
    return make_sync(
        doctor=user.doctor, insurance_provider=provider, sync_status="FAILING", is_backfill=True,
        failing_since=NOW - HOUR, next_attempt_at=NOW + HOUR, attempts=5, last_error="timeout",
    )  # fmt: skip


def page(client: Client, user: User) -> str:
    client.force_login(user)
    answer = client.get(reverse("docport:insurer", args=["nila"]))
    return " ".join(html.unescape(answer.content.decode()).split())


def test_it_is_tried_now_and_the_failure_stays_as_old_as_it_is(
    client: Client, user: User, failing: ProviderDoctorSync
) -> None:
    assert "Send again now" in page(client, user)

    answer = client.post(AGAIN, follow=True)

    sync = ProviderDoctorSync.objects.get()
    assert "It is being sent again" in answer.content.decode()
    assert (sync.next_attempt_at, sync.is_backfill) == (NOW, False)
    assert (sync.failing_since, sync.attempts) == (NOW - HOUR, 5)
    line = AuditLog.objects.get(entity_id=sync.pk)
    assert (line.action, line.performed_by) == ("provider_doctor_sync.retried", user)
    assert line.metadata == {"insurance_provider_id": str(failing.insurance_provider_id)}
    assert "Send again now" not in page(client, user), "it is under way"


@pytest.mark.parametrize("status", ["IN_STEP", "PENDING", "STOPPED"])
def test_what_waits_for_nothing_is_left_alone(
    client: Client, user: User, failing: ProviderDoctorSync, status: str
) -> None:
    ProviderDoctorSync.objects.update(sync_status=status, failing_since=None)
    before = ProviderDoctorSync.objects.values().get()
    assert "Send again now" not in page(client, user)

    answer = client.post(AGAIN, follow=True)

    assert "Nothing waits to be sent again." in answer.content.decode()
    assert ProviderDoctorSync.objects.values().get() == before
    assert not AuditLog.objects.exists()


def test_nobody_but_the_doctor_asks_for_it(client: Client, failing: ProviderDoctorSync) -> None:
    assert client.post(AGAIN).status_code == 302

    for other in (
        make_user(doctor=make_doctor()),
        make_user(doctor=failing.doctor, role=User.Role.DELEGATE),
    ):
        client.force_login(other)
        assert client.post(AGAIN).status_code == 404
    assert not AuditLog.objects.exists()


def test_to_look_asks_for_nothing(client: Client, user: User, failing: ProviderDoctorSync) -> None:
    client.force_login(user)

    assert client.get(AGAIN).status_code == 405
    assert client.post(reverse("docport:send_again", args=["other"])).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_pressed_often_at_once_it_is_asked_for_once(
    user: User, failing: ProviderDoctorSync
) -> None:
    answers = at_once(*[lambda: push.try_now(sync=failing, by=user, at=NOW)] * 8)

    assert sorted(outcomes(answers)) == ["NothingWaits"] * 7 + ["done"]
    assert AuditLog.objects.count() == 1
