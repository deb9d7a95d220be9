"""The OpenAPI document: valid, complete, and true to what the calls say of themselves."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator

from integrations import representations
from integrations.actions import endpoints
from integrations.api import document, problems, versions
from integrations.api.examples import UNKNOWN
from integrations.api.headers import HEADERS
from integrations.api.oauth import ERRORS
from integrations.api.reference import Reference
from integrations.api.shapes import EVENT_DATA, MESSAGE_DATA, TAGS
from integrations.api.versions import Deprecation
from integrations.api.views.account import Me
from integrations.api.views.schema import description
from integrations.models import Scope
from integrations.tests.factories import make_event, make_feed_entry
from integrations.tests.test_api_access import calls
from registry.tests.factories import NOW, make_provider

PROBLEM = "application/problem+json"
TOKEN_PATH = "/api/v1/oauth/token"


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in description()["paths"].items()
        for method, operation in methods.items()
    ]


def insurers_calls() -> list[tuple[str, str, dict[str, Any]]]:
    """Give all but the one that is RFC 6749's, and has neither our errors nor scopes."""
    return [one for one in operations() if one[1] != TOKEN_PATH]


def resolved(reference: dict[str, Any]) -> Any:
    """Follow a reference into the document's components."""
    found: Any = description()
    for step in reference.get("$ref", "#").split("/")[1:]:
        found = found[step]
    return found if "$ref" in reference else reference


def faults(value: Any, schema: dict[str, Any]) -> list[str]:
    root = {**schema, "components": {"schemas": description()["components"]["schemas"]}}
    found = Draft202012Validator(root, format_checker=FormatChecker()).iter_errors(value)
    return [one.message for one in found]


