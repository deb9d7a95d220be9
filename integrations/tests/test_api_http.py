"""What every call has in common: its headers, its methods, and what it refuses to read."""

import re
import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from consent.models import Consent
from integrations.api import cursors
from integrations.api.problems import Problem
from integrations.api.views.schema import description
from integrations.tests.doctors import share
from integrations.tests.factories import make_delivery, make_endpoint
from integrations.tests.insurers import UNKNOWN_ID, Caller, as_documented, make_caller
from integrations.tests.test_api_access import calls, filled_in
from registry.http import LARGEST_BODY_BYTES
from registry.tests.factories import make_location
from scheduling.tests.factories import make_appointment

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]

ALWAYS = {
    "Cache-Control": "no-store",
    "Content-Type": "application/problem+json",
    "DocPort-Version": "2026-11-01",
}


@pytest.fixture
def caller() -> Caller:
    return make_caller()


def send(caller: Caller, method: str, path: str, content: bytes = b"", **given: Any) -> Any:
    client = Client(headers={"Authorization": f"Bearer {caller.key}"})
    return client.generic(method, path, content, **given)


def test_every_answer_says_what_every_answer_says(caller: Caller) -> None:
    doctor = share(caller)
    answers = {
        200: send(caller, "GET", f"/api/v1/doctors/{doctor.pk}"),
        400: send(caller, "GET", "/api/v1/doctors?nothing=1"),
        401: Client().get("/api/v1/doctors"),
        404: send(caller, "GET", f"/api/v1/doctors/{UNKNOWN_ID}"),
        405: send(caller, "DELETE", "/api/v1/doctors"),
    }

    for status, answer in answers.items():
        assert answer.status_code == status
        for name in ("X-Request-ID", "RateLimit", "RateLimit-Policy"):
            assert answer[name], (status, name)
        assert {"Authorization", "DocPort-Version"} <= set(answer["Vary"].split(", "))
        for name, value in ALWAYS.items():
            if status >= 400 or name != "Content-Type":
                assert answer[name] == value, (status, name)
        if status >= 400:
            assert answer.json()["request_id"] == answer["X-Request-ID"]


def test_a_path_that_is_not_there_says_the_same(caller: Caller) -> None:
    answer = send(caller, "GET", "/api/v1/nothing")

    assert answer.status_code == 404
    for name, value in ALWAYS.items():
        assert answer[name] == value
    assert answer["RateLimit-Policy"].startswith('"address";')


def test_options_names_the_methods_of_every_path(caller: Caller) -> None:
    for path in {path for _, path, _ in calls()}:
        filled = path.replace("<str:", "").replace(">", "")

        answer = send(caller, "OPTIONS", filled)

        assert (answer.status_code, answer.content) == (204, b""), path
        offered = set(answer["Allow"].split(", "))
        assert offered - {"HEAD"} == {"OPTIONS", *(m for m, p, _ in calls() if p == path)}
        assert not [name for name in answer.headers if name.startswith("Access-Control")]


def test_options_needs_a_key_like_every_call() -> None:
    assert Client().options("/api/v1/doctors").status_code == 401


def test_head_is_get_without_a_body(caller: Caller) -> None:
    path = f"/api/v1/doctors/{share(caller).pk}"
    got = send(caller, "GET", path)

    answer = send(caller, "HEAD", path)

    assert (answer.status_code, answer.content) == (200, b"")
    for name in ("ETag", "Content-Type", "DocPort-Version", "Content-Length"):
        assert answer[name] == got[name]


@pytest.mark.parametrize(
    ("offered", "status"),
    [
        ("{etag}", 304),
        ('"0.0", {etag}', 304),
        ('"0.0" ,W/{etag},"9"', 304),
        ("W/{etag}", 304),
        ("*", 304),
        ('"0.0"', 200),
        ("", 200),
        ("nonsense", 200),
    ],
)
def test_who_has_the_version_is_told_so(caller: Caller, offered: str, status: int) -> None:
    path = f"/doctors/{share(caller).pk}"
    etag = caller.get(path)["ETag"]

    answer = caller.get(path, None, **{"If-None-Match": offered.format(etag=etag)})

    assert (answer.status_code, answer["ETag"]) == (status, etag)
    if status == 304:
        assert answer.content == b""
        assert "Content-Type" not in answer
        assert answer["Cache-Control"] == "no-store"
        assert "Authorization" in answer["Vary"]


def test_head_with_the_version_is_told_so_too(caller: Caller) -> None:
    path = f"/api/v1/doctors/{share(caller).pk}"
    etag = send(caller, "GET", path)["ETag"]

    assert send(caller, "HEAD", path, headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize("encoding", ["gzip", "br", "Gzip, identity"])
def test_a_compressed_body_is_not_read(caller: Caller, encoding: str) -> None:
    answer = send(
        caller,
        "POST",
        "/api/v1/holds",
        b"\x1f\x8b",
        content_type="application/json",
        headers={"Content-Encoding": encoding},
    )

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("length", ["-1", "1e3", "²", "0x10"])
def test_a_length_that_is_no_number_is_none(caller: Caller, length: str) -> None:
    answer = send(caller, "GET", "/api/v1/me", CONTENT_LENGTH=length)

    assert (answer.status_code, answer.json()["code"]) == (411, "length_required")


def test_more_parameters_than_anybody_sends_are_refused(caller: Caller) -> None:
    query = "&".join(f"limit{number}=1" for number in range(1_100))

    answer = send(caller, "GET", f"/api/v1/doctors?{query}")

    as_documented(answer, "get", "/doctors")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("limit", ["5.0", "५", " 5", "5 ", "1e1", "true", "0x5", "9" * 30, ""])
def test_a_number_is_written_in_digits(caller: Caller, limit: str) -> None:
    answer = caller.get("/doctors", {"limit": limit})

    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["parameter"]) == (400, "limit")


