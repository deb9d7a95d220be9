"""Writes over HTTP, with an Idempotency-Key or without."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.actions import answers
from integrations.actions.answers import Answer, Refused
from integrations.api import problems
from integrations.api.problems import Problem
from registry.models import InsuranceProvider

CODES = ("idempotency_key_missing", "idempotency_key_reused", "request_in_flight")
REPLAYED = OpenApiParameter(
    "Idempotency-Replayed",
    {"const": "true"},
    "header",
    response=[200, 201, 202],
    description="Present when this is the answer that an earlier try was given.",
)
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def key_parameter(*, required: bool, description: str) -> OpenApiParameter:
    """Describe the header."""
    return OpenApiParameter(
        "Idempotency-Key",
        {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        "header",
        required=required,
        description=description,
    )


@dataclass(frozen=True)
class Attempt:
    """One try of a write: the insurer's key, and what tells another request with it."""

    key: str
    fingerprint: str


def attempt_of(request: Request) -> Attempt:
    """Read the key, with or without quotes; to be called before anything reads the body.

    Raises:
        Problem: there is none, or it is not what a key may be.
    """
    given = request.headers.get("Idempotency-Key", "")
    bare = given[1:-1] if len(given) > 1 and given[0] == given[-1] == '"' else given
    if not _KEY.fullmatch(bare):
        raise Problem("idempotency_key_missing")
    place = f"{request.method} {request.get_full_path()}\n".encode()
    return Attempt(bare, hashlib.sha256(place + request.body).hexdigest())


def answer(
    attempt: Attempt,
    *,
    provider: InsuranceProvider,
    route: str,
    at: datetime,
    effect: Callable[[], Answer],
) -> Answer:
    """Give the effect's answer, or the one that an earlier try with the same key was given.

    Args:
        route: of a POST.

    Raises:
        Problem: the key is another request's, or its first try still runs.
    """
    try:
        return answers.answer_once(
            provider=provider,
            method="POST",
            route=route,
            key=attempt.key,
            fingerprint=attempt.fingerprint,
            at=at,
            effect=effect,
        )
    except answers.KeyReused as error:
        raise Problem("idempotency_key_reused") from error
    except answers.StillRunning as error:
        raise Problem("request_in_flight") from error


def answer_now(effect: Callable[[], Answer]) -> Answer:
    """Give the effect's answer, a refusal too, and keep it nowhere."""
    try:
        return effect()
    except Refused as refusal:
        return refusal.answer


def told(answer: Answer, *, instance: str, headers: dict[str, str] | None = None) -> Response:
    """Answer; `headers` are those of a success."""
    replayed = {"Idempotency-Replayed": "true"} if answer.replayed else {}
    if answer.status >= HTTPStatus.BAD_REQUEST:
        return problems.respond(Problem(**answer.body, headers=replayed), instance=instance)
    return Response(answer.body, status=answer.status, headers=replayed | (headers or {}))
