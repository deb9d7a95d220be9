"""An insurer as the tests play it: every answer it gets must be as the OpenAPI document says."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.test import Client
from jsonschema import Draft202012Validator

from integrations.api.views.schema import description
from integrations.tests.factories import make_api_key
from registry.models import InsuranceProvider
from registry.tests.factories import make_provider

UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"


@dataclass
class Caller:
    """One insurer with its key."""

    provider: InsuranceProvider
    key: str

    def get(self, path: str, query: dict[str, Any] | None = None, **headers: str) -> Any:
        response = Client(headers=self._with_key(headers)).get(f"/api/v1{path}", query)
        return as_documented(response, "get", path)

    def post(self, path: str, body: Any, **headers: str) -> Any:
        client = Client(headers=self._with_key(headers))
        response = client.post(f"/api/v1{path}", body, content_type="application/json")
        return as_documented(response, "post", path)

    def patch(self, path: str, body: Any, **headers: str) -> Any:
        client = Client(headers=self._with_key(headers))
        response = client.patch(f"/api/v1{path}", body, content_type="application/json")
        return as_documented(response, "patch", path)

    def delete(self, path: str, **headers: str) -> Any:
        response = Client(headers=self._with_key(headers)).delete(f"/api/v1{path}")
        return as_documented(response, "delete", path)

    def book(self, body: Any, key: str = "key-1") -> Any:
        return self.post("/appointments", body, **{"Idempotency-Key": key})

    def _with_key(self, headers: dict[str, str]) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} | headers


def make_caller(**given: Any) -> Caller:
    """Add an insurer with a key of every scope; `scopes=` or `insurance_provider=` choose."""
    given.setdefault("insurance_provider", make_provider())
    row, key = make_api_key(**given)
    return Caller(row.insurance_provider, key)


def as_documented(response: Any, method: str, path: str) -> Any:
    """Check an answer against the OpenAPI document; give it back."""
    operation = _operation(method, path)
    if operation is None:
        return response
    documented = operation["responses"].get(str(response.status_code))
    assert documented is not None, f"{response.status_code} of {path} is not documented"
    unknown = {"Location", "ETag", "Idempotency-Replayed", "Retry-After", "WWW-Authenticate"}
    for header in unknown & set(response.headers):
        assert header in documented["headers"], f"{header} of {path} is not documented"
    if response.content:
        media_type = response["Content-Type"]
        schema = documented["content"][media_type]["schema"]
        root = {**schema, "components": {"schemas": _closed_schemas()}}
        Draft202012Validator(root).validate(response.json())
    if response.status_code >= 400:
        said = response.json()
        code = said.get("code") or said["error"]
        assert code in documented["content"][media_type]["examples"], f"{code} is not documented"
    return response


@cache
def _closed_schemas() -> dict[str, Any]:
    """Give the documented shapes, with nothing besides what they name."""
    schemas = description()["components"]["schemas"]
    return {
        name: {**schema, "additionalProperties": False} if "properties" in schema else schema
        for name, schema in schemas.items()
    }


def _operation(method: str, path: str) -> dict[str, Any] | None:
    for template, methods in description()["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), f"/api/v1{path}"):
            found: dict[str, Any] | None = methods.get(method)
            return found
    return None


def essence(response: Any) -> dict[str, Any]:
    """Give what of a problem must not tell one reason from another."""
    body = response.json()
    return {
        "status": response.status_code,
        "headers": {
            name: value
            for name, value in response.headers.items()
            if name not in {"X-Request-ID", "Content-Length", "RateLimit"}
        },
        "body": {name: body[name] for name in body if name not in {"instance", "request_id"}},
    }
