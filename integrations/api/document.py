"""The whole OpenAPI document: what the library made of the calls, completed and tidied."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings

from integrations.api import problems, versions
from integrations.api.examples import (
    example_of,
    example_of_event,
    example_of_message,
    example_of_problem,
)
from integrations.api.headers import HEADERS
from integrations.api.schema import problem_response
from integrations.api.shapes import EVENT_DATA, EVENT_TYPES, MESSAGE_DATA, MESSAGE_TYPES, TAGS
from integrations.models import CHALLENGE

Schema = dict[str, Any]
_JSON = "application/json"
_TEXT = {"type": "string", "minLength": 1}
_NUMBERS = {"head": {"type": "integer", "minimum": 0}}
# How the library writes the values of a code into its description.
_VALUE = re.compile(r"\n*^\* `(.*?)` - (.*)$", re.MULTILINE)
# Where an id comes from that a later call needs: call, status and place in the answer.
_SOURCES = {
    "doctor_id": [("doctors_read", "200", "/id"), ("appointments_book", "201", "/doctor_id")],
    "hold_id": [("holds_make", "201", "/id")],
    "appointment_id": [("appointments_book", "201", "/id")],
    "consent_id": [("doctors_read", "200", "/consent_id"), ("consents_read", "200", "/id")],
    "endpoint_id": [("endpoints_add", "201", "/id")],
    "delivery_id": [("endpoints_test", "202", "/id")],
}
_ASKED_VERSION = {
    "name": versions.HEADER,
    "in": "header",
    "description": "The dated version to be answered by; the one that your key is pinned to if you "
    "leave it out.",
    "schema": {
        "enum": list(versions.KNOWN),
        "x-enum-descriptions": [" ".join(version.changes) for version in versions.VERSIONS],
    },
}
_ABOUT = """\
Doctors who opted in to you, their hours and free times, and bookings. Version 1.

The documentation with samples and guides is at <{docs}>. In short:

- Send `Authorization: Bearer` and your key with every call. Each call names the scope it needs.
- What you may not see is the same 404 as what does not exist. What a doctor does not share is
  absent, not null.
- Times go in as RFC 3339 with any offset and come out in UTC, ending in `Z`.
- Unknown fields and parameters are refused. Answers may get new fields: ignore what you do not
  know.
- Every error is `application/problem+json` (RFC 9457): decide by `code`, and name `request_id`
  when you ask us.
- A method that a path does not take is answered 405 with `Allow`; OPTIONS is answered 204 with it.
- `RateLimit` says how many calls are left, and `Retry-After` of a 429 when to come back.
- A key is pinned to a dated version of the API. `DocPort-Version` asks for another one, and says
  with every answer which one it follows.
