"""Every error as RFC 9457 problem details, with a code that never changes its meaning."""

import traceback
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404, UnreadablePostError
from rest_framework import exceptions
from rest_framework.response import Response

from registry import http
from registry.actions.transactions import TooBusy

MEDIA_TYPE = "application/problem+json"
DOCS_PATH = "/api/docs/"
AUTHENTICATE = 'Bearer realm="DocPort"'
# RFC 6750, section 3.1: a client that reads this gets a new token by itself.
_NEW_TOKEN = f'{AUTHENTICATE}, error="invalid_token"'

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Code:
    """What a code means, in words for the engineer who meets it."""

    status: int
    title: str
    detail: str
    fix: str


CODES = {
    "malformed_json": Code(
        400,
        "The body is not JSON",
        "The body could not be read as JSON.",
        "Send one JSON object in UTF-8, without NaN, repeated keys, NUL or lone surrogates.",
    ),
    "invalid_request": Code(
        400,
        "A field or a parameter is not right",
        "See errors for each field.",
        "Correct what each entry of errors points at; unknown fields are refused as well.",
    ),
    "invalid_cursor": Code(
        400,
        "The cursor does not belong to this list",
        "The cursor was altered, or was given for another list or other filters.",
        "Start the list again without a cursor.",
    ),
    "idempotency_key_missing": Code(
        400,
        "Idempotency-Key is missing",
        "This call needs an Idempotency-Key of 1 to 255 visible ASCII characters.",
        "Send a new random key for each new request, and the same one when you try it again.",
    ),
    "not_authenticated": Code(
        401,
        "No API key and no access token",
        "Send Authorization: Bearer and your API key or an access token.",
        "Add the header Authorization: Bearer dpk_… or Bearer dpt_…",
    ),
    "invalid_key": Code(
        401,
        "The API key opens nothing",
        "The API key is mistyped, unknown, revoked or out of date.",
        "Check the key; if it has ended, ask for a new one.",
    ),
    "invalid_token": Code(
        401,
        "The access token opens nothing",
        "The access token is unknown or has ended, or its client was revoked.",
        "Get a new one from POST /api/v1/oauth/token; each lasts 15 minutes.",
    ),
    "https_required": Code(
        403,
        "The call came over plain http",
        "Calls are answered over https alone; this one was not looked at.",
        "Call the https address. A key that was sent over http is not secret any more: "
        "ask for a new one.",
    ),
    "key_mode_mismatch": Code(
        403,
        "Test mode and a live insurer, or the other way round",
        "A sandbox insurer uses test keys and clients, and a live one live ones.",
        "Use the key or the client that was made for this mode.",
    ),
    "insurer_suspended": Code(
        403,
        "This insurer is suspended",
        "All calls of this insurer are refused for now.",
        "Talk to the people who run this DocPort.",
    ),
    "scope_missing": Code(
        403,
        "A scope is missing",
        "The key or the access token lacks the scope that this call needs.",
        "Use a key or a token with the scope that the answer names in scope.",
    ),
    "not_found": Code(
        404,
        "Not found",
        "There is nothing here, or nothing that you may see.",
        "Check the id and the path. A doctor who has not opted in to you does not exist for you.",
    ),
    "method_not_allowed": Code(
        405,
        "The method is not allowed here",
        "This path does not take this method.",
        "Use a method from the Allow header.",
    ),
    "slot_taken": Code(
        409,
        "The time is taken",
        "Somebody else has this time.",
        "Book one of next_free, with a new Idempotency-Key.",
    ),
    "external_id_used": Code(
        409,
        "external_appointment_id is in use",
        "You have an appointment with this external_appointment_id already.",
        "Read your appointments, or book under another external_appointment_id.",
    ),
    "too_many_bookings": Code(
        409,
        "Too many open bookings",
        "You have as many open bookings with this doctor on this day as you may.",
        "Book another day, or cancel a booking that is not needed.",
    ),
    "hold_ended": Code(
        409,
        "The hold has ended",
        "The hold was booked or given back, or has run out.",
        "Hold the time again, or book it without a hold.",
    ),
    "hold_already_renewed": Code(
        409,
        "The hold was renewed already",
        "A hold can be renewed once.",
        "Book before expires_at, or hold the time again after it.",
    ),
    "not_movable": Code(
        409,
        "The appointment cannot be moved any more",
        "It has begun, has ended or was cancelled.",
        "Read the appointment for its status.",
    ),
    "not_cancellable": Code(
        409,
        "The appointment cannot be cancelled any more",
        "It has begun or has ended.",
        "Read the appointment for its status.",
    ),
    "already_consented": Code(
        409,
        "This doctor shares with you already",
        "The doctor with this registration number has opted in to you.",
        "Read the consent; the doctor can change what it holds.",
    ),
    "consent_in_force": Code(
        409,
        "The consent is in force",
        "There is nothing to erase while a consent is in force.",
        "Read the consent for its status; the doctor may have opted in again.",
    ),
    "too_many_endpoints": Code(
        409,
        "Too many webhook endpoints",
        "You have as many webhook endpoints as you may.",
        "Delete one that is not needed, or let one take more types of events.",
    ),
    "endpoint_disabled": Code(
        409,
        "The endpoint is disabled",
        "Nothing is sent to this endpoint until it is enabled.",
        "Enable it by PATCH with status ENABLED, then test it.",
    ),
    "not_sent_again": Code(
        409,
        "This delivery is not sent again",
        "It was withheld for want of consent, or its endpoint was deleted.",
        "Read the delivery for its status; read the feed for what happened.",
    ),
    "request_in_flight": Code(
        409,
        "The first try is still running",
        "A request with this Idempotency-Key is being worked on.",
        "Wait as long as Retry-After says and send the same request again.",
    ),
    "feed_expired": Code(
        410,
        "These events are gone",
        "The feed keeps events for 30 days.",
        "Read all doctors and your appointments anew, then read events after head.",
    ),
    "length_required": Code(
        411,
        "Content-Length is missing",
        "A body needs a Content-Length; chunked bodies are not read.",
        "Send the body with a Content-Length.",
    ),
    "version_mismatch": Code(
        412,
        "It has changed meanwhile",
        "What you change is not at the version that If-Match names.",
        "Read it again, and change it with the ETag of that answer.",
    ),
    "body_too_large": Code(
        413,
        "The body is too large",
        "A body may have 256 kB.",
        "Send less.",
    ),
    "unsupported_media_type": Code(
        415,
        "The body is not application/json",
        "Only application/json is read.",
        "Send Content-Type: application/json.",
    ),
    "idempotency_key_reused": Code(
        422,
        "Idempotency-Key belongs to another request",
        "This Idempotency-Key was used for another body.",
        "Use a new key for a new request; repeat a request byte for byte.",
    ),
    "hold_mismatch": Code(
        422,
        "The hold is for something else",
        "Your hold is for another doctor, time, place or mode.",
        "Book what the hold keeps, or book without hold_id.",
    ),
    "slot_not_available": Code(
        422,
        "The doctor does not offer this time",
        "See reasons.",
        "Book one of next_free. reasons says why this time is not offered.",
    ),
    "url_refused": Code(
        422,
        "DocPort cannot send to this address",
        "See errors: target_forbidden or dns_error.",
        "Give an https address with a name on the public internet, without a user or a fragment.",
    ),
    "precondition_required": Code(
        428,
        "If-Match is missing",
        "This call needs If-Match with the version that you have read.",
        "Read what you want to change, and send the ETag of that answer as If-Match.",
    ),
    "too_many_consent_requests": Code(
        429,
        "Too many doctors were asked",
        "You have asked as many doctors for consent as you may for now.",
        "Wait as long as Retry-After says. Asking the same number again costs nothing.",
    ),
    "internal_error": Code(
        500,
        "Something went wrong on our side",
        "The request could not be completed. Nothing is known to be wrong with it.",
        "Try again with the same Idempotency-Key; if it stays, tell us the request_id.",
    ),
    "unavailable": Code(
        503,
        "Try again in a moment",
        "The request could not be completed now. Nothing is wrong with it.",
        "Wait as long as Retry-After says and send the same request again.",
    ),
}


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
        "detail": problem.detail or meaning.detail,
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
            return Problem("invalid_request", errors=list(_pointed(error.detail, "")))
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


def _pointed(detail: Any, pointer: str) -> Any:
    """Flatten what serializers found into JSON pointers (RFC 6901)."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            step = "" if name == "non_field_errors" else f"/{_escaped(str(name))}"
            yield from _pointed(inner, pointer + step)
    else:
        for one in detail:
            yield {"pointer": pointer, "code": one.code, "detail": str(one)}


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
