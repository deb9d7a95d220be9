import base64
import re
from typing import Any

import pytest
from django.test import Client

from integrations.api import reference
from integrations.api.problems import CODES
from integrations.api.samples import is_from_docport
from integrations.api.views.schema import description
from integrations.tests.test_api_description import operations

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
SIGNED: dict[str, str] = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
NEARLY = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA="
SENT_AT = 1614265330


@pytest.mark.django_db
def test_strangers_read_the_documentation_and_it_is_whole() -> None:
    response = Client().get("/api/docs/")

    assert response.status_code == 200
    page = response.content.decode()
    for code in CODES:
        assert f'id="{code}"' in page
    for _, path, operation in operations():
        assert f'id="{operation["operationId"]}"' in page
        assert path in page
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    links = re.findall(r' href="#([^"]+)"', page)
    assert set(links) <= set(ids)
    assert "def is_from_docport" in page
    assert "<script>" not in page
    assert "style=" not in page


@pytest.mark.django_db
def testcalls_are_tried_out_under_strict_rules_for_scripts_and_styles() -> None:
    response = Client().get("/api/docs/try/")

    assert response.status_code == 200
    rules = response["Content-Security-Policy"]
    assert "script-src 'self';" in rules + ";"
    assert "style-src 'self';" in rules + ";"
    page = response.content.decode()
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on\w+=", page)
    assert "data:" not in Client().get("/api/docs/")["Content-Security-Policy"]


def test_the_reference_knows_kinds_that_no_call_has_yet() -> None:
    operation = {
        "operationId": "reviews_remove",
        "tags": ["Reviews"],
        "summary": "Remove a review",
        "description": "At once.",
        "parameters": [
            {"name": "codes", "in": "query", "schema": {"type": "array", "items": {"enum": ["a"]}}}
        ],
        "responses": {"204": {"description": "Done"}},
    }
    made = reference.groups(
        {"servers": [{"url": "http://x"}], "paths": {"/reviews": {"delete": operation}}}
    )

    (remove,) = made[-1].operations
    assert remove.parameters[0].kind == "array of code"
    assert remove.replies[0].text == "Done"
    assert remove.sample.endswith("-X DELETE")


def test_each_sample_is_sent_with_the_method_of_its_call() -> None:
    for group in reference.groups(description()):
        for one in group.operations:
            given = re.search(r"-X (\w+)", one.sample)
            assumed = "POST" if " -d " in one.sample else "GET"
            assert (given[1] if given else assumed) == one.method, one.anchor
            assert "{" not in one.sample.split(chr(10))[0]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/docs/", "/api/docs/try/"])
def test_the_documentation_is_only_read(path: str) -> None:
    assert Client().post(path).status_code == 405


def test_the_signature_check_that_we_show_works() -> None:
    assert is_from_docport(BODY, SIGNED, SECRET, now=SENT_AT + 299)
    two = {"webhook-signature": f"v1,AAAA {SIGNED['webhook-signature']}"}
    assert is_from_docport(BODY, SIGNED | two, SECRET, now=SENT_AT)


@pytest.mark.parametrize(
    "wrong",
    [
        {"body": BODY + b" "},
        {"now": SENT_AT + 301},
        {"now": SENT_AT - 301},
        {"secret": "whsec_" + base64.b64encode(b"another").decode()},
        {"headers": SIGNED | {"webhook-id": "msg_other"}},
        {
            "headers": SIGNED
            | {"webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA="}
        },
    ],
)
def test_the_signature_check_that_we_show_refuses(wrong: dict[str, Any]) -> None:
    values: dict[str, Any] = {"body": BODY, "headers": SIGNED, "secret": SECRET, "now": SENT_AT}

    assert not is_from_docport(**(values | wrong))