def media() -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every body that the document describes, and where."""
    hooks = description()["webhooks"].items()
    sent = [(f"webhook {kind}", hook["post"]) for kind, hook in hooks]
    for where, operation in [*((f"{m} {path}", one) for m, path, one in operations()), *sent]:
        for content in operation.get("requestBody", {}).get("content", {}).values():
            yield f"{where} body", content
        for status, response in operation["responses"].items():
            for content in response.get("content", {}).values():
                yield f"{where} {status}", content


def test_the_document_is_valid_and_made_without_a_warning() -> None:
    GENERATOR_STATS.reset()
    with GENERATOR_STATS.silence():
        generator = SchemaGenerator()  # type: ignore[no-untyped-call]  # The library has no types here.
        generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # The library has no types here.

    assert not GENERATOR_STATS
    assert description()["openapi"].startswith("3.1")
    validate_schema(description())  # type: ignore[no-untyped-call]  # The library has no types here.
    OpenAPIV31SpecValidator(description()).validate()


def test_every_call_is_described() -> None:
    described = {(method.upper(), path) for method, path, _ in operations()}

    shown = {(method, re.sub(r"<\w+:(\w+)>", r"{\1}", path)) for method, path, _ in calls()}
    assert described == shown | {("POST", TOKEN_PATH)}


def test_every_call_names_its_scope_in_every_way_to_show_a_key() -> None:
    scopes = {(method.lower(), path): needs.scope for method, path, needs in calls()}

    for method, path, operation in insurers_calls():
        scope = scopes[method, re.sub(r"\{(\w+)\}", r"<str:\1>", path)]
        assert operation["security"], path
        for way in operation["security"]:
            assert list(way.values()) == [[] if scope is None else [scope.value]], path
            assert set(way) <= set(description()["components"]["securitySchemes"])


def test_every_error_has_its_codes_and_every_code_its_call() -> None:
    told = set()
    for _, path, operation in insurers_calls():
        for status, response in operation["responses"].items():
            if status >= "400":
                examples = response["content"][PROBLEM]["examples"]
                told |= set(examples)
                for code, example in examples.items():
                    value = resolved(example)["value"]
                    assert (value["code"], str(value["status"])) == (code, status), path
        assert {"401", "403", "500", "503"} <= set(operation["responses"])

    assert told == set(problems.CODES) - {"method_not_allowed"}
    refused = description()["components"]["responses"]["MethodNotAllowed"]
    assert set(refused["headers"]) >= {"Allow"}


def test_the_call_for_a_token_needs_no_token_and_has_the_errors_of_its_own_rules() -> None:
    operation = description()["paths"][TOKEN_PATH]["post"]
    told = {
        example["value"]["error"]
        for status, response in operation["responses"].items()
        if status >= "400"
        for example in response["content"]["application/json"]["examples"].values()
    }

    assert operation["security"] == []
    assert set(operation["requestBody"]["content"]) == {"application/x-www-form-urlencoded"}
    assert told == set(ERRORS)
    flow = description()["components"]["securitySchemes"]["OAuth2"]["flows"]["clientCredentials"]
    assert flow["tokenUrl"].endswith(TOKEN_PATH)
    assert set(flow["scopes"]) == set(Scope.values)


def test_every_example_is_as_its_schema_says_and_leaves_nothing_open() -> None:
    for where, content in media():
        assert content["examples"], where
        for example in content["examples"].values():
            value = resolved(example)["value"]
            assert not faults(value, content["schema"]), where
            assert UNKNOWN not in _texts(value), where


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value


def test_every_answer_names_its_headers() -> None:
    described = description()["components"]["headers"]
    for _, path, operation in operations():
        for status, response in operation["responses"].items():
            assert set(response["headers"]) >= {"X-Request-ID", "Cache-Control", "Vary"}, path
            assert ("WWW-Authenticate" in response["headers"]) == (status == "401"), path
            assert response["description"], path
    for name, header in HEADERS.items():
        assert not faults(header.example, described[name]["schema"]), name


def test_every_code_has_its_meaning_once() -> None:
    schemas = description()["components"]["schemas"]
    lists = {name: one for name, one in schemas.items() if "enum" in one}

    assert len(lists) >= 15
    for name, schema in lists.items():
        assert len(schema["x-enum-descriptions"]) == len(schema["enum"]), name
        assert all(schema["x-enum-descriptions"]), name
    for _, path, operation in operations():
        for parameter in operation.get("parameters", []):
            schema = parameter["schema"]
            assert ("enum" in schema) == ("x-enum-descriptions" in schema), path


def test_bodies_take_no_unknown_fields() -> None:
    schemas = description()["components"]["schemas"]
    bodies = [name for name in schemas if name.endswith("Request")]

    assert len(bodies) >= 4
    for name in bodies:
        assert schemas[name]["additionalProperties"] is False, name


def test_what_is_not_shared_is_absent_and_said_to_be() -> None:
    doctor = description()["components"]["schemas"]["Doctor"]

    assert set(doctor["required"]) == {
        "id", "version", "updated_at", "consent_id", "data_classes"
    }  # fmt: skip
    for name in set(doctor["properties"]) - set(doctor["required"]):
        assert "Absent unless" in doctor["properties"][name]["description"], name


def test_every_id_in_a_path_comes_from_an_answer() -> None:
    by_id = {operation["operationId"]: operation for _, _, operation in operations()}
    led_to = set()
    for _, _, operation in operations():
        for response in operation["responses"].values():
            for link in response.get("links", {}).values():
                target = by_id[link["operationId"]]
                parameters = {one["name"] for one in target["parameters"]}
                assert set(link["parameters"]) <= parameters
                led_to.add(link["operationId"])

    assert led_to == {one["operationId"] for _, path, one in operations() if "{" in path}


def test_every_tag_is_explained() -> None:
    described = [tag["name"] for tag in description()["tags"]]

    assert {operation["tags"][0] for _, _, operation in operations()} == set(described)
    assert described == [tag for tag in TAGS if tag in described]


def test_every_type_of_event_is_described_as_a_webhook() -> None:
    assert set(endpoints.EVENT_TYPES) == set(EVENT_DATA)
    assert set(description()["webhooks"]) == set(EVENT_DATA) | set(MESSAGE_DATA)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", sorted(EVENT_DATA))
def test_an_event_is_sent_as_its_webhook_is_described(kind: str) -> None:
    payloads = {
        "consent": {
            "data_classes": ["profile"],
            "reason": "consent_expired",
            "erase_by": "2026-12-22T10:15:30Z",
        },
        "appointment": {"appointment_id": "01935a7e-6c2b-7d10-9e8f-0a1b2c3d4e5f"},
    }
    given: dict[str, Any] = {"type": kind, "payload": payloads.get(kind.partition(".")[0], {})}
    event = make_event(**given)
    entry = make_feed_entry(event=event, insurance_provider=make_provider())
    schema = description()["webhooks"][kind]["post"]["requestBody"]["content"]
    shown = representations.event(representations.Entry.of(entry))

    assert not faults(shown, schema["application/json"]["schema"])
    assert set(EVENT_DATA[kind]) <= set(shown["data"])
    assert faults(shown | {"type": "no.such"}, schema["application/json"]["schema"])


@pytest.mark.django_db
def test_the_document_is_open_to_all() -> None:
    response = Client().get("/api/v1/openapi.json")

    assert response.status_code == 200
    assert response.json() == description()
    refused = Client().post("/api/v1/openapi.json")
    assert (refused.status_code, refused["Allow"]) == (405, "GET, HEAD, OPTIONS")


def test_calls_are_found_wherever_they_stand() -> None:
    assert len(list(document.operations(description()))) == len(operations())


def test_a_call_on_its_way_out_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    end = Deprecation(since=NOW, gone_at=NOW + timedelta(days=200), told_at="/api/docs/#me")
    monkeypatch.setattr(Me, "deprecated", {"GET": end})

    made = description.__wrapped__()

    me = made["paths"]["/api/v1/me"]["get"]
    assert me["deprecated"] is True
    for response in me["responses"].values():
        assert {"Deprecation", "Sunset", "Link"} <= set(response["headers"])
    assert "deprecated" not in made["paths"]["/api/v1/doctors"]["get"]
    assert [call.anchor for call in Reference(made).operations if call.is_deprecated] == ["me"]


def test_every_call_with_a_key_can_ask_for_a_version() -> None:
    for _, path, operation in insurers_calls():
        asked = [one for one in operation["parameters"] if one["name"] == versions.HEADER]
        assert [one["schema"]["enum"] for one in asked] == [list(versions.KNOWN)], path
