"""The mock insurer asks doctors for consent, and tells DocPort what it erased."""

from typing import Any

import pytest
import requests

from integrations.mock_insurer.client import Unavailable
from integrations.tests.test_mock_insurer.conftest import DOCTOR, NOW, FakeDocPort, Mock

CONSENT = "0e3b8a52-6a5c-4a5e-8f6e-6e1c7c1f0005"
ERASURE = ("POST", f"/api/v1/consents/{CONSENT}/erasure")
ASKED = {
    "registration_number": "KMC-048213",
    "data_classes": ["availability", "profile"],
    "message": None,
    "asked_at": "2026-11-23T03:30:00Z",
    "answer_by": "2026-12-23T03:30:00Z",
    "ask_again_from": "2027-03-23T03:30:00Z",
}
FORM = {"registration_number": " kmc-048213 ", "availability": "yes", "form_key": "k"}


def posted(docport: FakeDocPort) -> list[tuple[str, str, dict[str, str], Any]]:
    return [call for call in docport.asked if call[0] == "POST"]


def revoke(mock: Mock, **given: Any) -> None:
    mock.say(
        "POST",
        "/docport/webhooks",
        {
            "type": "consent.revoked",
            "timestamp": "2026-11-23T03:30:00Z",
            "consent_id": CONSENT,
            "data": {"doctor_id": DOCTOR},
        }
        | given,
        message_id=f"evt_{len(mock.get('/events.json').json()['events'])}",
    )


def test_a_doctor_is_asked_once_however_often_the_button_is_pressed(
    mock: Mock, docport: FakeDocPort
) -> None:
    docport.answers["POST", "/api/v1/consents"] = (202, ASKED)
    assert 'action="/ask"' in mock.get("/").text

    pages = [requests.post(f"{mock.url}/ask", FORM, timeout=5) for _ in range(2)]

    for page in pages:
        assert page.status_code == 200
        assert "Wednesday 23 December 2026, 9am" in page.text
        assert "we hear nothing" in page.text
    first, second = posted(docport)
    assert first[2]["Idempotency-Key"] == second[2]["Idempotency-Key"] == "ask-k"
    assert first[3] == {
        "registration_number": "KMC-048213",
        "data_classes": ["profile", "availability"],
        "message": "",
    }


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((409, {"title": "This doctor shares with you already"}), "shares with you already"),
        ((503, {}), "DocPort answered 503."),
    ],
)
def test_why_a_doctor_was_not_asked_is_shown(
    mock: Mock, docport: FakeDocPort, answer: tuple[int, Any], told: str
) -> None:
    docport.answers["POST", "/api/v1/consents"] = answer

    page = requests.post(f"{mock.url}/ask", FORM, timeout=5)

    assert page.status_code in {409, 502}
    assert told in page.text


@pytest.mark.parametrize("missing", ["registration_number", "form_key"])
def test_a_form_that_lacks_something_is_refused(
    mock: Mock, docport: FakeDocPort, missing: str
) -> None:
    page = requests.post(f"{mock.url}/ask", FORM | {missing: ""}, timeout=5)

    assert page.status_code == 400
    assert docport.asked == []


def test_docport_is_told_once_that_a_doctor_who_left_is_erased(
    mock: Mock, docport: FakeDocPort
) -> None:
    docport.answers[ERASURE] = (200, {"id": CONSENT})
    mock.push()
    revoke(mock)

    for _ in range(2):
        mock.insurer.reader.read_all()

    (told,) = posted(docport)
    assert told[1] == ERASURE[1]
    assert told[3] == {"erased_at": "2026-11-23T03:30:00+00:00"}


def test_an_erasure_waits_while_docport_is_away(mock: Mock, docport: FakeDocPort) -> None:
    docport.answers[ERASURE] = (503, {})
    revoke(mock)
    with pytest.raises(Unavailable):
        mock.insurer.reader.read_all()

    docport.answers[ERASURE] = (200, {"id": CONSENT})
    mock.insurer.reader.read_all()
    mock.insurer.reader.read_all()

    assert len(posted(docport)) == 2


def test_an_erasure_that_docport_refuses_is_not_told_again(
    mock: Mock, docport: FakeDocPort
) -> None:
    docport.answers[ERASURE] = (409, {"code": "consent_in_force"})
    revoke(mock)

    for _ in range(2):
        mock.insurer.reader.read_all()

    assert len(posted(docport)) == 1


def test_each_end_of_the_same_consent_is_told(mock: Mock, docport: FakeDocPort) -> None:
    docport.answers[ERASURE] = (200, {"id": CONSENT})
    revoke(mock)
    mock.insurer.reader.read_all()

    revoke(mock, timestamp="2026-11-23T03:31:00Z")
    mock.insurer.store.keep_erasure(CONSENT, at=NOW + 60)
    mock.insurer.store.mark_told(CONSENT, NOW)
    mock.insurer.reader.read_all()

    assert [call[3]["erased_at"] for call in posted(docport)] == [
        "2026-11-23T03:30:00+00:00",
        "2026-11-23T03:31:00+00:00",
    ]


def test_nothing_is_told_of_a_doctor_who_is_back(mock: Mock, docport: FakeDocPort) -> None:
    mock.push(signed_at=NOW + 60)
    revoke(mock)

    mock.insurer.reader.read_all()

    assert posted(docport) == []
