import sqlite3
from pathlib import Path
from typing import Any

import pytest
import requests

from integrations.tests.test_mock_insurer.conftest import (
    APPOINTMENT,
    DOCTOR,
    HOURS,
    NOW,
    PROFILE,
    Mock,
)


def test_a_pushed_doctor_is_mirrored(mock: Mock) -> None:
    assert mock.push().status_code == 200
    assert mock.push(HOURS, part="/availability", version=3).status_code == 200

    (held,) = mock.mirror
    assert held["profile"] == PROFILE
    assert held["availability"] == HOURS
    assert (held["profile_version"], held["availability_version"]) == (1, 3)
    state = mock.get(f"/docport/doctors/{DOCTOR}")
    assert state.headers["DocPort-State"] == "f00d"
    hours = mock.get(f"/docport/doctors/{DOCTOR}/availability")
    assert (hours.headers["DocPort-State"], hours.json()) == ("f00d", {"version": 3})


def test_an_older_push_is_refused_and_an_equal_one_taken(mock: Mock) -> None:
    mock.push(version=5)

    older = mock.push(PROFILE | {"full_name": "Old"}, version=4)

    assert older.status_code == 409
    assert mock.mirror[0]["profile"] == PROFILE
    assert mock.push(version=5).status_code == 200


def test_an_unsigned_push_changes_nothing(mock: Mock) -> None:
    path = f"{mock.url}/docport/doctors/{DOCTOR}"

    unsigned = requests.put(path, json=PROFILE, headers={"DocPort-Version": "1"}, timeout=5)

    assert unsigned.status_code == 401
    assert mock.mirror == []


@pytest.mark.parametrize(
    ("body", "version"),
    [(PROFILE | {"id": APPOINTMENT}, "1"), (PROFILE, "new"), ([PROFILE], "1")],
)
def test_a_signed_push_that_makes_no_sense_is_400(mock: Mock, body: Any, version: str) -> None:
    path = f"/docport/doctors/{DOCTOR}"

    assert mock.say("PUT", path, body, DocPort_Version=version).status_code == 400
    assert mock.mirror == []


def test_a_withdrawn_doctor_is_erased_and_may_come_back(mock: Mock) -> None:
    mock.push()

    gone = mock.say(
        "DELETE", f"/docport/doctors/{DOCTOR}", {"reason": "revoked"}, signed_at=NOW + 10
    )

    assert gone.status_code == 200
    assert mock.mirror == []
    state = mock.get(f"/docport/doctors/{DOCTOR}")
    assert (state.status_code, state.headers["DocPort-State"]) == (404, "none")
    assert mock.push(signed_at=NOW + 9).status_code == 409, "it was on its way before"
    assert mock.push(signed_at=NOW + 11).status_code == 200


def test_erased_means_gone_from_the_file(mock: Mock, tmp_path: Path) -> None:
    mock.push()
    mock.say("DELETE", f"/docport/doctors/{DOCTOR}", {"reason": "revoked"}, signed_at=NOW + 1)

    connection = sqlite3.connect(tmp_path / "nila.sqlite3")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()

    assert b"Jayanagar" not in (tmp_path / "nila.sqlite3").read_bytes()


def test_an_event_is_kept_once_however_often_it_comes(mock: Mock) -> None:
    first, again = mock.tell("doctor.updated"), mock.tell("doctor.updated")

    assert (first.json(), again.json()) == ({"known": False}, {"known": True})
    (event,) = mock.get("/events.json").json()["events"]
    assert (event["type"], event["feed_seq"]) == ("doctor.updated", 7)


def test_a_webhook_with_a_wrong_signature_is_refused(mock: Mock) -> None:
    headers = {"webhook-id": "m", "webhook-timestamp": str(NOW), "webhook-signature": "v1,AAAA"}

    refused = requests.post(f"{mock.url}/docport/webhooks", b"{}", headers=headers, timeout=5)

    assert refused.status_code == 401
    assert mock.get("/events.json").json()["events"] == []


@pytest.mark.parametrize("event", [{}, {"type": "ping"}, {"type": "ping", "data": {}}])
def test_a_signed_event_without_its_parts_is_400(mock: Mock, event: dict[str, Any]) -> None:
    assert mock.say("POST", "/docport/webhooks", event).status_code == 400


def test_a_revoked_consent_erases_the_doctor(mock: Mock) -> None:
    mock.push()

    mock.tell("consent.revoked")

    assert mock.mirror == []


def test_a_late_revocation_does_not_undo_a_return(mock: Mock) -> None:
    mock.push(signed_at=NOW + 60)

    assert mock.tell("consent.revoked", timestamp="2026-11-23T03:30:59.9Z").status_code == 200
    assert len(mock.mirror) == 1
