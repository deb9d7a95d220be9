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
from integrations.actions import accesses
from integrations.actions.accesses import Reader
from integrations.api import versions
from integrations.api.callers import Caller
from integrations.api.parsers import MOST_BYTES
from integrations.api.permissions import MayCall, Needs, Seen
from integrations.api.problems import Problem
from integrations.api.renderers import JsonRenderer
from integrations.api.schema import ApiSchema
from integrations.api.versions import Deprecation
from integrations.models import WebhookDelivery, WebhookEndpoint
from registry.models import Doctor, InsuranceProvider
from scheduling.models import Appointment


class OnlyJson(BaseContentNegotiation):
    """Answer JSON whatever the Accept header says, so that an error is always readable."""

    def select_parser(self, request: Request, parsers: Iterable[Any]) -> Any:
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            return None
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
    # Methods that are on their way out.
    deprecated: ClassVar[dict[str, Deprecation]] = {}
    permission_classes = [MayCall]
    renderer_classes = [JsonRenderer]
    content_negotiation_class = OnlyJson
    metadata_class = None
    # No path names a format.
    format_kwarg = None
    schema: ApiSchema | None = ApiSchema()
    http_method_names = ["get", "post", "put", "patch", "delete", "head", "options"]

    at: datetime
    version: str
    _announced: tuple[Deprecation, ...] = ()
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
        return {
            "Cache-Control": "no-store",
            "Vary": f"Authorization, {versions.HEADER}",
            versions.HEADER: versions.NEWEST,
        }

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check a call in our order: whoever calls too often costs no more than signing in does."""
        self.refuse_plain_http(request)
        self.at = now()
        method = "GET" if request.method == "HEAD" else str(request.method)
        if method in self.deprecated:
            self.announce(self.deprecated[method])
        self.perform_authentication(request)
        self.check_throttles(request)
        self.version = self._version_for(request)
        self.headers[versions.HEADER] = self.version
        self.check_permissions(request)
        refuse_unreadable_body(request)

    def perform_authentication(self, request: Request) -> None:
        try:
            super().perform_authentication(request)
        except Problem:
            self._count_address(request)
            raise

    def refuse_plain_http(self, request: Request) -> None:
        """Refuse before the key is looked at; a redirect would hide that it was sent openly."""
        if settings.PRODUCTION and not request.is_secure():
            self._count_address(request)
            raise Problem("https_required")

    def _count_address(self, request: Request) -> None:
        # Who it is that calls is not known, and not looked for again.
        request.user = None  # type: ignore[assignment]  # The settings say that this is nobody.
        self.check_throttles(request)

    def options(  # type: ignore[override]  # The request is REST framework's.
        self, request: Request, *args: Any, **kwargs: Any
    ) -> Response:
        """Name the methods. Servers call us, not browsers: nothing is said of other origins."""
        return Response(status=HTTPStatus.NO_CONTENT, headers={"Allow": self._allow})

    def announce(self, *deprecations: Deprecation) -> None:
        """Tell with the answer that what this call uses is on its way out."""
        self._announced += deprecations

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            response["Allow"] = self._allow
        self.headers |= versions.announced(self._announced)
        return super().finalize_response(request, response, *args, **kwargs)

    @property
    def _allow(self) -> str:
        return ", ".join(self.allowed_methods)

    def _version_for(self, request: Request) -> str:
        pinned = getattr(request.user, "api_version", versions.NEWEST)
        return versions.asked_for(request.headers.get(versions.HEADER), pinned=pinned)

    def answer(self, show: Callable[[], dict[str, Any]], *, version: str) -> Response:
        """Answer a versioned resource, or 304 without loading it when the caller has it already."""
        etag = etag_of(version)
        if _matches(self.request.headers.get("If-None-Match", ""), etag):
            return Response(status=HTTPStatus.NOT_MODIFIED, headers={"ETag": etag})
        return Response(show(), headers={"ETag": etag})

    def note_seen(self, call: str, response: Response) -> Response:
        """Count that the doctor of the path was shown, or stands as the caller has it."""
        is_unchanged = response.status_code == HTTPStatus.NOT_MODIFIED
        self.note(call, [(self.doctor.pk, self.seen.data_classes)], is_unchanged=is_unchanged)
        return response

    def note(
        self,
        call: str,
        doctors: Iterable[tuple[object, Iterable[str]]],
        *,
        is_unchanged: bool = False,
    ) -> None:
        """Count that doctors were shown, each with the data classes that it shares."""
        reader = Reader(self.caller.kind, self.caller.id, self.provider.pk)
        accesses.note(reader, call, doctors, at=self.at, is_unchanged=is_unchanged)


def etag_of(version: str | int) -> str:
    return f'"{version}"'


def refuse_unreadable_body(request: Request) -> None:
    """Refuse a body that is not looked at, before any of it is read."""
    if "Transfer-Encoding" in request.headers:
        raise Problem("length_required")
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdecimal()):
        raise Problem("length_required")
    if int(length) > MOST_BYTES:
        raise Problem("body_too_large")


def _media_type(request: Request) -> str:
    return (request.content_type or "").partition(";")[0].strip().lower()


def _matches(header: str, etag: str) -> bool:
    offered = {one.strip().removeprefix("W/") for one in header.split(",")}
    return etag in offered or "*" in offered
