"""Every error as RFC 9457 problem details."""

import traceback
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpResponse, UnreadablePostError
from rest_framework import exceptions
from rest_framework.response import Response

from integrations.api.codes import CODES
from integrations.api.renderers import write
from registry import http
from registry.actions.transactions import TooBusy

__all__ = [
    "AUTHENTICATE",
    "CODES",
    "DOCS_PATH",
    "MEDIA_TYPE",
    "Problem",
    "as_http",
    "pointer_to",
    "problem_body",
    "problem_response",
    "respond",
    "wrong_parameter",
]

MEDIA_TYPE = "application/problem+json"
DOCS_PATH = "/api/docs/"
AUTHENTICATE = 'Bearer realm="DocPort"'
# RFC 6750, section 3.1: a client that reads this gets a new token by itself.
_NEW_TOKEN = f'{AUTHENTICATE}, error="invalid_token"'

log = structlog.get_logger(__name__)


@dataclass(eq=False)
class Problem(Exception):
    """An answer that is an error; `code` is one of `CODES`."""

    code: str
    detail: str = ""
    errors: list[dict[str, str]] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        return CODES[self.code].status


def problem_body(problem: Problem, *, instance: str, request_id: str) -> dict[str, Any]:
    """Give the JSON of an error; the same one differs in `instance` and `request_id` alone."""
    meaning = CODES[problem.code]
    body: dict[str, Any] = {
        "type": f"{settings.BASE_URL}{DOCS_PATH}#{problem.code}",
        "title": meaning.title,
        "status": meaning.status,
        "detail": f"{problem.detail or meaning.detail} {meaning.fix}",
        "instance": instance,
        "code": problem.code,
        "request_id": request_id,
        **problem.extra,
    }
    if problem.errors:
        body["errors"] = problem.errors
    return body


def respond(problem: Problem, *, instance: str) -> Response:
    """Answer with a problem."""
    headers = dict(problem.headers)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        challenge = _NEW_TOKEN if problem.code == "invalid_token" else AUTHENTICATE
        headers.setdefault("WWW-Authenticate", challenge)
    if problem.code in _PASSES:
        headers.setdefault("Retry-After", "1")
    return Response(
        problem_body(problem, instance=instance, request_id=http.request_id()),
        status=problem.status,
        headers=headers,
        content_type=MEDIA_TYPE,
    )


def as_http(problem: Problem, *, instance: str) -> HttpResponse:
    """Answer with a problem where no endpoint does."""
    return HttpResponse(
        write(problem_body(problem, instance=instance, request_id=http.request_id())),
        status=problem.status,
        content_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store"},
    )


def wrong_parameter(name: str, code: str, detail: str, **extra: Any) -> Problem:
    """Say what is wrong with one query parameter."""
    error = {"parameter": name, "code": code, "detail": detail}
    return Problem("invalid_request", errors=[error], extra=extra)


def problem_response(error: Exception, context: dict[str, Any]) -> Response:
    """Turn whatever an endpoint raised into a problem; nothing of its inside is told."""
    return respond(_problem_of(error), instance=context["request"].path)


def _problem_of(error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case exceptions.ValidationError():
            return Problem("invalid_request", errors=list(_pointed(error.detail, ())))
        case exceptions.Throttled():
            seconds = error.wait  # type: ignore[attr-defined]  # Not in the stubs.
            return Problem("rate_limited", headers={"Retry-After": str(seconds)})
        case SuspiciousOperation():
            return Problem("invalid_request", detail="The request is not one that is looked at.")
    for kind, code in _KNOWN.items():
        if isinstance(error, kind):
            return Problem(code)
    _log(error)
    return Problem("unavailable" if isinstance(error, OperationalError) else "internal_error")


def _log(error: Exception) -> None:
    # Neither the message nor the values: they may hold a patient's data.
    frames = [
        f"{frame.filename}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    log.error("api_error", error=type(error).__name__, frames=frames[-20:])


# After these the very same request can succeed.
_PASSES = {"request_in_flight", "unavailable"}

_KNOWN: dict[type[Exception], str] = {
    exceptions.MethodNotAllowed: "method_not_allowed",
    exceptions.ParseError: "malformed_json",
    exceptions.NotAuthenticated: "not_authenticated",
    exceptions.AuthenticationFailed: "invalid_key",
    exceptions.PermissionDenied: "not_found",
    exceptions.NotFound: "not_found",
    exceptions.UnsupportedMediaType: "unsupported_media_type",
    UnreadablePostError: "malformed_json",
    TooBusy: "unavailable",
    Http404: "not_found",
    PermissionDenied: "not_found",
}


def _pointed(detail: Any, place: tuple[str, ...]) -> Any:
    """Flatten what serializers found into pointers."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            step = () if name == "non_field_errors" else (str(name),)
            yield from _pointed(inner, place + step)
    else:
        for one in detail:
            yield {"pointer": pointer_to(place), "code": one.code, "detail": str(one)}


def pointer_to(place: tuple[str, ...]) -> str:
    """Write a JSON Pointer (RFC 6901) to what stands under these names, the outermost first."""
    return "".join(f"/{name.replace('~', '~0').replace('/', '~1')}" for name in place)
