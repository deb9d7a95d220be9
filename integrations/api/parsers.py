import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.parsers import BaseParser

from integrations.api.problems import Problem

MOST_BYTES = 256 * 1024


class StrictJSONParser(BaseParser):
    """Read one JSON object as RFC 8259 has it, and nothing that parsers disagree about."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        content = stream.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise Problem("body_too_large")
        return loads(content)


def loads(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(
            content.decode("utf-8"),
            parse_constant=_refuse_constant,
            object_pairs_hook=_without_repeated_keys,
        )
        _refuse_unstorable(value)
    except RecursionError as error:
        raise Problem("malformed_json", detail="The body is nested too deeply.") from error
    except ValueError as error:
        raise Problem("malformed_json") from error
    if not isinstance(value, dict):
        raise Problem("malformed_json", detail="The body must be a JSON object.")
    return value


def _refuse_constant(name: str) -> None:
    raise Problem("malformed_json", detail=f"{name} is not JSON.")


def _without_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise Problem("malformed_json", detail="An object has the same key twice.")
    return read


def _refuse_unstorable(value: Any) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise Problem("malformed_json", detail="A string contains NUL.")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise Problem("malformed_json", detail="A string contains half a surrogate pair.")
    elif isinstance(value, dict):
        for name, inner in value.items():
            _refuse_unstorable(name)
            _refuse_unstorable(inner)
    elif isinstance(value, list):
        for inner in value:
            _refuse_unstorable(inner)
