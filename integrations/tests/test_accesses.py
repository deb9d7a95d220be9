from datetime import timedelta
from threading import Thread

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils.timezone import now
from pytest_django import DjangoAssertNumQueries, Settings

from consent.tests.factories import make_consent
from integrations import tasks
from integrations.actions import accesses, feed
from integrations.models import Access, ApiKey
from integrations.tests.doctors import open_on_tuesdays, share, wanted
from integrations.tests.factories import make_api_client, make_api_key
from integrations.tests.insurers import Caller, make_caller
from registry import ledger
from registry.tests.factories import NOW, make_doctor, make_verified_credential
from scheduling import openings

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]

HOUR = timedelta(hours=1)


def written() -> list[Access]:
    accesses.write_counted()
    return list(Access.objects.order_by("id"))


def reader_of(caller: Caller) -> accesses.Reader:
    key = ApiKey.objects.get(insurance_provider=caller.provider)
    return accesses.Reader(Access.Reader.API_KEY, key.pk, caller.provider.pk)


def test_a_read_says_who_was_shown_what_when_and_under_which_consent() -> None:
    caller = make_caller()
    doctor = make_doctor()
    consent = make_consent(
        doctor=doctor,
        insurance_provider=caller.provider,
        data_classes=["profile", "availability"],
    )

    caller.get(f"/doctors/{doctor.pk}")
    caller.get(f"/doctors/{doctor.pk}")

    (access,) = written()
    assert (access.consent, access.doctor) == (consent, doctor)
    assert access.reader_kind == Access.Reader.API_KEY
    assert access.reader_id == ApiKey.objects.get().pk
    assert (access.call, access.data_classes) == (Access.Call.DOCTOR, ["profile"])
    assert access.hour <= access.first_at <= access.last_at < access.hour + HOUR
    assert (access.times_shown, access.times_unchanged) == (2, 0)


def test_an_answer_that_sent_nothing_counts_as_unchanged() -> None:
    caller = make_caller()
    doctor = share(caller)
    etag = caller.get(f"/doctors/{doctor.pk}")["ETag"]

    assert caller.get(f"/doctors/{doctor.pk}", **{"If-None-Match": etag}).status_code == 304

    (access,) = written()
    assert (access.times_shown, access.times_unchanged) == (1, 1)


@pytest.mark.parametrize(
    ("path", "call", "classes"),
    [
        ("/doctors", Access.Call.DOCTORS, ["profile", "credentials"]),
        ("/doctors/{doctor}", Access.Call.DOCTOR, ["profile", "credentials"]),
        ("/doctors/{doctor}/credentials", Access.Call.CREDENTIALS, ["credentials"]),
        ("/doctors/{doctor}/availability", Access.Call.AVAILABILITY, ["availability"]),
        ("/doctors/{doctor}/slots?from=2026-11-24&to=2026-11-25", Access.Call.SLOTS,
         ["availability"]),
        ("/slots?from=2026-11-24&to=2026-11-25", Access.Call.SEARCH, ["availability"]),
        ("/consents", Access.Call.CONSENTS, []),
        ("/consents/{consent}", Access.Call.CONSENTS, []),
        ("/appointments", Access.Call.APPOINTMENTS, ["appointments"]),
    ],
)  # fmt: skip
def test_each_call_that_shows_a_doctor_counts(path: str, call: str, classes: list[str]) -> None:
    caller = make_caller()
    doctor = open_on_tuesdays(caller)
    make_verified_credential(doctor)
    assert caller.book(wanted(doctor)).status_code == 201
    openings.refresh_all(doctor_id=doctor.pk, at=NOW)
    written()
    shown = caller.get(f"/doctors/{doctor.pk}").json()
    before = {access.pk: access.times_shown for access in written()}

    answer = caller.get(path.format(doctor=doctor.pk, consent=shown["consent_id"]))

    assert answer.status_code == 200, answer.content
    (access,) = [one for one in written() if before.get(one.pk) != one.times_shown]
    assert (access.doctor, access.call, access.data_classes) == (doctor, call, classes)


def test_a_page_counts_each_doctor_that_it_shows() -> None:
    caller = make_caller()
    doctors = [share(caller) for _ in range(3)]
    share(make_caller())

    caller.get("/doctors", {"limit": "2"})

    shown = {access.doctor_id for access in written()}
    assert shown == set(sorted(doctor.pk for doctor in doctors)[:2])


def test_the_feed_counts_the_doctors_that_it_tells_of() -> None:
    caller = make_caller()
    doctor = share(caller)
    ledger.publish("doctor.updated", subject=doctor, version=2, at=NOW, doctor=doctor)
    feed.sequence(at=NOW)

    caller.get("/events")

    (access,) = written()
    assert (access.doctor, access.call) == (doctor, Access.Call.EVENTS)
    assert access.data_classes == []


