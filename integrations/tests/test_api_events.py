from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from integrations.models import FeedEntry
from integrations.tests.factories import make_event, make_feed_entry
from integrations.tests.insurers import make_caller
from registry.tests.factories import NOW, make_doctor, make_provider

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]


def test_an_empty_feed_begins_at_nothing() -> None:
    answer = make_caller().get("/events").json()

    assert answer == {"items": [], "next_after": 0, "head": 0}


def test_the_feed_is_read_from_where_one_left_off() -> None:
    caller = make_caller()
    make_feed_entry(insurance_provider=make_provider())
    entries = [make_feed_entry(insurance_provider=caller.provider) for _ in range(5)]

    first = caller.get("/events", {"limit": 2}).json()
    second = caller.get("/events", {"limit": 2, "after": first["next_after"]}).json()
    third = caller.get("/events", {"after": second["next_after"]}).json()
    last = caller.get("/events", {"after": third["next_after"]}).json()

    seen = [*first["items"], *second["items"], *third["items"]]
    assert [one["feed_seq"] for one in seen] == [1, 2, 3, 4, 5]
    assert [one["id"] for one in seen] == [entry.event.public_id for entry in entries]
    assert last == {"items": [], "next_after": 5, "head": 5}
    assert first["head"] == 5


def test_an_event_has_its_envelope() -> None:
    caller = make_caller()
    entry = make_feed_entry(insurance_provider=caller.provider)

    (shown,) = caller.get("/events").json()["items"]

    doctor = str(entry.event.doctor_id)
    assert shown == {
        "id": f"evt_{entry.event.event_id.hex}",
        "type": "doctor.updated",
        "timestamp": "2026-11-23T03:30:00Z",
        "feed_seq": 1,
        "subject": f"doctor/{doctor}",
        "subject_version": entry.event.subject_version,
        "consent_id": str(entry.consent_id),
        "data": {
            "doctor_id": doctor,
            "href": f"http://127.0.0.1:8000/api/v1/doctors/{doctor}",
        },
    }


@pytest.mark.parametrize(
    ("event_type", "subject", "path"),
    [
        ("availability.updated", "doctor/{doctor}", "/doctors/{doctor}/availability"),
        ("consent.granted", "consent/7", "/doctors/{doctor}"),
        ("appointment.booked", "appointment/7", "/appointments/7"),
    ],
)
def test_an_event_links_to_what_changed(event_type: str, subject: str, path: str) -> None:
    caller = make_caller()
    doctor = make_doctor()
    event = make_event(doctor=doctor, type=event_type, subject=subject.format(doctor=doctor.pk))
    make_feed_entry(insurance_provider=caller.provider, event=event)

    (shown,) = caller.get("/events").json()["items"]

    assert shown["data"]["href"].endswith("/api/v1" + path.format(doctor=doctor.pk))


def test_events_older_than_30_days_are_gone() -> None:
    caller = make_caller()
    for _ in range(3):
        make_feed_entry(insurance_provider=caller.provider)
    FeedEntry.objects.filter(feed_seq=1).update(created_at=NOW - timedelta(days=30, seconds=1))

    response = caller.get("/events")

    assert response.status_code == 410
    assert (response.json()["code"], response.json()["head"]) == ("feed_expired", 3)
    assert len(caller.get("/events", {"after": 1}).json()["items"]) == 2
    FeedEntry.objects.filter(feed_seq__lte=2).delete()
    assert caller.get("/events", {"after": 1}).status_code == 410
    assert len(caller.get("/events", {"after": 2}).json()["items"]) == 1
    FeedEntry.objects.all().delete()
    assert caller.get("/events", {"after": 2}).status_code == 410
    assert caller.get("/events", {"after": 3}).status_code == 200


def test_nobody_has_read_beyond_the_head() -> None:
    caller = make_caller()
    make_feed_entry(insurance_provider=caller.provider)

    response = caller.get("/events", {"after": 2})

    assert response.status_code == 400
    assert response.json()["head"] == 1
    assert response.json()["errors"][0]["code"] == "beyond_head"
    for after in ("-1", "x", str(2**63)):
        assert caller.get("/events", {"after": after}).status_code == 400


def test_the_feed_takes_as_many_queries_for_many_as_for_few(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    caller = make_caller()
    caller.get("/me")

    for number in range(8):
        make_feed_entry(insurance_provider=caller.provider)
        with django_assert_num_queries(2):
            assert len(caller.get("/events").json()["items"]) == number + 1
