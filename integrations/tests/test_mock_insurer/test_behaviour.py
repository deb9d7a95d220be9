import time
from typing import Any

import pytest
import requests
import urllib3

from integrations.mock_insurer.behaviour import NEGLECTED
from integrations.tests.test_mock_insurer.conftest import DOCTOR, NOW, PROFILE, Mock

EVENTS = "/docport/webhooks"


def behave(mock: Mock, **behaviour: Any) -> requests.Response:
    return requests.put(f"{mock.url}/control/behaviour", json=behaviour, timeout=5)


def report(mock: Mock) -> Any:
    return mock.get("/control/report").json()


def forged(mock: Mock, event: dict[str, Any], *, at: int = NOW) -> requests.Response:
    headers = {"webhook-id": "evt_1", "webhook-timestamp": str(at), "webhook-signature": "v1,AAAA"}
    return requests.post(f"{mock.url}{EVENTS}", json=event, headers=headers, timeout=5)


def event(version: int = 1, **given: Any) -> dict[str, Any]:
    return {
        "id": f"evt_{version}",
        "type": "doctor.updated",
        "timestamp": "2026-11-23T03:30:00Z",
        "subject": f"doctor/{DOCTOR}",
        "subject_version": version,
        "data": {"doctor_id": DOCTOR},
    } | given


def tell(mock: Mock, told: dict[str, Any], message_id: str | None = None) -> requests.Response:
    return mock.say("POST", EVENTS, told, message_id=message_id or told["id"])


def test_a_status_with_retry_after_takes_nothing_and_holds_for_so_many_calls(mock: Mock) -> None:
    behave(mock, status=503, retry_after="7", times=2)

    answers = [mock.push() for _ in range(3)]

    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert answers[0].headers["Retry-After"] == "7"
    assert "Retry-After" not in answers[2].headers
    assert mock.get("/control/behaviour").json()["times"] is None
    assert report(mock)["summary"]["pushes"] == {
        "taken": 1, "older": 0, "not_genuine": 0, "not_taken": 2,
    }  # fmt: skip


def test_another_2xx_takes_the_message(mock: Mock) -> None:
    behave(mock, status=202)

    assert mock.push().status_code == 202
    assert len(mock.mirror) == 1


def test_a_refusal_comes_after_the_look_at_the_signature(mock: Mock) -> None:
    behave(mock, status=503)

    assert forged(mock, event()).status_code == 401
    assert report(mock)["webhooks"][0]["not_genuine"] == 1


def test_the_state_held_answers_as_told_too(mock: Mock) -> None:
    mock.push()
    behave(mock, status=500)

    assert mock.get(f"/docport/doctors/{DOCTOR}").status_code == 500


def test_a_redirect_leads_elsewhere_and_takes_nothing(mock: Mock) -> None:
    behave(mock, redirect_to=f"{mock.url}/healthz")

    answer = tell(mock, event())

    # The library followed it, which DocPort never does.
    assert [one.status_code for one in answer.history] == [307]
    assert mock.get("/events.json").json()["events"] == []


def test_an_answer_may_come_late_or_a_byte_at_a_time(mock: Mock) -> None:
    behave(mock, delay_seconds=0.3, times=1)
    began = time.monotonic()
    tell(mock, event(1))
    late = time.monotonic() - began
    behave(mock, drip_seconds=0.001, times=1)
    began = time.monotonic()
    answer = tell(mock, event(2))

    assert late >= 0.3
    # The headers alone have more than 300 bytes.
    assert time.monotonic() - began >= 0.3
    assert answer.json() == {"known": False}


def test_pages_and_control_behave_well(mock: Mock) -> None:
    behave(mock, status=500, delay_seconds=5, redirect_to="/")

    assert mock.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("tls", "cause"), [("untrusted", "CERTIFICATE"), ("none", "WRONG_VERSION")]
)
def test_tls_can_be_broken_while_the_control_stays_in_reach(
    mock: Mock, tls: str, cause: str
) -> None:
    behave(mock, tls=tls)
    secure = mock.url.replace("http://", "https://")

    with pytest.raises(requests.exceptions.SSLError, match=cause):
        requests.get(f"{secure}/healthz", timeout=5)

    assert mock.get("/healthz").status_code == 200


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_plain_and_encrypted_calls_share_a_port(mock: Mock) -> None:
    with urllib3.PoolManager(cert_reqs="CERT_NONE", assert_hostname=False) as pool:
        answer = pool.request("GET", f"{mock.url.replace('http://', 'https://')}/healthz")

    assert answer.status == 200


