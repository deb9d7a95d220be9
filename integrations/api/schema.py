"""The OpenAPI description, made from what the endpoints declare."""

from typing import Any, cast

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from integrations.api import problems
from integrations.api.shapes import ProblemOut

REQUEST_ID = {
    "X-Request-ID": {
        "description": "The id of this request, in our log as well.",
        "schema": {"type": "string"},
    }
}
_EVERY_CALL = [
    # A parameter that nobody knows is refused everywhere.
    "invalid_request",
    "https_required",
    "not_authenticated",
    "invalid_key",
    "key_mode_mismatch",
    "insurer_suspended",
    "internal_error",
    "unavailable",
]
_WITH_BODY = [
    "malformed_json",
    "length_required",
    "body_too_large",
    "unsupported_media_type",
]
_REPLAYED = ("Idempotency-Replayed", "true when an earlier try was given this answer.")
# Refusals that are kept under an Idempotency-Key; each status has one.
_KEPT = {"slot_taken", "slot_not_available"}
_HEADERS_OF_CODE = {
    "not_authenticated": ("WWW-Authenticate", "Bearer, the way to authenticate."),
    "request_in_flight": ("Retry-After", "Seconds to wait."),
    "unavailable": ("Retry-After", "Seconds to wait."),
}


class BearerKey(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describe the API key."""

    target_class = "integrations.api.authentication.ApiKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "dpk_test_… or dpk_live_…",
            "description": "Your API key. Test keys see synthetic doctors, live keys real ones.",
        }


class ApiSchema(AutoSchema):
    """Add to each operation its scope and every error that it can answer."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        operation = cast("dict[str, Any]", super().get_operation(*args, **kwargs))
        needs = cast("Any", self.view).needs[self.method]
        if needs.scope is not None:
            operation["x-scope"] = needs.scope.value
            operation["description"] += f"\n\nScope: `{needs.scope.value}`."
        if needs.data_class is not None:
            operation["x-data-class"] = needs.data_class.value
            operation["description"] += (
                f" The doctor must share `{needs.data_class.value}` with you; "
                "one who does not is a 404."
            )
        for response in operation["responses"].values():
            response["headers"] = {**response.get("headers", {}), **REQUEST_ID}
        problem = self.resolve_serializer(ProblemOut, "response").ref
        parameters = {parameter["name"] for parameter in operation.get("parameters", [])}
        kept = _KEPT if "Idempotency-Key" in parameters else set()
        for code in self._codes(operation, needs):
            header = _REPLAYED if code in kept else _HEADERS_OF_CODE.get(code)
            _add_problem(operation["responses"], code, problem, header)
        operation["responses"] = dict(sorted(operation["responses"].items()))
        return operation

    def _get_request_for_media_type(self, *args: Any, **kwargs: Any) -> Any:
        # The library takes every field of a PATCH for optional; ours are as their serializer says.
        method = self.method
        self.method = "POST" if method == "PATCH" else method
        try:
            return super()._get_request_for_media_type(*args, **kwargs)  # type: ignore[no-untyped-call]
        finally:
            self.method = method

    def _codes(self, operation: dict[str, Any], needs: Any) -> list[str]:
        codes = [*_EVERY_CALL, *needs.codes]
        places = {parameter["in"] for parameter in operation.get("parameters", [])}
        if needs.scope is not None:
            codes.append("scope_missing")
        if "path" in places:
            codes.append("not_found")
        if "requestBody" in operation:
            codes += _WITH_BODY
        return [code for code in problems.CODES if code in codes]


def _add_problem(
    responses: dict[str, Any],
    code: str,
    schema: dict[str, Any],
    header: tuple[str, str] | None,
) -> None:
    meaning = problems.CODES[code]
    response = responses.setdefault(
        str(meaning.status),
        {
            "description": "",
            "headers": dict(REQUEST_ID),
            "content": {problems.MEDIA_TYPE: {"schema": schema, "examples": {}}},
        },
    )
    known = response["description"]
    response["description"] = f"{known}; {code}" if known else code
    if header is not None:
        name, description = header
        response["headers"][name] = {"description": description, "schema": {"type": "string"}}
    response["content"][problems.MEDIA_TYPE]["examples"][code] = {
        "summary": meaning.title,
        "value": problems.problem_body(
            problems.Problem(code), instance="/api/v1/…", request_id="5f0c3d2e9b7a4c1d"
        ),
    }