def test_what_is_refused_or_not_there_is_no_access() -> None:
    caller = make_caller()
    doctor = share(caller, data_classes=["profile"])
    unseen = share(make_caller())

    caller.get(f"/doctors/{unseen.pk}")
    caller.get(f"/doctors/{doctor.pk}/availability")
    caller.get(f"/doctors/{doctor.pk}?fields=all")

    assert written() == []


def test_other_keys_classes_and_hours_have_rows_of_their_own() -> None:
    caller = make_caller()
    doctor = share(caller)
    reader = reader_of(caller)
    other = reader._replace(id=make_api_key(insurance_provider=caller.provider)[0].pk)
    client = reader._replace(kind="oauth_client", id=make_api_client()[0].pk)

    for one, shared, at in [
        (reader, ["profile"], NOW),
        (reader, ["profile"], NOW + timedelta(minutes=1)),
        (reader, ["profile", "credentials"], NOW),
        (reader, ["profile"], NOW + HOUR),
        (other, ["profile"], NOW),
        (client, ["profile"], NOW),
    ]:
        accesses.note(one, Access.Call.DOCTOR, [(doctor.pk, shared)], at=at)

    assert sorted(access.times_shown for access in written()) == [1, 1, 1, 1, 2]


def test_what_several_processes_count_adds_up() -> None:
    caller = make_caller()
    doctor, reader = share(caller), reader_of(caller)

    for minutes in (5, 1, 9):
        at = NOW.replace(minute=minutes)
        accesses.note(reader, Access.Call.DOCTOR, [(doctor.pk, ["profile"])], at=at)
        accesses.write_counted()

    (access,) = written()
    assert (access.times_shown, access.first_at.minute, access.last_at.minute) == (3, 1, 9)


def test_counting_asks_the_database_nothing(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    caller = make_caller()
    doctors, reader = [make_doctor(), make_doctor()], reader_of(caller)

    with django_assert_num_queries(0):
        accesses.note(reader, Access.Call.DOCTORS, [(one.pk, []) for one in doctors], at=NOW)
    with django_assert_num_queries(1):
        accesses.write_counted()
    with django_assert_num_queries(0):
        accesses.write_counted()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accesses SET times_shown = times_shown - 1",
        "UPDATE accesses SET call = 'search'",
        "UPDATE accesses SET last_at = first_at - interval '1 minute', first_at = hour",
        "DELETE FROM accesses",
        "TRUNCATE accesses",
    ],
)
def test_the_database_lets_no_access_shrink(statement: str) -> None:
    caller = make_caller()
    share(caller)
    caller.get("/doctors")
    written()

    with connection.cursor() as cursor:
        # What has still to be checked at the commit would stop a TRUNCATE before we do.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(IntegrityError, match="refused"), transaction.atomic():
            cursor.execute(statement)


def test_an_access_is_kept_for_a_year() -> None:
    caller = make_caller()
    doctor, reader = share(caller), reader_of(caller)
    accesses.note(reader, Access.Call.DOCTOR, [(doctor.pk, [])], at=now() - timedelta(days=367))
    accesses.note(reader, Access.Call.DOCTOR, [(doctor.pk, [])], at=now() - timedelta(days=364))
    assert len(written()) == 2

    assert tasks.forget_accesses() == 1
    assert tasks.forget_accesses() == 0
    assert len(written()) == 1


@pytest.mark.django_db(transaction=True)
def test_what_the_database_does_not_take_is_kept(settings: Settings) -> None:
    caller = make_caller()
    doctor, reader = share(caller), reader_of(caller)
    accesses.note(reader, Access.Call.DOCTOR, [(doctor.pk, [])], at=NOW)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accesses RENAME TO gone")
    try:
        assert accesses.write_counted() == 0
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE gone RENAME TO accesses")
    accesses.note(reader, Access.Call.DOCTOR, [(doctor.pk, [])], at=NOW)

    (access,) = written()

    assert access.times_shown == 2


@pytest.mark.django_db(transaction=True)
def test_many_who_write_at_once_lose_nothing_and_never_meet_in_a_deadlock() -> None:
    caller = make_caller()
    doctors, reader = [share(caller) for _ in range(20)], reader_of(caller)

    def read() -> None:
        try:
            for turn in range(20):
                some = doctors if turn % 2 else doctors[::-1]
                shown = [(one.pk, ["profile"]) for one in some]
                counter = accesses._Counter()  # noqa: SLF001  Each stands for a process.
                seen = accesses._seen(reader, Access.Call.DOCTORS, shown, at=NOW)  # noqa: SLF001  What `note` counts.
                counter.count(seen, at=NOW, is_unchanged=False)
                assert counter.write() == 20
        finally:
            connection.close()

    threads = [Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {access.times_shown for access in written()} == {80}
