"""How a request for a token is read, and refused, after RFC 6749."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import IO, Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.urls import reverse
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import BaseParser
from rest_framework.response import Response

from integrations.api import problems
from integrations.api.parsers import MOST_BYTES

CHALLENGE = 'Basic realm="DocPort"'
_MOST_FIELDS = 32
# The errors of section 5.2 that can be met here, and what stands for the API's own.
ERRORS = {
    "invalid_request": "A parameter is missing, there twice or not right, or the client is shown "
    "in two ways",
    "invalid_client": "The client is unknown, or what it shows is not right",
    "unauthorized_client": "The client may have no token: its insurer is suspended, or in the "
    "other mode",
    "unsupported_grant_type": "Only client_credentials is supported",
    "invalid_scope": "The client does not have one of the scopes",
    "temporarily_unavailable": "Try again in a moment",
    "server_error": "Something went wrong on our side",
}


@dataclass(eq=False)
class Refusal(Exception):
    """An answer that gives no token; `error` is one of `ERRORS`."""

    error: str
    description: str


class FormParser(BaseParser):
    """Read a form in which nothing stands twice; what is empty counts as left out."""

    media_type = "application/x-www-form-urlencoded"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, str]:
        try:
            content = stream.read(MOST_BYTES).decode("ascii")
            pairs = parse_qsl(content, max_num_fields=_MOST_FIELDS, errors="strict")
        except ValueError as error:
            raise Refusal("invalid_request", "The body could not be read as a form.") from error
        form = dict(pairs)
        if len(form) != len(pairs):
            raise Refusal("invalid_request", "A parameter stands there twice.")
        return form


def token_url() -> str:
    """Give the address of the token endpoint, which an assertion names as its audience."""
    return f"{settings.BASE_URL}{reverse('integrations:token')}"


def refusal_response(error: Exception, context: dict[str, Any]) -> Response:
    """Turn whatever was raised into an error of RFC 6749; nothing of its inside is told."""
    if isinstance(error, UnsupportedMediaType):
        error = Refusal("invalid_request", f"Content-Type must be {FormParser.media_type}.")
    if isinstance(error, Refusal):
        is_client = error.error == "invalid_client"
        status = HTTPStatus.UNAUTHORIZED if is_client else HTTPStatus.BAD_REQUEST
        return _refused(error, status, {})
    answer = problems.problem_response(error, context)
    refusal = Refusal(_error_of(answer.status_code), answer.data["detail"])
    return _refused(refusal, answer.status_code, dict(answer.headers))


def _refused(refusal: Refusal, status: int, headers: dict[str, str]) -> Response:
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = CHALLENGE
    body = {"error": refusal.error, "error_description": refusal.description}
    return Response(body, status=status, headers=headers)


def _error_of(status: int) -> str:
    match status:
        case HTTPStatus.TOO_MANY_REQUESTS | HTTPStatus.SERVICE_UNAVAILABLE:
            return "temporarily_unavailable"
        case HTTPStatus.INTERNAL_SERVER_ERROR:
            return "server_error"
    return "invalid_request"
