import json
from io import BytesIO
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from integrations.api.parsers import MOST_BYTES, StrictJSONParser
from integrations.api.problems import Problem
from integrations.tests.insurers import UNKNOWN_ID, Caller, make_caller

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]


@pytest.fixture
def caller() -> Caller:
    return make_caller()


def send(caller: Caller, content: bytes | str, **given: Any) -> Any:
    headers = {"Authorization": f"Bearer {caller.key}", "Idempotency-Key": "key-1"}
    values: dict[str, Any] = {"content_type": "application/json"}
    return Client(headers=headers).generic(
        "POST", "/api/v1/appointments", content, **(values | given)
    )


def test_a_problem_has_its_parts(caller: Caller) -> None:
    response = send(caller, b"{")

    problem = response.json()
    assert problem == {
        "type": "http://127.0.0.1:8000/api/docs/#malformed_json",
        "title": "The body is not JSON",
        "status": 400,
        "detail": "Expecting property name enclosed in double quotes: line 1, column 2. "
        "Send one JSON object in UTF-8, without NaN, repeated keys, NUL or lone surrogates.",
        "instance": "/api/v1/appointments",
        "code": "malformed_json",
        "request_id": response["X-Request-ID"],
    }
    assert response["Cache-Control"] == "no-store"
    assert "Authorization" in response["Vary"]


def test_the_callers_request_id_is_kept(caller: Caller) -> None:
    response = caller.get("/doctors", {"limit": 0}, **{"X-Request-ID": "insurer-4711"})

    assert response.json()["request_id"] == "insurer-4711"


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/problem+json"]
)
def test_only_json_is_read(caller: Caller, content_type: str) -> None:
    response = send(caller, b"{}", content_type=content_type)

    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


def test_json_may_name_its_charset(caller: Caller) -> None:
    response = send(caller, b"{}", content_type="application/json; charset=utf-8")

    assert response.json()["code"] == "invalid_request"
    assert {one["code"] for one in response.json()["errors"]} == {"required"}


def test_a_large_body_is_refused(caller: Caller) -> None:
    padding = b" " * (MOST_BYTES - 2)

    assert send(caller, b"{}" + padding).status_code == 400
    response = send(caller, b"{}" + padding + b" ")

    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")
    assert send(caller, b" " * 3 * 1024 * 1024).status_code == 413


def test_no_more_of_a_body_is_read_than_allowed() -> None:
    with pytest.raises(Problem) as refusal:
        StrictJSONParser().parse(BytesIO(b" " * (MOST_BYTES + 1)))

    assert refusal.value.code == "body_too_large"


def test_a_length_that_is_none_is_refused(caller: Caller) -> None:
    chunked = send(caller, b"{}", HTTP_TRANSFER_ENCODING="chunked")

    assert (chunked.status_code, chunked.json()["code"]) == (411, "length_required")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/doctors", "GET, HEAD, OPTIONS"),
        ("TRACE", "/doctors", "GET, HEAD, OPTIONS"),
        ("QUERY", "/doctors", "GET, HEAD, OPTIONS"),
        ("PUT", "/appointments", "GET, POST, HEAD, OPTIONS"),
        ("GET", f"/appointments/{UNKNOWN_ID}/cancel", "POST, OPTIONS"),
        ("HEAD", f"/appointments/{UNKNOWN_ID}/cancel", "POST, OPTIONS"),
        ("POST", "/me", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_method_that_is_not_there_names_those_that_are(
    caller: Caller, method: str, path: str, allow: str
) -> None:
    client = Client(headers={"Authorization": f"Bearer {caller.key}"})

    response = client.generic(method, f"/api/v1{path}")

    assert (response.status_code, response["Allow"]) == (405, allow)
    if method != "HEAD":
        assert response.json()["code"] == "method_not_allowed"


def test_head_is_get_without_a_body(caller: Caller) -> None:
    client = Client(headers={"Authorization": f"Bearer {caller.key}"})

    response = client.head("/api/v1/doctors")

    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize(
    "path",
    ["/api/", "/api/v1", "/api/v1/", "/api/v1/doctors/", "/api/v1/nothing", "/api/v2/me", "/api/x"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_path_is_a_problem_and_never_a_redirect(method: str, path: str) -> None:
    response = Client().generic(method, path)

    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert response["Content-Type"] == "application/problem+json"


def test_a_fault_of_ours_tells_nothing(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("patient member-7731 in /srv/secret.py")

    monkeypatch.setattr("integrations.representations.doctors_as_seen", fail)

    response = caller.get("/doctors")

    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert response["Content-Type"] == "application/problem+json"
    for told in (response.content.decode(), caplog.text):
        assert "member-7731" not in told
        assert "secret" not in told
    assert "RuntimeError" in caplog.text
    assert "RuntimeError" not in response.content.decode()


def test_a_database_that_is_away_is_a_reason_to_try_again(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OperationalError("connection refused at 10.1.2.3")

    monkeypatch.setattr("integrations.representations.doctors_as_seen", fail)

    response = caller.get("/doctors")

    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert response["Retry-After"] == "1"
    assert "10.1.2.3" not in response.content.decode()


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "application/json", "*/*", "x"])
def test_json_is_answered_whatever_is_accepted(caller: Caller, accept: str) -> None:
    assert caller.get("/me", Accept=accept)["Content-Type"] == "application/json"


def test_text_is_not_escaped(caller: Caller) -> None:
    caller.provider.name = "सुरक्षा"
    caller.provider.save()

    assert "सुरक्षा" in caller.get("/me").content.decode()


@pytest.mark.parametrize("path", ["/me", "/doctors", "/events", "/appointments", "/nothing"])
def test_every_body_is_json(caller: Caller, path: str) -> None:
    assert isinstance(json.loads(caller.get(path).content), dict)
