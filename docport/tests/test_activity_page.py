"""Who did what to my record: the page, its filters, and the list as a file."""

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from consent.models import ConsentEvent
from consent.tests.factories import give
from docport import activity, activity_pages
from docport.tests import lists
from docport.tests.test_architecture import CHECKOUT
from integrations.actions import push
from integrations.tests.factories import make_sync
from registry import actions, ledger
from registry.models import AuditLog, Doctor, User
from registry.tests.factories import (
    NOW,
    make_admin,
    make_credential,
    make_doctor,
    make_location,
    make_provider,
    make_user,
)
from scheduling.tests.factories import make_appointment, make_exception

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LIST, CSV = reverse("docport:activity"), reverse("docport:activity_csv")
# 26 November has begun in India, and not yet in UTC.
PAST_MIDNIGHT = datetime.fromisoformat("2026-11-26T00:10:00+05:30")
# Events that insurers are told, and what is nobody's in particular when it is written down.
NO_DOCTORS = {
    "appointment.rescheduled", "consent.granted", "consent.requested", "consent.revoked",
    "doctor.withdrawn",
}  # fmt: skip


@pytest.fixture
def doctor() -> Doctor:
    return make_doctor()


@pytest.fixture
def user(client: Client, doctor: Doctor) -> User:
    user = make_user(doctor=doctor)
    client.force_login(user)
    return user


def done(action: str, subject: Any, by: ledger.Actor, at: datetime = NOW, **noted: Any) -> AuditLog:
    return ledger.record(action, subject=subject, by=by, at=at, **noted)


def shown(client: Client, path: str = LIST, status: int = 200, **query: str) -> str:
    return lists.shown(client, path, status, **query)


def rows(client: Client, **query: str) -> list[dict[str, str]]:
    return lists.rows_of(client, CSV, "docport-activity.csv", **query)


def test_each_actor_is_named(client: Client, user: User, doctor: Doctor) -> None:
    receptionist = make_user(
        doctor=doctor, role=User.Role.DELEGATE, email="desk@clinic.example.org"
    )
    insurer = make_provider(name="Nila Health", slug="nila")
    for by in (user, receptionist, make_admin(), insurer, None):
        done("doctor.updated", doctor, by)

    page = shown(client)

    for name in ("You", "desk@clinic.example.org", "An admin of DocPort", "Nila Health", "DocPort"):
        assert f"<strong>{name}</strong>: changed the profile" in page


def test_each_line_says_of_what_and_leads_there(client: Client, user: User, doctor: Doctor) -> None:
    place = make_location(doctor, name="City Clinic")
    paper = make_credential(doctor)
    insurer = make_provider(name="Nila Health", slug="nila")
    visit = make_appointment(doctor, insurer, place)
    leave = make_exception(doctor)
    done("place.updated", place, user)
    done("credential.opened", paper, make_admin())
    done("appointment.booked", visit, insurer)
    done("availability.updated", doctor, user)
    done(
        "leave.added", leave, user,
        starts_at=leave.starts_at.isoformat(), ends_at=leave.ends_at.isoformat(),
    )  # fmt: skip
    give(user, insurer)

    page = shown(client)

    assert f'<a href="{reverse("registry:place_edit", args=[place.pk])}">City Clinic' in page
    assert f'<a href="{reverse("registry:credential_list")}">{paper}</a>' in page
    assert f'<a href="{reverse("scheduling:appointment", args=[visit.pk])}">' in page
    assert f'<a href="{reverse("scheduling:hours")}">See it' in page
    assert f'<a href="{reverse("scheduling:leave_list")}">' in page
    assert f'<a href="{reverse("docport:insurer", args=["nila"])}">Nila Health</a>' in page


def test_what_is_gone_is_still_told(client: Client, user: User, doctor: Doctor) -> None:
    leave = make_exception(doctor)
    done(
        "leave.removed", leave, user,
        starts_at=leave.starts_at.isoformat(), ends_at=leave.ends_at.isoformat(),
    )  # fmt: skip
    leave.delete()

    assert "removed leave" in shown(client)


def test_nobody_elses_record_is_shown(client: Client, user: User, doctor: Doctor) -> None:
    done("doctor.updated", make_doctor(), make_admin())

    assert "Nothing has been done yet" in shown(client)
    assert rows(client) == []


def test_who_and_what_can_be_chosen(client: Client, user: User, doctor: Doctor) -> None:
    receptionist = make_user(doctor=doctor, role=User.Role.DELEGATE)
    insurer = make_provider(slug="nila")
    for by in (user, receptionist, make_admin(), insurer, None):
        done("doctor.updated", doctor, by)
    done("booking_rules.changed", doctor, receptionist)

    def found(**query: str) -> list[str]:
        return [row["action"] for row in rows(client, **query)]

    assert found(by="me") == ["doctor.updated"]
    assert found(by=str(receptionist.pk)) == ["booking_rules.changed", "doctor.updated"]
    assert found(by=str(receptionist.pk), kind="hours") == ["booking_rules.changed"]
    assert found(by="nila") == ["doctor.updated"]
    assert {row["by"] for row in rows(client, by="docport")} == {"An admin of DocPort", "DocPort"}
    assert len(found(kind="profile")) == 5
    assert "Nothing like that was done" in shown(client, kind="account")


