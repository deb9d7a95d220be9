"""A notice that changed so much that the law needs consent again."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from consent import actions, notices, tasks
from consent.models import Consent, ConsentEvent, visible_doctors
from consent.notices import EDITIONS, Edition, Outdated, outdated
from consent.receipts import is_genuine
from consent.standings import standing_with
from consent.tests.factories import give, make_consent, make_withdrawn_consent
from consent.tests.pages import FAR_AWAY, answers, give_url, text
from registry.models import AuditLog, Doctor, OutboxEvent
from registry.tests.factories import NOW, make_admin, make_provider, make_user

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
GRACE = 30 * DAY
INSTANT = timedelta(microseconds=1)
OUTDATED = Outdated(("2026-11",), GRACE)


def edition(version: str, **given: Any) -> Edition:
    """Make an edition of the notice with the words of the newest."""
    wordings = tuple(replace(wording, version=version) for wording in EDITIONS[-1].wordings)
    return Edition(wordings, **given)


def ask_again(consent: Consent, at: datetime = NOW) -> Consent:
    assert actions.ask_again(consent=consent, outdated=OUTDATED, at=at)
    consent.refresh_from_db()
    return consent


def confirm(consent: Consent, at: datetime) -> Consent:
    """Say yes again to the same."""
    return actions.change(
        consent=consent,
        data_classes=consent.data_classes,
        expires_at=consent.chosen_end,
        language="en",
        by=make_user(doctor=consent.doctor),
        at=at,
    )


def test_only_what_the_newest_edition_that_asks_again_replaced_is_outdated() -> None:
    old, asking, newest = edition("1"), edition("2", asks_again=True, grace=9 * DAY), edition("3")

    assert outdated([old, newest]).versions == ()
    assert outdated([old, asking]) == Outdated(("1",), 9 * DAY)
    assert outdated([old, asking, newest]) == Outdated(("1",), 9 * DAY)
    assert outdated([old, asking, edition("4", asks_again=True)]) == Outdated(("1", "2"), GRACE)


def test_each_edition_has_english_words_of_its_own_and_a_grace_that_is_reminded_of() -> None:
    assert len({one.version for one in EDITIONS}) == len(EDITIONS)
    for one in EDITIONS:
        assert {wording.version for wording in one.wordings} == {one.version}
        assert "en" in {wording.language for wording in one.wordings}
        assert 7 * DAY < one.grace <= actions.REMINDED_BEFORE


def test_to_be_asked_again_brings_the_end_forward_and_leaves_every_trace() -> None:
    user, provider = make_user(), make_provider()
    given = give(user, provider, at=NOW - DAY)

    assert actions.ask_again(consent=given, outdated=OUTDATED, at=NOW) is True

    given.refresh_from_db()
    assert (given.asked_again_at, given.expires_at) == (NOW, NOW + GRACE)
    assert (given.chosen_end, given.notice_version) == (None, "2026-11")
    first, asked = ConsentEvent.objects.all()
    assert (asked.kind, asked.version, asked.at, asked.by) == ("asked_again", 2, NOW, None)
    assert is_genuine(asked)
    assert asked.receipt["event"]["validity"]["until"] == "2026-12-23T03:30:00Z"
    assert asked.receipt["record"]["previous_receipt_sha256"] == first.receipt_sha256
    assert AuditLog.objects.filter(action="consent.asked_again").count() == 1
    told = OutboxEvent.objects.get(type="consent.changed")
    assert (told.subject_version, told.insurance_provider) == (2, provider)


def test_without_an_answer_the_doctor_is_shown_until_the_grace_ends_with_no_job() -> None:
    consent = ask_again(make_consent())
    provider = consent.insurance_provider

    assert visible_doctors(provider, at=NOW + GRACE - INSTANT).exists()
    assert Consent.objects.showing_at(NOW + GRACE - INSTANT).exists()
    assert not visible_doctors(provider, at=NOW + GRACE).exists()
    assert not Consent.objects.showing_at(NOW + GRACE).exists()


def test_the_end_of_the_grace_is_written_down_and_the_insurer_told_to_erase() -> None:
    consent = ask_again(make_consent())

    assert actions.expire(consent=consent, at=NOW + GRACE + DAY)

    event = ConsentEvent.objects.get(kind="expired")
    assert event.at == NOW + GRACE
    assert is_genuine(event)
    told = OutboxEvent.objects.get(type="consent.revoked")
    assert told.payload["erase_by"] == "2027-01-22T03:30:00Z"


@pytest.mark.parametrize("chosen", [None, NOW + 300 * DAY])
def test_to_confirm_is_a_step_with_a_receipt_and_the_chosen_end_holds(chosen: Any) -> None:
    consent = ask_again(make_consent(expires_at=chosen))

    confirmed = confirm(consent, NOW + DAY)

    confirmed.refresh_from_db()
    assert (confirmed.expires_at, confirmed.asked_again_at) == (chosen, None)
    assert confirmed.chosen_expires_at is None
    event = ConsentEvent.objects.get(kind="confirmed")
    assert event.by is not None
    assert is_genuine(event)
    assert visible_doctors(consent.insurance_provider, at=NOW + GRACE + DAY).exists()
    last = OutboxEvent.objects.latest("subject_version")
    assert (last.type, last.subject_version) == ("consent.changed", 3)


def test_giving_again_after_the_grace_begins_anew() -> None:
    user = make_user()
    consent = ask_again(make_consent(doctor=user.doctor, expires_at=NOW + 300 * DAY))

    given = give(user, consent.insurance_provider, at=NOW + GRACE + DAY)

    assert (given.asked_again_at, given.chosen_expires_at, given.expires_at) == (None, None, None)
    kinds = ConsentEvent.objects.order_by("version").values_list("kind", flat=True)
    assert list(kinds) == ["asked_again", "expired", "given"]


@pytest.mark.parametrize(
    "given",
    [
        {"notice_version": "2027-01"},
        {"expires_at": NOW + GRACE},
        {"expires_at": NOW},
        {"consent_status": "REVOKED", "revoked_at": NOW - DAY / 2},
        {"asked_again_at": NOW - DAY, "expires_at": NOW + 40 * DAY},
    ],
)
def test_who_need_not_answer_is_not_asked(given: dict[str, Any]) -> None:
    consent = make_consent(**given)
    before = Consent.objects.values().get()

    assert actions.ask_again(consent=consent, outdated=OUTDATED, at=NOW) is False

    assert Consent.objects.values().get() == before
    assert not ConsentEvent.objects.exists()
    assert not AuditLog.objects.exists()
    assert not OutboxEvent.objects.exists()


def test_the_minutes_task_asks_each_once_and_nobody_where_no_edition_asks(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr(tasks, "now", lambda: NOW)
    for _ in range(3):
        make_consent()
    make_withdrawn_consent()
    with django_assert_num_queries(0):
        assert tasks.ask_consents_again() == 0
    monkeypatch.setattr(notices, "EDITIONS", (*EDITIONS, edition("2027-01")))
    assert tasks.ask_consents_again() == 0

    monkeypatch.setattr(notices, "EDITIONS", (*EDITIONS, edition("2027-01", asks_again=True)))

    assert tasks.ask_consents_again() == 3
    assert tasks.ask_consents_again() == 0
    assert ConsentEvent.objects.filter(kind="asked_again").count() == 3


def test_looking_for_whom_to_ask_reads_no_whole_table() -> None:
    with CaptureQueriesContext(connection) as captured:
        list(Consent.objects.to_ask_again(["2026-11"], ends_at=NOW + GRACE, at=NOW))

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + captured.captured_queries[0]["sql"])
        plan = " ".join(row[0] for row in cursor.fetchall())
    assert "consent_by_notice" in plan


@pytest.mark.parametrize("grace", [10 * DAY, 30 * DAY])
def test_who_is_asked_again_is_told_by_mail_at_once_and_reminded(
    monkeypatch: pytest.MonkeyPatch, grace: timedelta
) -> None:
    consent = make_consent(insurance_provider=make_provider(name="Nila Health"))
    actions.ask_again(consent=consent, outdated=Outdated(("2026-11",), grace), at=NOW)
    ends_at = NOW + grace

    for at in [NOW, NOW + DAY, ends_at - 7 * DAY, ends_at - DAY]:
        monkeypatch.setattr(tasks, "now", lambda at=at: at)
        tasks.send_consent_mails()

    assert len(mail.outbox) == 3
    told = mail.outbox[0]
    assert told.subject.startswith("Nila Health needs your yes again by ")
    page = reverse("docport:insurer", args=[consent.insurance_provider.slug])
    for words in ["have changed", "If you do nothing", page]:
        assert words in told.body


def test_the_pages_ask_again_and_the_answer_is_under_the_new_notice(
    page: Client, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = make_provider(name="Nila Health")
    given = make_consent(doctor=doctor, insurance_provider=provider, expires_at=FAR_AWAY)
    monkeypatch.setattr(notices, "EDITIONS", (*EDITIONS, edition("2027-01", asks_again=True)))
    assert tasks.ask_consents_again() == 1

    detail = reverse("docport:insurer", args=[provider.slug])
    for path in [reverse("docport:insurers"), detail]:
        shown = text(page.get(path))
        assert "it needs your yes again" in shown
        assert "Read and confirm" in shown
    assert "unless you say yes again" in text(page.get(reverse("docport:home")))
    asked = text(page.get(give_url(provider)))
    assert "Confirm what Nila Health sees" in asked
    assert "Until Monday 2 January 2090, as now" in asked
    typed = answers(provider, period="as_now", data_classes=given.data_classes)
    assert "Say yes again" in text(page.post(give_url(provider), typed | {"review": "yes"}))
    page.post(give_url(provider), typed | {"confirm": "yes"})

    given.refresh_from_db()
    assert (given.notice_version, given.expires_at) == ("2027-01", FAR_AWAY)
    event = ConsentEvent.objects.get(kind="confirmed")
    assert event.receipt["processing"]["notice"]["version"] == "2027-01"
    assert "it needs your yes again" not in text(page.get(detail))
    assert tasks.ask_consents_again() == 0


def test_an_end_for_want_of_an_answer_says_so(page: Client, doctor: Doctor) -> None:
    provider = make_provider(name="Nila Health")
    make_consent(doctor=doctor, insurance_provider=provider, granted_at=NOW - 400 * DAY)
    ask_again(Consent.objects.get(), at=NOW - 300 * DAY)

    standing = standing_with(doctor, provider, at=timezone.now())

    assert (standing.status, standing.is_asked_again) == ("EXPIRED", False)
    assert "you did not say yes again" in text(page.get(reverse("docport:insurers")))
    why = text(page.get(reverse("docport:why_insurer", args=[provider.slug])))
    assert "you did not say yes again in time" in why


def test_admins_find_whom_a_new_notice_asks(client: Client) -> None:
    asked = ask_again(make_consent())
    make_consent()
    client.force_login(make_admin())

    listed = client.get(reverse("admin:consent_consent_changelist"), {"asked_again_at__isempty": 0})

    assert list(listed.context["cl"].queryset) == [asked]


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"asked_again_at": NOW}, "consent_asked_again_has_its_end"),
        ({"chosen_expires_at": NOW + DAY}, "consent_chosen_end_is_later"),
        (
            {"asked_again_at": NOW, "expires_at": NOW + DAY, "chosen_expires_at": NOW + DAY},
            "consent_chosen_end_is_later",
        ),
    ],
)
def test_the_database_refuses_what_asking_again_cannot_leave(
    wrong: dict[str, Any], name: str
) -> None:
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        make_consent(**wrong)
