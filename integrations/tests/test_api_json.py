"""A body that two parsers could read in two ways is refused, and the place of it is named."""

import time
from contextlib import suppress
from functools import reduce
from typing import Any

import pytest
from django.test import Client

from integrations.api import parsers
from integrations.api.parsers import MOST_BYTES, MOST_LEVELS
from integrations.api.problems import Problem
from integrations.tests.insurers import Caller, make_caller

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]

# Far above what any takes on a busy machine; what grows with the square takes minutes.
AT_MOST_SECONDS = 5
# The body itself is the first level.
DEEPEST: list[Any] = reduce(lambda inner, _: [inner], range(MOST_LEVELS - 2), [])


@pytest.fixture
def caller() -> Caller:
    return make_caller()


def send(caller: Caller, content: bytes) -> Any:
    headers = {"Authorization": f"Bearer {caller.key}", "Idempotency-Key": "key-1"}
    response = Client(headers=headers).generic(
        "POST", "/api/v1/appointments", content, content_type="application/json"
    )
    assert response["Content-Type"] == "application/problem+json"
    return response


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b"{", "Expecting property name enclosed in double quotes: line 1, column 2."),
        (b'{"a": 1,\n "b" 2}', "Expecting ':' delimiter: line 2, column 6."),
        (b'{"a": 1} {"b": 2}', "Extra data: line 1, column 10."),
        (b"{'a': 1}", "Expecting property name enclosed in double quotes: line 1, column 2."),
        (b'{"a": "line\nbreak"}', "Invalid control character at: line 1, column 12."),
        (b'{"a": 01}', "Expecting ',' delimiter: line 1, column 8."),
        (b"[]", "The body must be a JSON object."),
        (b'"text"', "The body must be a JSON object."),
        (b"null", "The body must be a JSON object."),
        (b"7", "The body must be a JSON object."),
        (b'{"a": "\xff"}', "Byte 8 is not UTF-8."),
        ('{"a": "é"}'.encode("latin-1"), "Byte 8 is not UTF-8."),
        ('{"a": 1}'.encode("utf-16"), "Byte 1 is not UTF-8."),
        ('{"a": 1}'.encode("utf-8-sig"), "The body begins with a byte order mark."),
        (b'{"a": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", "nested 32 levels deep."),
    ],
)
def test_what_is_no_json_object_is_refused_with_the_place(
    caller: Caller, content: bytes, detail: str
) -> None:
    response = send(caller, content)

    problem = response.json()
    assert (response.status_code, problem["code"]) == (400, "malformed_json")
    assert detail in problem["detail"]
    assert "errors" not in problem


@pytest.mark.parametrize(
    ("content", "pointer", "code"),
    [
        (b'{"a": NaN}', "/a", "not_a_number"),
        (b'{"a": [1, {"b": -Infinity}]}', "/a/1/b", "not_a_number"),
        (b'{"a": 1, "a": 2}', "/a", "repeated_key"),
        (b'{"a": {"b": 1, "c": 2, "b": 1}}', "/a/b", "repeated_key"),
        (b'{"a/b": {"~": "\\ud800"}}', "/a~1b/~0", "lone_surrogate"),
        (b'{"\\udc00": {"a": NaN}}', "", "lone_surrogate"),
        (b'{"a": "\\u0000"}', "/a", "nul"),
        (b'{"a": ["x", "y\\u0000"]}', "/a/1", "nul"),
        (b'{"a": 9007199254740992}', "/a", "number_too_large"),
        (b'{"a": -9007199254740992}', "/a", "number_too_large"),
        (b'{"a": ' + b"9" * 200_000 + b"}", "/a", "number_too_large"),
        (b'{"a": 1e400}', "/a", "number_too_large"),
        (b'{"a": ' + b"[" * 40 + b"]" * 40 + b"}", "/a" + "/0" * (MOST_LEVELS - 1), "too_deep"),
    ],
)
def test_what_can_be_read_in_two_ways_is_pointed_at(
    caller: Caller, content: bytes, pointer: str, code: str
) -> None:
    response = send(caller, content)

    (error,) = response.json()["errors"]
    assert (response.status_code, response.json()["code"]) == (400, "malformed_json")
    assert (error["pointer"], error["code"]) == (pointer, code)


def test_each_place_is_named() -> None:
    with pytest.raises(Problem) as refusal:
        parsers.loads(b'{"a": NaN, "b": {"c": "\\u0000", "c": 1}, "d": [1e999]}')

    assert [one["pointer"] for one in refusal.value.errors] == ["/a", "/b/c", "/d/0"]


def test_no_more_places_are_named_than_anybody_reads() -> None:
    with pytest.raises(Problem) as refusal:
        parsers.loads(b'{"a": [' + b"NaN," * 1_000 + b"1]}")

    assert len(refusal.value.errors) == 20


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b'{"a": 9007199254740991}', 9007199254740991),
        (b'{"a": -0.5e-3}', -0.0005),
        (b'{"a": "\\ud83d\\ude00"}', "😀"),
        ('{"a": "आशा"}'.encode(), "आशा"),
        (b' {"a" : [ ] }\n', []),
        (b'{"a": {"b": 1}, "c": {"b": 1}}', {"b": 1}),
        (b'{"a": ' + b"[" * (MOST_LEVELS - 1) + b"]" * (MOST_LEVELS - 1) + b"}", DEEPEST),
    ],
)
def test_what_everybody_reads_alike_is_read(content: bytes, value: object) -> None:
    assert parsers.loads(content)["a"] == value


@pytest.mark.parametrize(
    "content",
    [
        b'{"a": [' + b"[]," * 80_000 + b"1]}",
        b"{" + b",".join(b'"%d":1' % number for number in range(25_000)) + b"}",
        b"{" + b",".join(b'"a":%d' % (number % 10) for number in range(40_000)) + b"}",
        b'{"a": "' + b"\\u0041" * 40_000 + b'"}',
        b'{"a": ' + b"9" * 250_000 + b"}",
        b'{"a": ' + b"9" * 250_000 + b".0}",
    ],
)
def test_no_body_takes_long(content: bytes) -> None:
    assert len(content) <= MOST_BYTES
    started = time.process_time()

    with suppress(Problem):
        parsers.loads(content)

    assert time.process_time() - started < AT_MOST_SECONDS