def test_a_lost_database_holds_nothing(mock: Mock) -> None:
    mock.push(version=4)
    tell(mock, event())

    requests.delete(f"{mock.url}/control/database", timeout=5)

    assert mock.mirror == []
    assert mock.get("/events.json").json()["events"] == []
    assert mock.push(version=3).status_code == 200


def test_the_report_tells_attempts_duplicates_order_and_what_is_held(mock: Mock) -> None:
    mock.push(version=6)
    mock.push(version=5)
    tell(mock, event(2))
    tell(mock, event(2))
    tell(mock, event(1))
    tell(mock, event(3))
    forged(mock, event(1))

    seen = report(mock)

    assert seen["summary"] == {
        "webhooks": 3, "taken": 3, "attempts": 5, "not_genuine": 1, "duplicates": 1, "late": 1,
        "pushes": {"taken": 1, "older": 1, "not_genuine": 0, "not_taken": 0},
    }  # fmt: skip
    by_id = {one["webhook_id"]: one for one in seen["webhooks"]}
    assert by_id["evt_2"]["attempts"] == 2
    assert [by_id[f"evt_{version}"]["is_late"] for version in (1, 2, 3)] == [True, False, False]
    assert (by_id["evt_2"]["first_at"], by_id["evt_2"]["taken_at"]) == (NOW, NOW)
    assert seen["held"][0]["profile_version"] == 6
    assert mock.get("/control/report?summary=1").json().keys() == {"summary"}


def test_an_event_is_late_only_if_a_newer_one_was_taken(mock: Mock) -> None:
    behave(mock, status=503, times=1)
    tell(mock, event(2))
    tell(mock, event(1))
    tell(mock, event(2))

    assert report(mock)["summary"]["late"] == 0


def test_the_report_starts_afresh(mock: Mock) -> None:
    tell(mock, event())

    requests.delete(f"{mock.url}/control/report", timeout=5)

    assert report(mock)["webhooks"] == []


def test_what_is_no_event_is_noted_too(mock: Mock) -> None:
    assert mock.say("POST", EVENTS, ["no event"], message_id="evt_9").status_code == 400
    assert report(mock)["webhooks"][0]["type"] == ""


@pytest.mark.parametrize(
    "given",
    [
        [], {"speed": 1}, {"status": 99}, {"status": "503"}, {"status": True}, {"times": 0},
        {"delay_seconds": -1}, {"drip_seconds": "1"}, {"tls": "old"}, {"tls": []},
        {"neglects": ["sleep"]}, {"neglects": "age"}, {"neglects": [[]]},
        {"redirect_to": "a\r\nb: c"},
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_refused_and_changes_nothing(mock: Mock, given: Any) -> None:
    refused = requests.put(f"{mock.url}/control/behaviour", json=given, timeout=5)

    assert refused.status_code == 400
    assert tell(mock, event()).status_code == 200


def test_a_description_that_is_no_json_is_refused(mock: Mock) -> None:
    assert requests.put(f"{mock.url}/control/behaviour", b"{", timeout=5).status_code == 400


def test_a_forgery_is_believed_only_where_signatures_are_neglected(mock: Mock) -> None:
    behave(mock, neglects=["signatures"])

    assert forged(mock, event()).status_code == 200
    assert report(mock)["summary"]["not_genuine"] == 1


def test_what_is_forged_stays_refused_where_only_its_age_is_neglected(mock: Mock) -> None:
    behave(mock, neglects=["age"])

    assert forged(mock, event()).status_code == 401
    assert mock.say("POST", EVENTS, event(), signed_at=NOW - 3600).status_code == 200


def test_every_neglect_does_what_it_says(mock: Mock) -> None:
    mock.push(version=5)
    tell(mock, event(5))
    challenge = event(type="endpoint.challenge", data={"challenge": "repeat this"})
    behave(mock, neglects=list(NEGLECTED))

    assert tell(mock, event(5)).status_code == 409
    assert tell(mock, event(6, type="weather.changed")).status_code == 400
    assert tell(mock, event(7, mood="good")).status_code == 400
    assert tell(mock, event(4)).status_code == 409
    assert tell(mock, challenge).json() == {"challenge": ""}
    assert mock.push(PROFILE | {"full_name": "Old"}, version=4).status_code == 200
    assert mock.say("DELETE", f"/docport/doctors/{DOCTOR}", {}).status_code == 200
    assert mock.mirror[0]["profile"]["full_name"] == "Old"
