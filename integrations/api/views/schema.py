from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.document import complete
from integrations.api.permissions import Needs
from integrations.api.views.base import InsurerView


@cache
def description() -> dict[str, Any]:
    """Give the OpenAPI description; it is the same for everybody."""
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]  # The library has no types here.
    made = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # The library has no types here.
    return complete(made)


class Schema(InsurerView):
    schema = None
    authentication_classes = []
    permission_classes = [AllowAny]
    needs = {"GET": Needs(scope=None)}

    @property
    def default_response_headers(self) -> dict[str, str]:
        return super().default_response_headers | {"Cache-Control": "max-age=300"}

    def get(self, request: Request) -> Response:
        return Response(description())
