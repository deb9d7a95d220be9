"""The OpenAPI description of the one call that is RFC 6749's: a form goes in, its errors out."""

from http import HTTPStatus
from typing import Any, cast

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample

from integrations.api import headers
from integrations.api.assertions import TYPE
from integrations.api.oauth import CHALLENGE, ERRORS, FormParser
from integrations.api.schema import references
from integrations.api.shapes import TokenRefusalOut
from integrations.models import Scope

_ONE_SCOPE = f"({'|'.join(Scope.values)})"
_TEXT = {"type": "string", "minLength": 1}
FORM = {
    FormParser.media_type: {
        "type": "object",
        "required": ["grant_type"],
        "properties": {
            "grant_type": {"const": "client_credentials"},
            "scope": {
                "type": "string",
                "pattern": f"^{_ONE_SCOPE}( {_ONE_SCOPE})*$",
                "description": "Scopes of the client, with spaces between them; all of them if you "
                "name none.",
            },
            "client_id": {
                "type": "string",
                "format": "uuid",
                "description": "Here with `client_secret`, or both in `Authorization: Basic`.",
            },
            "client_secret": {**_TEXT, "description": "As it was shown once."},
            "client_assertion_type": {
                "const": TYPE,
                "description": "With `client_assertion`, in place of a secret.",
            },
            "client_assertion": {
                **_TEXT,
                "description": "A JWT that the client has signed with RS384, ES384 or EdDSA. Its "
                "header names the key (`kid`); `iss` and `sub` are the client_id, `aud` is exactly "
                "the address of this call, `exp` is 5 minutes ahead at most, `jti` is new each "
                "time.",
            },
        },
    }
}
_CLIENT = "8d7c6b5a-4f3e-4d2c-9b1a-0f9e8d7c6b5a"
_WAYS = {
    "By a secret": {"client_id": _CLIENT, "client_secret": "dps_m0Xm3wZx1q8r7C2yQv9tUoP4sLhJkFgD"},
    "By an assertion": {"client_assertion_type": TYPE, "client_assertion": "eyJhbGciOiJFUzM4NCJ9…"},
}
EXAMPLES = [
    OpenApiExample(
        name,
        {"grant_type": "client_credentials", **shown},
        request_only=True,
        media_type=FormParser.media_type,
    )
    for name, shown in _WAYS.items()
]
_ERRORS_OF = {
    HTTPStatus.BAD_REQUEST: [
        "invalid_request",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    ],
    HTTPStatus.UNAUTHORIZED: ["invalid_client"],
    HTTPStatus.FORBIDDEN: ["invalid_request"],
    HTTPStatus.LENGTH_REQUIRED: ["invalid_request"],
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ["invalid_request"],
    HTTPStatus.TOO_MANY_REQUESTS: ["temporarily_unavailable"],
    HTTPStatus.INTERNAL_SERVER_ERROR: ["server_error"],
    HTTPStatus.SERVICE_UNAVAILABLE: ["temporarily_unavailable"],
}


class TokenSchema(AutoSchema):
    """Add the headers of every answer, and each error under its status."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        operation = cast("dict[str, Any]", super().get_operation(*args, **kwargs))
        operation["security"] = []
        refusal = self.resolve_serializer(TokenRefusalOut, "response").ref
        for status, errors in _ERRORS_OF.items():
            operation["responses"][str(status.value)] = _refusals(refusal, errors)
        for status, response in operation["responses"].items():
            response["description"] = HTTPStatus(int(status)).phrase
            response.setdefault("headers", {}).update(references(headers.EVERY_ANSWER))
        return operation


def _refusals(schema: dict[str, Any], errors: list[str]) -> dict[str, Any]:
    examples = {
        error: {"value": {"error": error, "error_description": f"{ERRORS[error]}."}}
        for error in errors
    }
    own = {}
    if "invalid_client" in errors:
        shape = {"type": "string", "minLength": 1}
        own["WWW-Authenticate"] = {"schema": shape, "required": True, "example": CHALLENGE}
    if "temporarily_unavailable" in errors:
        own |= references(("Retry-After",))
    return {
        "headers": own,
        "content": {"application/json": {"schema": schema, "examples": examples}},
    }
