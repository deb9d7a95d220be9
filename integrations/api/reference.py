"""The reference that people read, made from the OpenAPI description."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from integrations.api.problems import MEDIA_TYPE
from integrations.api.samples import call_of, samples
from integrations.api.versions import HEADER

Schema = dict[str, Any]
_SCOPE = "\n\nScope: "


@dataclass(frozen=True)
class Field:
    """One row of a table of fields, parameters or headers."""

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
    headers: list[Field]
    fields: list[Field]
    codes: list[str]
    example: str


@dataclass(frozen=True)
class Operation:
    """One call."""

    anchor: str
    method: str
    path: str
    summary: str
    text: str
    scope: str
    data_class: str
    is_deprecated: bool
    parameters: list[Field]
    body: list[Field]
    answers: list[Reply]
    refusals: list[Reply]
    samples: list[tuple[str, str]]


@dataclass(frozen=True)
class Group:
    """The calls about one thing."""

    name: str
    text: str
    operations: list[Operation]


class Reference:
    """Everything that the reference shows."""

    def __init__(self, description: Schema) -> None:
        self._description = description
        self._schemas = description["components"]["schemas"]

    @cached_property
    def groups(self) -> list[Group]:
        """Give all calls under their tags, in the order in which one meets them."""
        found: dict[str, list[Operation]] = {}
        for path, methods in self._description["paths"].items():
            for method, operation in methods.items():
                made = self._operation(path, method, operation)
                found.setdefault(operation["tags"][0], []).append(made)
        tags = self._description["tags"]
        return [Group(tag["name"], tag["description"], found[tag["name"]]) for tag in tags]

    @cached_property
    def operations(self) -> list[Operation]:
        """Give all calls."""
        return [operation for group in self.groups for operation in group.operations]

    @cached_property
    def codes_of_every_call(self) -> list[str]:
        """Give the codes that no call is without; they are told once."""
        keyed = [one for one in self._operations() if one["security"]]
        codes = [_codes(one["responses"].values()) for one in keyed]
        return [code for code in codes[0] if all(code in others for others in codes)]

    @cached_property
    def headers_of_every_answer(self) -> list[Field]:
        """Give the headers that no answer is without."""
        names = set.intersection(
            *(
                set(response["headers"])
                for operation in self._operations()
                for response in operation["responses"].values()
            )
        )
        headers = self._description["components"]["headers"]
        return [self._header(name, headers[name]) for name in headers if name in names]

    def calls_of(self, scope: str) -> list[Operation]:
        """Give the calls that a scope opens."""
        return [one for one in self.operations if one.scope == scope]

    def fields_of(self, name: str) -> list[Field]:
        """Give the fields of a shape, such as `Event`."""
        return list(self._fields(self._schemas[name]))

    def _operations(self) -> Iterator[Schema]:
        for methods in self._description["paths"].values():
            yield from methods.values()

    def _operation(self, path: str, method: str, operation: Schema) -> Operation:
        text, _, _ = operation["description"].partition(_SCOPE)
        replies = [self._reply(status, one) for status, one in operation["responses"].items()]
        scopes = [scope for way in operation["security"] for one in way.values() for scope in one]
        base_url = self._description["servers"][0]["url"]
        return Operation(
            anchor=operation["operationId"],
            method=method.upper(),
            path=path,
            summary=operation["summary"],
            text=text,
            scope=next(iter(scopes), ""),
            data_class=operation.get("x-data-class", ""),
            is_deprecated=operation.get("deprecated", False),
            parameters=[
                self._parameter(one)
                for one in operation.get("parameters", [])
                if one["name"] != HEADER
            ],
            body=list(self._fields(_content(operation.get("requestBody", {})).get("schema", {}))),
            answers=[one for one in replies if one.status < "400"],
            refusals=[one for one in replies if one.codes],
            samples=samples(call_of(base_url, path, method, operation)),
        )

    def _parameter(self, parameter: Schema) -> Field:
        schema = parameter["schema"]
        return Field(
            name=parameter["name"],
            kind=self._kind(schema),
            required=parameter.get("required", False),
            text=" ".join([parameter.get("description", ""), *_bounds(schema)]).strip(),
            values=self._values(schema),
            place=parameter["in"],
        )

    def _reply(self, status: str, response: Schema) -> Reply:
        content = _content(response)
        is_problem = MEDIA_TYPE in response.get("content", {})
        own = [] if is_problem else content.get("examples", {}).values()
        return Reply(
            status=status,
            text=response["description"],
            headers=self._headers(response),
            fields=[] if is_problem else list(self._fields(content.get("schema", {}))),
            codes=[one for one in _codes([response]) if one not in self.codes_of_every_call],
            example="".join(json.dumps(one["value"], indent=2, ensure_ascii=False) for one in own),
        )

    def _headers(self, response: Schema) -> list[Field]:
        common = {header.name for header in self.headers_of_every_answer}
        return [
            self._header(name, self._resolved(header))
            for name, header in response["headers"].items()
            if name not in common
        ]

    def _header(self, name: str, header: Schema) -> Field:
        required = header.get("required", False)
        return Field(name, "", required, header.get("description", ""), [])

    def _resolved(self, schema: Schema) -> Schema:
        """Follow references, also those that carry a text of their own beside them."""
        while True:
            if "$ref" in schema:
                _, _, kind, name = schema["$ref"].split("/")
                inner = self._description["components"][kind][name]
            elif len(schema.get("allOf", [])) == 1:
                (inner,) = schema["allOf"]
            else:
                return schema
            schema = inner | {key: schema[key] for key in ("description",) if key in schema}

    def _fields(self, schema: Schema, prefix: str = "") -> Iterator[Field]:
        schema = self._resolved(schema)
        required = set(schema.get("required", []))
        for name, given in schema.get("properties", {}).items():
            yield Field(
                name=f"{prefix}{name}",
                kind=self._kind(given),
                required=name in required,
                text=" ".join([self._text(given), *_bounds(given)]).strip(),
                values=self._values(given),
            )
            nested, mark = self._nested(self._resolved(given))
            yield from self._fields(nested, f"{prefix}{name}{mark}.")

    def _text(self, schema: Schema) -> str:
        """Give what is said of a field, or of the shape that its values have."""
        shapes = [self._resolved(one) for one in [schema, *_choices(schema)]]
        texts = [one.get("description", "") for one in shapes if "enum" not in one]
        return next((text for text in [schema.get("description", ""), *texts] if text), "")

    def _values(self, schema: Schema) -> list[tuple[str, str]]:
        for one in [schema, *_choices(schema)]:
            inner = self._resolved(one)
            if "enum" in inner:
                return list(zip(inner["enum"], inner["x-enum-descriptions"], strict=True))
        return []

    def _nested(self, schema: Schema) -> tuple[Schema, str]:
        for one in schema.get("oneOf", []):
            candidate = self._resolved(one)
            if "properties" in candidate:
                return candidate, ""
        if "items" in schema:
            return schema["items"], "[]"
        return schema, ""

    def _kind(self, schema: Schema) -> str:
        schema = self._resolved(schema)
        if choices := schema.get("oneOf") or schema.get("anyOf"):
            kinds = [self._kind(one) for one in choices]
            return " or ".join(dict.fromkeys(kind for kind in kinds if kind))
        if "enum" in schema:
            return "code"
        kinds = schema.get("type", "string")
        kind = " or ".join(kinds) if isinstance(kinds, list) else kinds
        if "items" in schema:
            return f"{kind} of {self._kind(schema['items'])}"
        if "format" in schema:
            return kind.replace("string", schema["format"])
        return str(kind)


def _content(holder: Schema) -> Schema:
    content: Schema = next(iter(holder.get("content", {}).values()), {})
    return content


def _codes(responses: Iterable[Schema]) -> list[str]:
    problems = [response.get("content", {}).get(MEDIA_TYPE, {}) for response in responses]
    return [code for problem in problems for code in problem.get("examples", {})]


def _choices(schema: Schema) -> list[Schema]:
    return [*schema.get("oneOf", []), *([schema["items"]] if "items" in schema else [])]


def _bounds(schema: Schema) -> Iterator[str]:
    """Say in words what a schema says in numbers."""
    if "default" in schema:
        yield f"Default: {schema['default']}."
    if {"minimum", "maximum"} <= set(schema):
        yield f"From {schema['minimum']:g} to {schema['maximum']:g}."
    if "maxLength" in schema:
        yield f"At most {schema['maxLength']} characters."
