"""The reference that people read, made from the OpenAPI description."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from integrations.api.problems import MEDIA_TYPE

Schema = dict[str, Any]
# How drf-spectacular writes the values of a code into its description.
_VALUE = re.compile(r"^\* `(.*?)` - (.*)$", re.MULTILINE)
_ORDER = ["Account", "Doctors", "Slots", "Holds", "Appointments", "Events"]
_KEY = "Authorization: Bearer $DOCPORT_KEY"
_SAMPLE_VALUES = {
    "from": "2026-11-24",
    "to": "2026-11-30",
    "specialization": "cardiology",
    "city": "Pune",
    "after": "0",
}


@dataclass(frozen=True)
class Field:
    """One row of a table of fields or parameters."""

    name: str
    kind: str
    required: bool
    text: str
    values: list[tuple[str, str]]
    place: str = ""


@dataclass(frozen=True)
class Reply:
    """One status that an operation can answer."""

    status: str
    text: str
    fields: list[Field]
    codes: list[str]


@dataclass(frozen=True)
class Operation:
    """One call."""

    anchor: str
    method: str
    path: str
    summary: str
    text: str
    parameters: list[Field]
    body: list[Field]
    replies: list[Reply]
    sample: str


@dataclass(frozen=True)
class Group:
    """The calls about one thing."""

    name: str
    operations: list[Operation]


def groups(description: Schema) -> list[Group]:
    """Give all calls under their tags, in the order in which one meets them."""
    found: dict[str, list[Operation]] = {tag: [] for tag in _ORDER}
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            made = _operation(description, path, method, operation)
            found.setdefault(operation["tags"][0], []).append(made)
    return [Group(name, operations) for name, operations in found.items()]


def _operation(description: Schema, path: str, method: str, operation: Schema) -> Operation:
    body = _content(operation.get("requestBody", {}))
    return Operation(
        anchor=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        text=operation["description"],
        parameters=[_parameter(description, one) for one in operation.get("parameters", [])],
        body=list(_fields(description, body.get("schema", {}))),
        replies=[
            _reply(description, status, response)
            for status, response in operation["responses"].items()
        ],
        sample=_curl(description, path, method, operation, body),
    )


def _parameter(description: Schema, parameter: Schema) -> Field:
    return Field(
        name=parameter["name"],
        kind=_kind(description, parameter["schema"]),
        required=parameter.get("required", False),
        text=_told(parameter.get("description", "")),
        values=_values(parameter.get("description", "")),
        place=parameter["in"],
    )


def _reply(description: Schema, status: str, response: Schema) -> Reply:
    content = _content(response)
    problem = response.get("content", {}).get(MEDIA_TYPE)
    return Reply(
        status=status,
        text="" if problem else response.get("description", ""),
        fields=[] if problem else list(_fields(description, content.get("schema", {}))),
        codes=list(problem["examples"]) if problem else [],
    )


def _content(holder: Schema) -> Schema:
    content: Schema = next(iter(holder.get("content", {}).values()), {})
    return content


def _resolved(description: Schema, schema: Schema) -> Schema:
    """Follow references, also those that carry a text of their own beside them."""
    while True:
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            inner = description["components"]["schemas"][name]
        elif len(schema.get("allOf", [])) == 1:
            (inner,) = schema["allOf"]
        else:
            return schema
        schema = inner | {key: schema[key] for key in ("description",) if key in schema}


def _fields(description: Schema, schema: Schema, prefix: str = "") -> Iterator[Field]:
    schema = _resolved(description, schema)
    required = set(schema.get("required", []))
    for name, given in schema.get("properties", {}).items():
        inner = _resolved(description, given)
        text = _text(description, inner)
        yield Field(
            name=f"{prefix}{name}",
            kind=_kind(description, given),
            required=name in required,
            text=_told(text),
            values=_values(text),
        )
        nested, mark = _nested(description, inner)
        yield from _fields(description, nested, f"{prefix}{name}{mark}.")


def _text(description: Schema, schema: Schema) -> str:
    """Give what is said of a field, or of the kind that its values have."""
    inner = [*schema.get("oneOf", []), *([schema["items"]] if "items" in schema else [])]
    texts = [
        schema.get("description"),
        *(_resolved(description, one).get("description") for one in inner),
    ]
    return next((text for text in texts if text), "")


def _told(text: str) -> str:
    return _VALUE.sub("", text).strip()


def _values(text: str) -> list[tuple[str, str]]:
    return _VALUE.findall(text)


def _nested(description: Schema, schema: Schema) -> tuple[Schema, str]:
    for one in schema.get("oneOf", []):
        candidate = _resolved(description, one)
        if "properties" in candidate:
            return candidate, ""
    if "items" in schema:
        return schema["items"], "[]"
    return schema, ""


def _kind(description: Schema, schema: Schema) -> str:
    schema = _resolved(description, schema)
    if choices := schema.get("oneOf") or schema.get("anyOf"):
        kinds = [_kind(description, one) for one in choices]
        return " or ".join(dict.fromkeys(kind for kind in kinds if kind))
    if schema.get("enum") == [None]:
        return "null"
    if "enum" in schema:
        return "code"
    kinds = schema.get("type", "")
    kind = " or ".join(kinds) if isinstance(kinds, list) else kinds
    if "items" in schema:
        return f"{kind} of {_kind(description, schema['items'])}"
    if "format" in schema:
        return kind.replace("string", schema["format"])
    return str(kind)


def _curl(description: Schema, path: str, method: str, operation: Schema, body: Schema) -> str:
    query = [
        f"{one['name']}={_SAMPLE_VALUES[one['name']]}"
        for one in operation.get("parameters", [])
        if one["in"] == "query" and one["name"] in _SAMPLE_VALUES
    ]
    url = re.sub(r"\{(\w+)_id\}", lambda found: f"${found[1].upper()}", path)
    url = f"{description['servers'][0]['url']}{url}" + (f"?{'&'.join(query)}" if query else "")
    lines = [f'curl "{url}"', f'  -H "{_KEY}"']
    if any(one["name"] == "Idempotency-Key" for one in operation.get("parameters", [])):
        lines.append('  -H "Idempotency-Key: $(uuidgen)"')
    if any(one["name"] == "If-Match" for one in operation.get("parameters", [])):
        lines.append("""  -H 'If-Match: "1"'""")
    for example in list(body.get("examples", {}).values())[:1]:
        lines += [
            '  -H "Content-Type: application/json"',
            f"  -d {shlex.quote(json.dumps(example['value']))}",
        ]
    # With a body curl sends POST by itself.
    if method not in {"get", "post"} or (method == "post" and "-d" not in lines[-1]):
        lines.append(f"  -X {method.upper()}")
    return " \\\n".join(lines)
