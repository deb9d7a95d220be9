"""What answers carry in their headers; the OpenAPI description is made from it."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings

from integrations.models import NEWEST_VERSION


@dataclass(frozen=True)
class Header:
    """One header of an answer; `always` promises that it is there."""

    description: str
    schema: dict[str, Any]
    example: str
    always: bool = True

    def described(self) -> dict[str, Any]:
        """Give the header as OpenAPI writes it."""
        return {
            "description": self.description,
            "required": self.always,
            "schema": self.schema,
            "example": self.example,
        }


_TEXT = {"type": "string", "minLength": 1}
_SECONDS = {"type": "string", "pattern": "^[1-9][0-9]*$"}

HEADERS = {
    "X-Request-ID": Header(
        "The id of this request, yours if you sent one; our log has it as well. Name it when you "
        "ask us.",
        _TEXT,
        "5f0c3d2e9b7a4c1d",
    ),
    "Cache-Control": Header(
        "Nothing of an answer may be kept by a cache between you and us.",
        {"const": "no-store"},
        "no-store",
    ),
    "Vary": Header(
        "An answer is for its key and version alone.", _TEXT, "Authorization, DocPort-Version"
    ),
    "DocPort-Version": Header(
        "The dated version of the API that this answer follows: the one that the call asked for "
        "with this header, or else the one that your key is pinned to.",
        {"type": "string", "format": "date"},
        NEWEST_VERSION,
    ),
    "RateLimit-Policy": Header(
        "How many calls (`q`) you may make in any so many seconds (`w`).",
        {"type": "string", "pattern": '^"[a-z]+";q=[0-9]+;w=[0-9]+(, .+)?$'},
        '"burst";q=50;w=1, "hour";q=20000;w=3600',
    ),
    "RateLimit": Header(
        "How many calls of a policy are left (`r`), and in how many seconds one more is (`t`).",
        {"type": "string", "pattern": '^"[a-z]+";r=[0-9]+;t=[0-9]+(, .+)?$'},
        '"burst";r=49;t=1, "hour";r=19873;t=2941',
    ),
    "WWW-Authenticate": Header(
        "The way to authenticate: a bearer key.", _TEXT, 'Bearer realm="DocPort"'
    ),
    "Idempotency-Replayed": Header(
        "Present when this is the answer that an earlier try was given.",
        {"const": "true"},
        "true",
        always=False,
    ),
    "Retry-After": Header("How many seconds to wait before you try again.", _SECONDS, "1"),
    "Allow": Header(
        "The methods that this path takes.",
        {"type": "string", "minLength": 3},
        "GET, HEAD, OPTIONS",
    ),
    "Deprecation": Header(
        "Since when this should not be used any more (RFC 9745), in Unix seconds.",
        {"type": "string", "pattern": "^@[0-9]+$"},
        "@1793491200",
        always=False,
    ),
    "Sunset": Header(
        "When this ends (RFC 8594).", _TEXT, "Sat, 01 May 2027 00:00:00 GMT", always=False
    ),
    "Link": Header(
        "What to use instead.",
        _TEXT,
        f'<{settings.BASE_URL}/api/docs/#me>; rel="deprecation"; type="text/html"',
        always=False,
    ),
}
ON_ITS_WAY_OUT = ("Deprecation", "Sunset", "Link")
EVERY_ANSWER = (
    "X-Request-ID",
    "Cache-Control",
    "Vary",
    "DocPort-Version",
    "RateLimit-Policy",
    "RateLimit",
)
OF_CODE = {
    "not_authenticated": ("WWW-Authenticate",),
    "invalid_key": ("WWW-Authenticate",),
    "invalid_token": ("WWW-Authenticate",),
    "method_not_allowed": ("Allow",),
    "request_in_flight": ("Retry-After",),
    "too_many_consent_requests": ("Retry-After",),
    "rate_limited": ("Retry-After",),
    "unavailable": ("Retry-After",),
}