"""


def complete(document: Schema) -> Schema:
    """Add what belongs to no single call, and say each thing once."""
    components = document["components"]
    schemas = components["schemas"]
    _complete_info(document)
    _tidy_codes(document)
    for name, schema in schemas.items():
        if name.endswith("Request"):
            schema["additionalProperties"] = False
            _visit(schema, _say_that_ends_are_trimmed)
    components["headers"] = {name: header.described() for name, header in HEADERS.items()}
    components["examples"] = {code: example_of_problem(code) for code in problems.CODES}
    components["responses"] = _responses_without_a_call()
    for _, operation in operations(document):
        if operation["security"]:
            operation.setdefault("parameters", []).append(_ASKED_VERSION)
        _visit(operation.get("parameters", []), _say_that_ends_are_trimmed)
        _add_examples(operation, schemas)
    _add_links(document)
    document["webhooks"] = {
        kind: {"post": _event_hook(kind, meaning, schemas)} for kind, meaning in EVENT_TYPES
    } | {kind: {"post": _message_hook(kind, meaning)} for kind, meaning in MESSAGE_TYPES}
    return document


def operations(document: Schema) -> Iterator[tuple[str, Schema]]:
    """Give each path with each of its calls."""
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


def _complete_info(document: Schema) -> None:
    docs = f"{settings.BASE_URL}{problems.DOCS_PATH}"
    mode = "Sandbox: synthetic doctors." if settings.SANDBOX else "Live."
    document["info"]["summary"] = "Doctors, free times and bookings, for insurers."
    document["info"]["description"] = _ABOUT.format(docs=docs)
    document["servers"] = [{"url": settings.BASE_URL, "description": mode}]
    document["externalDocs"] = {"url": docs, "description": "Reference, samples and guides"}
    used = {tag for _, operation in operations(document) for tag in operation["tags"]}
    document["tags"] = [{"name": n, "description": d} for n, d in TAGS.items() if n in used]


def _tidy_codes(document: Schema) -> None:
    """Let each list of codes stand once, with its meanings beside the values."""
    schemas = document["components"]["schemas"]
    shared = {
        frozenset(schema["enum"]): name for name, schema in schemas.items() if "enum" in schema
    }

    def tidy(schema: Schema) -> None:
        if "enum" in schema and (meanings := dict(_VALUE.findall(schema.get("description", "")))):
            schema["x-enum-descriptions"] = [meanings[value] for value in schema["enum"]]
        elif "description" in schema and isinstance(schema["description"], str):
            schema["description"] = _VALUE.sub("", schema["description"])
        if choices := schema.get("oneOf"):
            null = {"$ref": "#/components/schemas/Null"}
            schema["oneOf"] = [{"type": "null"} if one == null else one for one in choices]
        inner = schema.get("schema", {})
        if (name := shared.get(frozenset(inner.get("enum", [])))) is not None:
            schema["schema"] = {"$ref": f"#/components/schemas/{name}"}

    _visit(document["paths"], tidy)
    _visit(schemas, tidy)
    schemas.pop("Null", None)


def _say_that_ends_are_trimmed(schema: Schema) -> None:
    """Demand of a text what is left of it without the spaces around it."""
    if {"minLength"} <= set(schema) and not {"format", "pattern", "enum"} & set(schema):
        schema["pattern"] = r"\S" if schema["minLength"] == 1 else r"\S[\s\S]*\S"


def _visit(node: Any, do: Callable[[Schema], None]) -> None:
    if isinstance(node, dict):
        do(node)
    for inner in node.values() if isinstance(node, dict) else node:
        if isinstance(inner, dict | list):
            _visit(inner, do)


def _add_examples(operation: Schema, schemas: Schema) -> None:
    for media in operation.get("requestBody", {}).get("content", {}).values():
        example = example_of(media["schema"], schemas, only_required=True)
        media.setdefault("examples", {"least": {"summary": "What is needed", "value": example}})
    for response in operation["responses"].values():
        for media in response.get("content", {}).values():
            if "examples" not in media:
                media["examples"] = {"answer": {"value": example_of(media["schema"], schemas)}}


def _add_links(document: Schema) -> None:
    """Say which calls an answer leads to."""
    by_id = {operation["operationId"]: operation for _, operation in operations(document)}
    for path, operation in operations(document):
        for name in re.findall(r"\{(\w+)\}", path):
            for source, status, place in _SOURCES[name]:
                if source == operation["operationId"]:
                    continue
                response = by_id[source]["responses"][status]
                response.setdefault("links", {})[operation["operationId"]] = {
                    "operationId": operation["operationId"],
                    "parameters": {name: f"$response.body#{place}"},
                    "description": operation["summary"],
                }


def _responses_without_a_call() -> Schema:
    """Describe what only a wrong method gets: no call of the document does."""
    responses: Schema = {}
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"MethodNotAllowed": problem_response(responses, "method_not_allowed", schema)}


def _event_hook(kind: str, meaning: str, schemas: Schema) -> Schema:
    event = schemas["Event"]
    data = EVENT_DATA[kind]
    payload = {
        "allOf": [{"$ref": "#/components/schemas/Event"}],
        "properties": {
            "type": {"const": kind},
            "data": {"required": data},
        },
        "required": event["required"],
    }
    return _webhook(kind, meaning, payload, example_of_event(kind, data)) | {"tags": ["Events"]}


def _message_hook(kind: str, meaning: str) -> Schema:
    example = example_of_message(kind, MESSAGE_DATA[kind])
    data = _object_of({name: _NUMBERS.get(name, _TEXT) for name in MESSAGE_DATA[kind]})
    id_ = {"type": "string", "pattern": "^msg_"}
    instant = {"type": "string", "format": "date-time"}
    payload = _object_of({"id": id_, "type": {"const": kind}, "timestamp": instant, "data": data})
    hook = _webhook(kind, meaning, payload, example)
    if kind == CHALLENGE:
        content = {"schema": data, "examples": {kind: {"value": example["data"]}}}
        del hook["responses"]["2XX"]
        hook["responses"]["200"] = {"description": "Yes.", "content": {_JSON: content}}
    return hook


def _object_of(properties: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}


def _webhook(kind: str, meaning: str, payload: Schema, example: Schema) -> Schema:
    return {
        "operationId": f"webhook_{kind.replace('.', '_')}",
        "tags": ["Webhooks"],
        "summary": meaning,
        "description": "Sent to your webhook endpoints, signed as Standard Webhooks 1.0.0 has it.",
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": text, "schema": shape}
            for name, text, shape in _SIGNED
        ],
        "requestBody": {
            "required": True,
            "content": {_JSON: {"schema": payload, "examples": {kind: {"value": example}}}},
        },
        "responses": {
            "2XX": {"description": "You have it. Answer within 15 seconds, and work afterwards."},
            "410": {"description": "Send nothing more here: the endpoint is disabled."},
            "429": {"description": "Later: Retry-After is honoured, as it is with 503."},
            "default": {"description": "Anything else is tried again for 75 hours."},
        },
    }


_SIGNED = [
    (
        "webhook-id",
        "The event's id, the same on every try: handle each once.",
        {"type": "string", "minLength": 1},
    ),
    (
        "webhook-timestamp",
        "When this try was made, in Unix seconds. Refuse one more than 5 minutes off.",
        {"type": "string", "pattern": "^[0-9]+$"},
    ),
    (
        "webhook-signature",
        "One or more signatures, separated by spaces. Accept when any of them is right.",
        {"type": "string", "pattern": "^v1a?,[A-Za-z0-9+/=]+( v1a?,[A-Za-z0-9+/=]+)*$"},
    ),
]
