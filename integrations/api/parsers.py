"""JSON bodies, read as RFC 8259 and I-JSON (RFC 7493) have them: in one way only."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any

from rest_framework.parsers import BaseParser

from integrations.api.problems import Problem, pointer_to

MOST_BYTES = 256 * 1024
MOST_LEVELS = 32
_MOST_FAULTS = 20
# Beyond it JavaScript, and whoever else has one kind of number, takes another number for this one.
_LARGEST = 2**53 - 1
_LARGEST_DIGITS = len(str(_LARGEST))
_UNWRITABLE = re.compile("[\0\ud800-\udfff]")

Place = tuple[str, ...]


@dataclass(frozen=True)
class Fault:
    """What stands in the place of a value that must not be there."""

    code: str
    detail: str


_NO_NUMBER = Fault("not_a_number", "NaN and infinities are not JSON.")
_TOO_LARGE = Fault("number_too_large", "A number may be between -(2^53-1) and 2^53-1.")
_REPEATED = Fault("repeated_key", "The object has this key twice.")
_NUL = Fault("nul", "Text may not hold NUL.")
_SURROGATE = Fault("lone_surrogate", "Text may not hold half a surrogate pair.")
_TOO_DEEP = Fault("too_deep", f"A body may be nested {MOST_LEVELS} levels deep.")


class StrictJSONParser(BaseParser):
    """Read one JSON object, and nothing that parsers disagree about."""

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
    """Read one JSON object.

    Raises:
        Problem: it is none, or holds what could be read in two ways.
    """
    value = _read(_text(content))
    faults = list(islice(_faults(value, ()), _MOST_FAULTS))
    if faults:
        raise Problem("malformed_json", detail="See errors for each place.", errors=faults)
    if not isinstance(value, dict):
        raise Problem("malformed_json", detail="The body must be a JSON object.")
    return value


def _text(content: bytes) -> str:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        detail = f"Byte {error.start + 1} is not UTF-8."
        raise Problem("malformed_json", detail=detail) from error
    if text.startswith("\ufeff"):
        raise Problem("malformed_json", detail="The body begins with a byte order mark.")
    return text


def _read(text: str) -> Any:
    try:
        return json.loads(
            text,
            parse_constant=lambda _: _NO_NUMBER,
            parse_int=_whole,
            parse_float=_fraction,
            object_pairs_hook=_with_faults,
        )
    except RecursionError as error:
        raise Problem("malformed_json", detail=_TOO_DEEP.detail) from error
    except json.JSONDecodeError as error:
        # Its words name what was expected and nothing of what was sent.
        detail = f"{error.msg}: line {error.lineno}, column {error.colno}."
        raise Problem("malformed_json", detail=detail) from error


def _whole(digits: str) -> int | Fault:
    # A long one is not even converted: that takes time with the square of its length.
    if len(digits.lstrip("-")) > _LARGEST_DIGITS:
        return _TOO_LARGE
    number = int(digits)
    return number if abs(number) <= _LARGEST else _TOO_LARGE


def _fraction(digits: str) -> float | Fault:
    number = float(digits)
    return _TOO_LARGE if math.isinf(number) else number


def _with_faults(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        times = Counter(name for name, _ in pairs)
        read |= {name: _REPEATED for name in times if times[name] > 1}
    return read


def _faults(value: Any, place: Place) -> Iterator[dict[str, str]]:
    fault = value if isinstance(value, Fault) else _fault_of(value, len(place))
    if fault is not None:
        yield {"pointer": pointer_to(place), "code": fault.code, "detail": fault.detail}
    elif isinstance(value, dict):
        for name, inner in value.items():
            # What is under a name that cannot be written cannot be pointed at either.
            yield from list(_faults(name, place)) or _faults(inner, (*place, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _faults(inner, (*place, str(number)))


def _fault_of(value: Any, level: int) -> Fault | None:
    if isinstance(value, str):
        return _fault_of_text(value)
    return _TOO_DEEP if isinstance(value, dict | list) and level >= MOST_LEVELS else None


def _fault_of_text(text: str) -> Fault | None:
    found = _UNWRITABLE.search(text)
    if found is None:
        return None
    return _NUL if found[0] == "\0" else _SURROGATE
