import re
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]
# What a reader keeps in the environment, by the name of the field or header that takes it; an id in
# a path is called by what it is an id of.
_VARIABLES = {
    "doctor_id": "DOCTOR",
    "location_id": "PLACE",
    "hold_id": "HOLD",
    "endpoint_id": "ENDPOINT",
    "start": "START",
    "external_appointment_id": "VISIT",
    "erased_at": "ERASED_AT",
    "url": "HOOK",
    "client_id": "CLIENT_ID",
    "client_secret": "CLIENT_SECRET",
    "If-Match": "ETAG",
}
_FORM = "application/x-www-form-urlencoded"
_IN_URL = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Variable:
    """A value that the reader has from an earlier call."""

    name: str


@dataclass(frozen=True)
class Call:
    """One call with all that it needs and nothing else; `{NAMES}` in its URL are variables."""

    method: str
    url: str
    headers: dict[str, Any]
    body: dict[str, Any]
    is_form: bool
    takes_key: bool
    happens_once: bool
    has_answer: bool

    @property
    def variables(self) -> list[str]:
        """Give the names of what must be in the environment."""
        values = [*self.headers.values(), *self.body.values()]
        named = [value.name for value in values if isinstance(value, Variable)]
        key = ["DOCPORT_KEY"] if self.takes_key else []
        return list(dict.fromkeys([*key, *_IN_URL.findall(self.url), *named]))

    def url_with(self, variable: str) -> str:
        r"""Write the URL with its variables as a language has them; `\1` is the name."""
        return _IN_URL.sub(variable, self.url)


def call_of(base_url: str, path: str, method: str, operation: Schema) -> Call:
    """Make the least call that an operation takes."""
    parameters = operation.get("parameters", [])
    names = [one["name"] for one in parameters]
    needed = [one["name"] for one in parameters if one["in"] == "header" and one.get("required")]
    return Call(
        method=method.upper(),
        url=base_url + _IN_URL.sub(_named, path),
        headers={name: Variable(_VARIABLES[name]) for name in needed if name in _VARIABLES},
        body={name: _value(name, value) for name, value in _body(operation).items()},
        is_form=_FORM in operation.get("requestBody", {}).get("content", {}),
        takes_key=bool(operation["security"]),
        happens_once="Idempotency-Key" in names,
        has_answer="204" not in operation["responses"],
    )


def _named(found: re.Match[str]) -> str:
    name = found[1].removesuffix("_id").upper()
    return f"{{{_VARIABLES.get(found[1], name)}}}"


def _body(operation: Schema) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {})
    for media in content.values():
        for example in media["examples"].values():
            body: dict[str, Any] = example["value"]
            return body
    return {}


def _value(name: str, value: Any) -> Any:
    return Variable(_VARIABLES[name]) if name in _VARIABLES else value
