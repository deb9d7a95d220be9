"""The OpenAPI description of each call, made from what its endpoint declares."""

from http import HTTPStatus
from typing import Any, cast

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from integrations.api import headers, problems
from integrations.api.oauth import token_url
from integrations.api.shapes import ProblemOut
from integrations.models import Scope

_EVERY_CALL = [
    # A parameter that nobody knows is refused everywhere.
    "invalid_request",
    "unknown_version",
    "https_required",
    "not_authenticated",
    "invalid_key",
    "invalid_token",
    "key_mode_mismatch",
    "insurer_suspended",
    "length_required",
    "body_too_large",
    "rate_limited",
    "internal_error",
    "unavailable",
]
_WITH_BODY = ["malformed_json", "unsupported_media_type"]
# Refusals that are kept under an Idempotency-Key; each status has one.
_KEPT = {"slot_taken", "slot_not_available"}


class Bearer(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # The library has no types here.
    """Describe the two things that a call can bring: an API key or an access token."""

    target_class = "integrations.api.authentication.BearerAuthentication"
    name = ["ApiKey", "OAuth2"]

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[Any]]]:
        return [{name: []} for name in self.name]

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, Any]]:
        key = {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "dpk_test_… or dpk_live_…",
            "description": "Your API key. Test keys see synthetic doctors, live keys real ones. "
            "A call names the scope that the key must have.",
        }
        flow = {"tokenUrl": token_url(), "scopes": dict(Scope.choices)}
        client = {
            "type": "oauth2",
            "flows": {"clientCredentials": flow},
            "description": "An access token, dpt_…, which your client gets for its secret or for "
            "an assertion that it signs, and which lasts 15 minutes. No refresh tokens.",
        }
        return [key, client]


class ApiSchema(AutoSchema):
    """Add to each call its scope, its headers and every error that it can answer."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        operation = cast("dict[str, Any]", super().get_operation(*args, **kwargs))
        needs = self._needs
        if needs.scope is not None:
            operation["description"] += f"\n\nScope: `{needs.scope.value}`."
        if needs.data_class is not None:
            operation["x-data-class"] = needs.data_class.value
            operation["description"] += (
                f" The doctor must share `{needs.data_class.value}` with you; "
                "one who does not is a 404."
            )
        for status, response in operation["responses"].items():
            response["description"] = HTTPStatus(int(status)).phrase
            response.setdefault("headers", {}).update(references(headers.EVERY_ANSWER))
        self._add_problems(operation)
        self._announce_its_end(operation)
        operation["responses"] = dict(sorted(operation["responses"].items()))
        return operation

    def get_auth(self) -> list[dict[str, Any]]:
        scopes = [] if self._needs.scope is None else [self._needs.scope.value]
        return [dict.fromkeys(way, scopes) for way in super().get_auth()]

    @property
    def _needs(self) -> Any:
        return cast("Any", self.view).needs[self.method]

    def _get_request_for_media_type(self, *args: Any, **kwargs: Any) -> Any:
        # The library takes every field of a PATCH for optional; ours are as their serializer says.
        method = self.method
        self.method = "POST" if method == "PATCH" else method
        try:
            return super()._get_request_for_media_type(*args, **kwargs)  # type: ignore[no-untyped-call]  # The library has no types here.
        finally:
            self.method = method

    def _add_problems(self, operation: dict[str, Any]) -> None:
        problem = self.resolve_serializer(ProblemOut, "response").ref
        parameters = {parameter["name"] for parameter in operation.get("parameters", [])}
        kept = _KEPT if "Idempotency-Key" in parameters else set()
        for code in self._codes(operation):
            response = problem_response(operation["responses"], code, problem)
            if code in kept:
                response["headers"]["Idempotency-Replayed"] = reference("Idempotency-Replayed")
        for response in operation["responses"].values():
            _promise_no_more_than_holds(response)

    def _announce_its_end(self, operation: dict[str, Any]) -> None:
        deprecation = cast("Any", self.view).deprecated.get(self.method)
        if deprecation is None:
            return
        operation["deprecated"] = True
        for response in operation["responses"].values():
            response["headers"].update(references(headers.ON_ITS_WAY_OUT))

    def _codes(self, operation: dict[str, Any]) -> list[str]:
        codes = [*_EVERY_CALL, *self._needs.codes]
        places = {parameter["in"] for parameter in operation.get("parameters", [])}
        if self._needs.scope is not None:
            codes.append("scope_missing")
        if "path" in places:
            codes.append("not_found")
        if "requestBody" in operation:
            codes += _WITH_BODY
        return [code for code in problems.CODES if code in codes]


def problem_response(
    responses: dict[str, Any], code: str, schema: dict[str, Any]
) -> dict[str, Any]:
    """Add a code to the answers of a call; give the answer of its status."""
    meaning = problems.CODES[code]
    response: dict[str, Any] = responses.setdefault(
        str(meaning.status),
        {
            "description": HTTPStatus(meaning.status).phrase,
            "headers": references(headers.EVERY_ANSWER),
            "content": {problems.MEDIA_TYPE: {"schema": schema, "examples": {}}},
        },
    )
    response["headers"].update(references(headers.OF_CODE.get(code, ())))
    examples = response["content"][problems.MEDIA_TYPE]["examples"]
    examples[code] = {"$ref": f"#/components/examples/{code}"}
    return response


def _promise_no_more_than_holds(response: dict[str, Any]) -> None:
    """Let a header that only some codes of a status bring be one that may be absent."""
    codes = response.get("content", {}).get(problems.MEDIA_TYPE, {}).get("examples", ())
    brought = [set(headers.OF_CODE.get(code, ())) for code in codes]
    for name in set().union(*brought):
        if not all(name in one for one in brought):
            response["headers"][name] = headers.HEADERS[name].described() | {"required": False}


def reference(name: str) -> dict[str, str]:
    """Refer to a header that the document holds once."""
    return {"$ref": f"#/components/headers/{name}"}


def references(names: tuple[str, ...]) -> dict[str, Any]:
    """Refer to several."""
    return {name: reference(name) for name in names}