def test_days_are_the_doctors_own(client: Client, user: User, doctor: Doctor) -> None:
    for minutes in (-20, 0):
        done("doctor.updated", doctor, user, PAST_MIDNIGHT + timedelta(minutes=minutes))

    of_26 = rows(client, since="2026-11-26", until="2026-11-26")

    assert [row["at"] for row in of_26] == ["2026-11-25T18:40:00+00:00"]
    assert len(rows(client, until="2026-11-25")) == 1


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"since": "2026-11-26", "until": "2026-11-25"}, "It cannot be before the first day."),
        ({"since": "0001-01-01"}, "Choose a day between 2000 and 2099."),
        ({"until": "9999-12-31"}, "Choose a day between 2000 and 2099."),
        ({"since": "yesterday"}, "Enter a valid date."),
        ({"by": "somebody"}, "Select a valid choice."),
        ({"by": str(uuid4())}, "Select a valid choice."),
        ({"kind": "everything"}, "Select a valid choice."),
    ],
)
@pytest.mark.parametrize("path", [LIST, CSV])
def test_what_cannot_be_asked_is_said(
    client: Client, user: User, path: str, query: dict[str, str], says: str
) -> None:
    assert says in shown(client, path, status=422, **query)


def test_older_ones_are_on_the_next_page(
    client: Client, user: User, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity_pages, "PAGE", 2)
    # Two of one instant: none is shown twice, and none is left out.
    oldest, middle, newest = (
        done("doctor.updated", doctor, user, at) for at in (NOW - HOUR, NOW, NOW)
    )
    of_another = done("doctor.updated", make_doctor(), None)

    page = client.get(LIST, {"by": "me"})
    older = client.get(LIST, {"by": "me", "before": str(middle.pk)})

    assert [line.log for line in page.context["lines"]] == [newest, middle]
    assert f"?by=me&amp;before={middle.pk}" in page.content.decode()
    assert [line.log for line in older.context["lines"]] == [oldest]
    assert older.context["before"] is None
    for nowhere in (str(of_another.pk), "777"):
        assert client.get(LIST, {"before": nowhere}).status_code == 404


@pytest.mark.parametrize("path", [LIST, CSV])
def test_strangers_sign_in_first_and_receptionists_see_none(client: Client, path: str) -> None:
    assert client.get(path).status_code == 302

    client.force_login(make_user(doctor=make_doctor(), role=User.Role.DELEGATE))
    assert client.get(path).status_code == 404


def test_the_page_takes_as_many_queries_for_many_as_for_few(
    client: Client, user: User, doctor: Doctor, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    place, insurer = make_location(doctor), make_provider()
    for hour in range(10):
        visit = make_appointment(doctor, insurer, place, appointment_time=NOW + HOUR * hour)
        done("appointment.booked", visit, None)
        done("place.updated", place, user)

    # Session, user, doctor, receptionists, insurers, lines, appointments and places.
    with django_assert_num_queries(8):
        client.get(LIST)


def test_neither_page_nor_file_walks_through_what_others_did(user: User, doctor: Doctor) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")

    assert "audit_by_doctor" in AuditLog.objects.of_doctor(doctor)[:50].explain()


def test_the_file_speaks_the_doctors_language(client: Client, user: User, doctor: Doctor) -> None:
    User.objects.update(language="hi")
    done("doctor.updated", doctor, user)
    done("doctor.updated", doctor, make_admin())

    found = [(row["by"], row["what"]) for row in rows(client)]

    assert found == [("DocPort के एक एडमिन", "प्रोफ़ाइल बदली"), ("आप", "प्रोफ़ाइल बदली")]


def test_a_long_list_is_told_part_by_part(
    client: Client, user: User, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity_pages, "_CHUNK", 2)
    for _ in range(5):
        done("doctor.updated", doctor, user)

    assert len(rows(client)) == 5


def test_every_action_on_what_is_a_doctors_has_words() -> None:
    about = "appointment|availability|booking_rules|consent|credential|doctor|extra_hours|leave"
    name = re.compile(rf'"((?:{about}|place|provider_doctor_sync|user)\.[a-z_]+)"')
    found = {f"consent.{kind}" for kind in ConsentEvent.Kind.values}
    for app in ("registry", "consent", "scheduling", "integrations/actions/push"):
        for path in (CHECKOUT / app).rglob("*.py"):
            if not {"tests", "migrations"} & set(path.parts):
                found |= set(name.findall(path.read_text(encoding="utf-8")))

    assert found - NO_DOCTORS == activity.WORDS.keys()


def test_a_doctor_reads_of_what_the_actions_really_do(
    client: Client, user: User, doctor: Doctor
) -> None:
    """Not by lines made up here: each action names the doctor by itself."""
    admin = make_admin()
    actions.update_profile(doctor=doctor, changes={"fee": "700"}, by=user, at=NOW)
    actions.delegate(
        doctor=doctor, email="desk@example.org", permissions=["manage_schedule"], by=admin, at=NOW
    )
    actions.set_theme(user=user, theme="dark", at=NOW)
    sync = make_sync(doctor=doctor, sync_status="FAILING", failing_since=NOW, next_attempt_at=NOW)
    push.retry(sync=sync, by=admin, at=NOW)

    assert [(row["by"], row["what"], row["which"]) for row in rows(client)] == [
        ("An admin of DocPort", "had everything sent again", sync.insurance_provider.name),
        ("You", "chose other colours", ""),
        ("An admin of DocPort", "changed what a receptionist may do", "desk@example.org"),
        ("You", "changed the profile", ""),
    ]