def test_a_host_that_is_not_ours_is_a_problem(caller: Caller) -> None:
    answer = send(caller, "GET", "/api/v1/me", headers={"Host": "elsewhere.example"})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer["X-Request-ID"]
    page = Client().get("/", headers={"Host": "elsewhere.example"})
    assert (page.status_code, page["Content-Type"]) == (400, "text/html; charset=utf-8")


def test_a_body_that_no_page_takes_is_a_problem(caller: Caller) -> None:
    too_long = str(LARGEST_BODY_BYTES + 1)

    answer = send(caller, "POST", "/api/v1/holds", CONTENT_LENGTH=too_long)

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert answer["Content-Type"] == "application/problem+json"


def test_a_fault_outside_the_endpoint_is_a_problem(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: object) -> None:
        raise RuntimeError("a secret of the house")

    monkeypatch.setattr("integrations.api.renderers.JsonRenderer.render", break_down)
    client = Client(raise_request_exception=False)

    answer = client.get("/api/v1/me", headers={"Authorization": f"Bearer {caller.key}"})

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "secret" not in answer.content.decode()


def test_a_cursor_is_good_for_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    of = "a list"
    cursor = cursors.write(["place"], of=of)
    made_at = time.time()
    assert cursors.read(cursor, of=of) == ["place"]

    later = made_at + timedelta(days=1, seconds=2).total_seconds()
    monkeypatch.setattr("django.core.signing.time.time", lambda: later)
    with pytest.raises(Problem) as refusal:
        cursors.read(cursor, of=of)

    assert refusal.value.code == "invalid_cursor"


def test_filters_that_look_alike_are_other_lists(caller: Caller) -> None:
    lists = [
        {"q": "x\nstate=KA"},
        {"q": "x", "state": "KA"},
        {"q": "x", "state": "KA", "city": ""},
        {"q": "x=state=KA"},
    ]

    names = {cursors.list_name(caller.provider, "doctors", query) for query in lists}

    assert len(names) == len(lists)
    assert cursors.list_name(caller.provider, "doctors", {"q": "x", "limit": 3}) == (
        cursors.list_name(caller.provider, "doctors", {"limit": 5, "q": "x", "cursor": "y"})
    )


def own_ids(caller: Caller) -> dict[str, str]:
    """Give an id of each kind that the caller may name in a path."""
    doctor = share(caller)
    place = make_location(doctor)
    endpoint = make_endpoint(insurance_provider=caller.provider)
    rows = {
        "doctor_id": doctor,
        "appointment_id": make_appointment(doctor, caller.provider, place),
        "hold_id": make_appointment(
            doctor, caller.provider, place, status="HELD", lane=1, capacity=2
        ),
        "endpoint_id": endpoint,
        "delivery_id": make_delivery(endpoint=endpoint),
        "consent_id": Consent.objects.get(doctor=doctor),
    }
    return {name: str(row.pk) for name, row in rows.items()}


def send_json(caller: Caller, method: str, path: str, content: bytes) -> Any:
    conditions = {"Idempotency-Key": "key-1", "If-Match": "*"}
    given = {"content_type": "application/json", "headers": conditions}
    return send(caller, method, path, content, **given)


def test_no_call_takes_a_parameter_that_it_does_not_know(caller: Caller) -> None:
    ids = own_ids(caller)
    unknown = {"parameter": "nothing", "code": "unknown", "detail": "This is not known here."}

    for method, path, _ in calls():
        answer = send_json(caller, method, f"{filled_in(path, ids)}?nothing=1", b"{}")

        assert answer.status_code == 400, f"{method} {path}"
        assert unknown in answer.json()["errors"], f"{method} {path}"


def test_no_call_takes_a_field_that_it_does_not_know(caller: Caller) -> None:
    ids = own_ids(caller)
    unknown = {"pointer": "/nothing", "code": "unknown", "detail": "This is not known here."}
    with_body = [call for call in calls() if "requestBody" in described(call)]
    assert len(with_body) >= 6

    for method, path, _ in with_body:
        answer = send_json(caller, method, filled_in(path, ids), b'{"nothing": 1}')

        assert answer.status_code == 400, f"{method} {path}"
        assert unknown in answer.json()["errors"], f"{method} {path}"


def described(call: tuple[str, str, Any]) -> dict[str, Any]:
    method, path, _ = call
    template = re.sub(r"<\w+:(\w+)>", r"{\1}", path)
    operation: dict[str, Any] = description()["paths"][template][method.lower()]
    return operation
