from collections.abc import Callable, Iterable
from datetime import datetime
from http import HTTPStatus
from typing import Any, ClassVar

from django.conf import settings
from django.utils.timezone import now
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from consent.models import Consent
from integrations.api.callers import Caller
from integrations.api.parsers import MOST_BYTES
from integrations.api.permissions import MayCall, Needs, Seen
from integrations.api.problems import Problem
from integrations.api.renderers import JsonRenderer
from integrations.api.schema import ApiSchema
from integrations.models import WebhookDelivery, WebhookEndpoint
from registry.models import Doctor, InsuranceProvider
from scheduling.models import Appointment


class OnlyJson(BaseContentNegotiation):
    """Answer JSON whatever the Accept header says, so that an error is always readable."""

    def select_parser(self, request: Request, parsers: Iterable[Any]) -> Any:
        return next(
            (parser for parser in parsers if _media_type(request) == parser.media_type), None
        )

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, str(renderer.media_type)


class InsurerView(APIView):
    """An endpoint for insurers; `needs` says what each method takes, and without it is refused."""

    needs: ClassVar[dict[str, Needs]] = {}
    permission_classes = [MayCall]
    renderer_classes = [JsonRenderer]
    content_negotiation_class = OnlyJson
    metadata_class = None
    schema: ApiSchema | None = ApiSchema()
    http_method_names = ["get", "post", "put", "patch", "delete", "head"]

    at: datetime
    seen: Seen
    appointment: Appointment
    hold: Appointment
    consent: Consent
    endpoint: WebhookEndpoint
    delivery: WebhookDelivery

    @property
    def caller(self) -> Caller:
        assert isinstance(self.request.user, Caller)
        return self.request.user

    @property
    def provider(self) -> InsuranceProvider:
        return self.caller.provider

    @property
    def doctor(self) -> Doctor:
        return self.seen.doctor

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {"Cache-Control": "no-store", "Vary": "Authorization"}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        refuse_plain_http(request)
        self.at = now()
        super().initial(request, *args, **kwargs)
        if "Transfer-Encoding" in request.headers:
            raise Problem("length_required")
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or int(length) > MOST_BYTES:
            raise Problem("body_too_large")

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            response["Allow"] = ", ".join(self.allowed_methods)
        return super().finalize_response(request, response, *args, **kwargs)

    def answer(self, show: Callable[[], dict[str, Any]], *, version: str) -> Response:
        """Answer a versioned resource, or 304 without loading it when the caller has it already."""
        etag = etag_of(version)
        if _matches(self.request.headers.get("If-None-Match", ""), etag):
            return Response(status=HTTPStatus.NOT_MODIFIED, headers={"ETag": etag})
        return Response(show(), headers={"ETag": etag})


def etag_of(version: str | int) -> str:
    return f'"{version}"'


def refuse_plain_http(request: Request) -> None:
    """Refuse before the key is looked at; a redirect would only hide that it was sent openly."""
    if settings.PRODUCTION and not request.is_secure():
        raise Problem("https_required")


def _media_type(request: Request) -> str:
    return (request.content_type or "").partition(";")[0].strip().lower()


def _matches(header: str, etag: str) -> bool:
    offered = {one.strip().removeprefix("W/") for one in header.split(",")}
    return etag in offered or "*" in offered
