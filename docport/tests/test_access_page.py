"""Who read my data: the page, its filters, and the list as a file."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from consent.models import Consent
from consent.tests.factories import make_consent
from docport import access_pages
from docport.access_pages import last_reads
from docport.tests import lists
from integrations.actions import accesses
from integrations.actions.accesses import Reader
from integrations.models import Access
from integrations.tests.factories import make_api_client, make_api_key, make_endpoint
from registry.models import User
from registry.tests.factories import NOW, make_doctor, make_provider, make_user

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LIST, CSV = reverse("docport:access"), reverse("docport:access_csv")
# 26 November has begun in India, and not yet in UTC.
PAST_MIDNIGHT = datetime.fromisoformat("2026-11-26T00:10:00+05:30")


@pytest.fixture
def user(client: Client) -> User:
    user = make_user(doctor=make_doctor())
    client.force_login(user)
    return user


@pytest.fixture
def consent(user: User) -> Consent:
    provider = make_provider(name="Nila Health", slug="nila")
    return make_consent(doctor=user.doctor, insurance_provider=provider)


def read(consent: Consent, *, at: datetime = NOW, call: str = Access.Call.DOCTOR) -> None:
    """Let the insurer's key read at an instant."""
    key, _ = make_api_key(insurance_provider=consent.insurance_provider, name="Main system")
    _note(consent, Reader(Access.Reader.API_KEY, key.pk, key.insurance_provider_id), call, at)


def _note(consent: Consent, reader: Reader, call: str, at: datetime) -> None:
    accesses.note(reader, call, [(consent.doctor_id, consent.data_classes)], at=at)
    accesses.write_counted()


def shown(client: Client, path: str = LIST, status: int = 200, **query: str) -> str:
    return lists.shown(client, path, status, **query)


def rows(client: Client, **query: str) -> list[dict[str, str]]:
    return lists.rows_of(client, CSV, "docport-accesses.csv", **query)


def test_the_doctor_sees_who_read_what_and_when(client: Client, consent: Consent) -> None:
    read(consent)

    page = shown(client)

    assert "Nila Health" in page
    assert "Key Main system …" in page
    assert "looked you up, 1 time" in page
    assert "Profile, Credentials" in page


def test_each_reader_is_named(client: Client, consent: Consent) -> None:
    provider = consent.insurance_provider
    system, _ = make_api_client(insurance_provider=provider)
    endpoint = make_endpoint(insurance_provider=provider)
    for kind, reader, call in [
        (Access.Reader.OAUTH_CLIENT, system.pk, Access.Call.DOCTORS),
        (Access.Reader.WEBHOOK, endpoint.pk, Access.Call.WEBHOOK),
        (Access.Reader.PUSH, provider.pk, Access.Call.PUSH),
    ]:
        _note(consent, Reader(kind, reader, provider.pk), call, NOW)

    assert {row["by"] for row in rows(client)} == {
        f"System {system}",
        f"Webhook to {endpoint}",
        "Push to its own system",
    }


def test_another_doctors_reads_are_not_shown(client: Client, user: User) -> None:
    read(make_consent())

    assert "Nobody has read anything yet" in shown(client)
    assert rows(client) == []


def test_an_insurer_can_be_chosen(client: Client, user: User, consent: Consent) -> None:
    other = make_consent(doctor=user.doctor, insurance_provider=make_provider(slug="saral"))
    read(consent)
    read(other)

    assert [row["insurer"] for row in rows(client, insurer="nila")] == ["Nila Health"]
    assert len(rows(client)) == 2


def test_a_kind_of_call_can_be_chosen(client: Client, user: User, consent: Consent) -> None:
    for call in (Access.Call.DOCTOR, Access.Call.DOCTORS, Access.Call.SLOTS):
        read(consent, call=call)

    assert [row["call"] for row in rows(client, call="doctors")] == ["doctors"]
    assert '<option value="doctors" selected>' in shown(client, call="doctors")
    assert len(rows(client, call="")) == 3


