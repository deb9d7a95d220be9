from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils.translation import get_language

from consent import actions, tasks
from consent.mail import letter
from consent.models import Consent, ConsentMail
from consent.tests.factories import make_consent, make_request
from registry.models import Doctor
from registry.tests.factories import NOW, make_admin, make_doctor, make_provider, make_user

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
INSTANT = timedelta(microseconds=1)


class Clock:
    """The time as the task reads it."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(tasks, "now", clock)
    return clock


def send(clock: Clock, at: datetime) -> int:
    clock.at = at
    return tasks.send_consent_mails()


def make_ending(**given: Any) -> Consent:
    """Add a consent of a year that ends in 40 days."""
    dates = {"granted_at": NOW - 325 * DAY, "expires_at": NOW + 40 * DAY}
    return make_consent(**(dates | given))


def test_a_request_is_told_once_with_the_words_of_the_page(clock: Clock) -> None:
    doctor = make_doctor(full_name="Asha Rao", email="asha@example.org")
    provider = make_provider(name="Nila & Sons Health")
    request = make_request(doctor=doctor, insurance_provider=provider, message="Click here!")

    assert send(clock, NOW + MINUTE) == 1
    assert send(clock, NOW + 2 * MINUTE) == 0

    (told,) = mail.outbox
    assert told.to == ["asha@example.org"]
    assert told.subject == "Nila & Sons Health asks to see you"
    page = reverse("docport:insurer", args=[provider.slug])
    for words in [
        "Hello Dr Asha Rao,",
        "It asks for: Profile, Availability",
        provider.information_use,
        "You can answer until: Wednesday 23 December 2026, 9am",
        "it is not told",
        f"{settings.BASE_URL}{page}",
    ]:
        assert words in told.body
    assert "Click here" not in told.body, "what an insurer writes is read on the page alone"
    row = ConsentMail.objects.get()
    assert (row.kind, row.request, row.status) == ("asked", request, "SENT")
    assert (row.sent_at, row.attempts) == (NOW + MINUTE, 1)


def test_nobody_is_told_before_they_are_verified(clock: Clock) -> None:
    request = make_request(registration_number="KMC-NEW")
    assert send(clock, NOW) == 0
    newcomer = make_doctor(registration_number="KMC-NEW", status="SUBMITTED")
    assert send(clock, NOW + DAY) == 0

    Doctor.objects.filter(pk=newcomer.pk).update(status="ACTIVE")
    assert send(clock, request.answer_by - INSTANT) == 1

    assert mail.outbox[0].to == [newcomer.email]


def test_no_mail_is_owed_for_what_is_not_put_to_the_doctor(clock: Clock) -> None:
    consent = make_consent()
    make_request(doctor=consent.doctor, insurance_provider=consent.insurance_provider)
    make_request(doctor=make_doctor(is_sandbox=False))
    make_request(doctor=make_doctor(), asked_at=NOW - 30 * DAY)

    assert send(clock, NOW) == 0
    assert not ConsentMail.objects.exists()


def test_what_was_answered_before_the_mail_went_out_is_not_told(clock: Clock) -> None:
    user = make_user()
    assert user.doctor
    request = make_request(doctor=user.doctor)
    assert actions.owe_mails(at=NOW) == 1
    actions.decline(request=request, doctor=user.doctor, by=user, at=NOW)

    assert send(clock, NOW) == 0

    assert mail.outbox == []
    assert ConsentMail.objects.get().status == "DROPPED"


def test_who_has_another_number_by_then_is_not_told(clock: Clock) -> None:
    doctor = make_doctor()
    request = make_request(doctor=doctor)
    actions.owe_mails(at=NOW)
    Doctor.objects.filter(pk=doctor.pk).update(registration_number="KMC-OTHER")

    assert send(clock, NOW) == 0

    assert mail.outbox == []
    assert str(ConsentMail.objects.get()) == f"asked {request.pk}: DROPPED"


def test_an_end_is_reminded_of_three_times_and_each_time_once(clock: Clock) -> None:
    doctor = make_doctor(email="asha@example.org")
    ending = make_ending(
        doctor=doctor,
        insurance_provider=make_provider(name="Nila Health"),
        data_classes=["profile", "credentials"],
    )
    end = ending.expires_at
    assert end
    days = [40, 31, 30, 29, 8, 7, 6, 2, 1, 0]

    sent = [send(clock, end - number * DAY) for number in days for _ in range(2)]

    assert [days[place // 2] for place, count in enumerate(sent) if count] == [30, 7, 1]
    kinds = ConsentMail.objects.order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["ends_30", "ends_7", "ends_1"]
    told = mail.outbox[0]
    assert told.subject == "Your consent to Nila Health ends on Saturday 2 January 2027"
    for words in ["until Saturday 2 January 2027, 9am", "It now sees: Profile, Credentials"]:
        assert words in told.body


def test_after_a_pause_of_the_task_only_the_latest_reminder_is_sent(clock: Clock) -> None:
    ending = make_ending()
    assert ending.expires_at

    assert send(clock, ending.expires_at - 5 * DAY) == 1

    assert ConsentMail.objects.get().kind == "ends_7"


def test_another_period_has_reminders_of_its_own(clock: Clock) -> None:
    ending = make_ending(expires_at=NOW + 20 * DAY)
    user = make_user(doctor=ending.doctor)
    send(clock, NOW)
    later = NOW + 100 * DAY
    actions.change(
        consent=ending, data_classes=["profile"], expires_at=later, language="en", by=user, at=NOW
    )

    assert send(clock, NOW + DAY) == 0
    assert send(clock, later - 30 * DAY) == 1


@pytest.mark.parametrize(
    "given",
    [
        {"expires_at": None},
        {"expires_at": NOW},
        {"granted_at": NOW - DAY, "expires_at": NOW + 20 * DAY},
        {"consent_status": "REVOKED", "revoked_at": NOW - DAY, "expires_at": NOW + 20 * DAY},
    ],
)
def test_where_no_end_comes_near_nobody_is_reminded(clock: Clock, given: dict[str, Any]) -> None:
    make_ending(**given)

    assert send(clock, NOW) == 0


def test_a_consent_that_was_withdrawn_meanwhile_is_not_reminded_of(clock: Clock) -> None:
    ending = make_ending(expires_at=NOW + 20 * DAY)
    actions.owe_mails(at=NOW)
    actions.withdraw(consent=ending, by=make_user(doctor=ending.doctor), at=NOW)

    assert send(clock, NOW) == 0

    assert ConsentMail.objects.get().status == "DROPPED"


def test_a_mail_server_that_is_away_is_tried_again_later_and_holds_nobody(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        make_request(doctor=make_doctor())
    monkeypatch.setattr(settings, "EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
    monkeypatch.setattr(settings, "EMAIL_HOST", "127.0.0.1")
    monkeypatch.setattr(settings, "EMAIL_PORT", 1)

    assert send(clock, NOW) == 0
    assert sorted(ConsentMail.objects.values_list("attempts", flat=True)) == [0, 1]
    assert send(clock, NOW + MINUTE) == 0
    assert sorted(ConsentMail.objects.values_list("attempts", flat=True)) == [1, 1]

    monkeypatch.setattr(settings, "EMAIL_BACKEND", "django.core.mail.backends.locmem.EmailBackend")
    assert send(clock, NOW + MINUTE) == 0
    assert send(clock, NOW + 2 * MINUTE) == 1
    assert send(clock, NOW + 3 * MINUTE) == 1


def test_a_worker_that_dies_over_a_mail_keeps_it_from_nobody() -> None:
    make_request(doctor=make_doctor())
    actions.owe_mails(at=NOW)

    taken = actions.take_mail(at=NOW)

    assert taken is not None
    assert actions.take_mail(at=NOW + 2 * MINUTE - INSTANT) is None
    again = actions.take_mail(at=NOW + 2 * MINUTE)
    assert again == taken
    assert again.attempts == 2
    for _ in range(9):
        at = ConsentMail.objects.get().next_attempt_at
        actions.take_mail(at=at)
    assert ConsentMail.objects.get().next_attempt_at == at + timedelta(hours=6)


def test_two_tasks_at_once_owe_a_mail_once() -> None:
    make_request(doctor=make_doctor())
    make_ending(expires_at=NOW + 20 * DAY)
    assert actions.owe_mails(at=NOW) == 2

    assert actions.owe_mails(at=NOW) == 0
    assert ConsentMail.objects.count() == 2


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"kind": "birthday"}, "consent_mail"),
        ({"status": "LOST"}, "consent_mail_status_known"),
        ({"sent_at": NOW}, "consent_mail_sent_at"),
        ({"status": "SENT"}, "consent_mail_sent_at"),
        ({"request": None}, "consent_mail_tells_of_a_request"),
        ({"kind": "ends_7"}, "consent_mail"),
        ({"ends_at": NOW}, "consent_mail_reminds_of_an_end"),
    ],
)
def test_the_database_refuses_what_no_mail_can_say(wrong: dict[str, Any], name: str) -> None:
    values: dict[str, Any] = {"kind": "asked", "request": make_request(), "next_attempt_at": NOW}

    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        ConsentMail.objects.create(**(values | wrong))


def test_admins_see_what_was_sent(client: Client, clock: Clock) -> None:
    make_request(doctor=make_doctor(), insurance_provider=make_provider(name="Nila Health"))
    send(clock, NOW)
    client.force_login(make_admin())

    listed = client.get(reverse("admin:consent_consentmail_changelist"))

    assert "Nila Health" in listed.content.decode()
    assert client.get(reverse("admin:consent_consentmail_add")).status_code == 403


def test_a_doctor_who_reads_hindi_is_written_to_in_hindi() -> None:
    doctor = make_doctor()
    make_user(doctor=doctor, language="hi")
    consent = make_consent(doctor=doctor, expires_at=NOW + timedelta(days=7))
    owed = ConsentMail(
        kind=ConsentMail.Kind.ENDS_IN_7_DAYS, consent=consent, ends_at=consent.expires_at
    )

    written = letter(owed, doctor)

    assert "सहमति" in written.subject
    assert "नमस्ते" in written.text
    assert "प्रोफ़ाइल" in written.text
    assert get_language() == "en"