def test_days_are_the_doctors_own(client: Client, consent: Consent) -> None:
    for minutes in (-20, 0):
        read(consent, at=PAST_MIDNIGHT + timedelta(minutes=minutes))

    of_26 = rows(client, since="2026-11-26", until="2026-11-26")

    assert [row["first_at"] for row in of_26] == ["2026-11-25T18:40:00+00:00"]
    assert len(rows(client, until="2026-11-25")) == 1
    assert "Nobody was shown anything in these days" in shown(client, since="2026-11-27")


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"since": "2026-11-26", "until": "2026-11-25"}, "It cannot be before the first day."),
        ({"since": "yesterday"}, "Enter a valid date."),
        ({"insurer": "nobody"}, "Select a valid choice."),
    ],
)
def test_what_cannot_be_asked_is_said_and_kept(
    client: Client, consent: Consent, query: dict[str, str], says: str
) -> None:
    page = shown(client, status=422, **query)

    assert says in page
    assert all(f'value="{value}"' in page for value in query.values() if value != "nobody")
    assert says in shown(client, CSV, status=422, **query)


def test_older_ones_are_on_the_next_page(
    client: Client, consent: Consent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_pages, "PAGE", 2)
    for hour in range(3):
        read(consent, at=NOW + HOUR * hour)
    newest, middle, oldest = Access.objects.all()

    page = client.get(LIST, {"insurer": "nila"})
    older = client.get(LIST, {"insurer": "nila", "before": str(middle.pk)})

    assert [line.access for line in page.context["lines"]] == [newest, middle]
    assert f"?insurer=nila&amp;before={middle.pk}" in page.content.decode()
    assert [line.access for line in older.context["lines"]] == [oldest]
    assert older.context["before"] is None
    assert client.get(LIST, {"before": "777"}).status_code == 404


@pytest.mark.parametrize("path", [LIST, CSV])
def test_strangers_sign_in_first_and_receptionists_see_none(client: Client, path: str) -> None:
    assert client.get(path).status_code == 302

    client.force_login(make_user(doctor=make_doctor(), role=User.Role.DELEGATE))
    assert client.get(path).status_code == 404


def test_the_page_takes_as_many_queries_for_many_as_for_few(
    client: Client, consent: Consent, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for hour in range(10):
        read(consent, at=NOW + HOUR * hour)

    # Session, user, doctor, insurers, accesses, and the names of keys, clients and endpoints.
    with django_assert_num_queries(8):
        client.get(LIST)


def test_the_last_read_is_one_that_the_insurer_made_itself(consent: Consent) -> None:
    provider = consent.insurance_provider
    assert last_reads(consent.doctor) == {}
    read(make_consent(doctor=make_doctor(), insurance_provider=provider), at=NOW + DAY)
    read(consent, at=NOW - DAY)
    read(consent, at=NOW)

    _note(
        consent, Reader(Access.Reader.PUSH, provider.pk, provider.pk), Access.Call.PUSH, NOW + DAY
    )

    assert last_reads(consent.doctor) == {provider.pk: NOW}


def test_each_card_says_when_it_was_last_read(client: Client, user: User, consent: Consent) -> None:
    make_consent(doctor=user.doctor)
    make_provider()
    read(consent)

    page = shown(client, reverse("docport:insurers"))

    assert page.count("Last read: ") == 2
    assert page.count("Last read: never.") == 1
    assert "Last read: <time" in page
    assert "Monday 23 November 2026, 9am" in page


def test_the_last_read_is_found_among_many_pushes_by_its_own_index(consent: Consent) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")

    assert "access_last_read" in Access.objects.reads().filter(consent=consent)[:1].explain()


def test_neither_page_nor_file_walks_through_what_others_read(consent: Consent) -> None:
    read(consent)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    found = Access.objects.filter(doctor=consent.doctor).between(NOW - DAY, NOW + DAY)[:50]

    assert "access_by_doctor" in found.explain()
