"""What every request brings: its id, who sent it, and whose doctor it is about."""

import re
import time
import uuid
from collections.abc import Callable
from ipaddress import ip_address

import structlog
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header

from registry.encryption import decrypt
from registry.models import Doctor, DoctorCredential, User

# The largest body that is read at all; a certificate over its own limit still gets its form back.
LARGEST_BODY_BYTES = 40 * 1024 * 1024

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")

log = structlog.get_logger("docport.request")


class SignedInRequest(HttpRequest):
    """A request of somebody who has signed in."""

    user: User


class RequestContextMiddleware:
    """Give each request an id that stands in every log line, audit row and answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        offered = request.headers.get("X-Request-ID", "")
        request_id = offered if _REQUEST_ID.fullmatch(offered) else uuid.uuid4().hex
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id, ip=client_ip(request))
        started = time.perf_counter()
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        if request.method == "HEAD" and not response.streaming:
            # Its length has been told; gunicorn would drop the rest and complain each time.
            response.content = b""
        log.info(
            "request",
            method=request.method,
            path=request.path,
            status=response.status_code,
            ms=round((time.perf_counter() - started) * 1000),
        )
        return response


class BodyLimitMiddleware:
    """Refuse a body that no page takes before anything reads it; the API has a limit of its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        announced = request.META.get("CONTENT_LENGTH") or "0"
        is_taken = not announced.isdecimal() or int(announced) <= LARGEST_BODY_BYTES
        if is_taken or request.path.startswith("/api/"):
            return self.get_response(request)
        megabytes = LARGEST_BODY_BYTES // 1024**2
        return render(request, "registry/too_large.html", {"megabytes": megabytes}, status=413)


# Browsers set a picture or PDF into a page of their own, whose inline styles our policy would stop.
_FILE_POLICY = {"style-src": ["'unsafe-inline'"]}


def certificate_response(credential: DoctorCredential) -> HttpResponse:
    """Answer with a credential's certificate, opened for the one who may see it.

    Raises:
        Http404: its certificate lies on another server, or is gone from ours.
    """
    if not credential.certificate:
        raise Http404
    try:
        with credential.certificate.open("rb") as file:
            sealed = file.read()
    except FileNotFoundError as error:
        raise Http404 from error
    response = HttpResponse(
        decrypt(sealed, context=credential.encryption_context),
        content_type=credential.content_type,
        headers={
            "Content-Disposition": content_disposition_header(
                as_attachment=False, filename=credential.file_name
            ),
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )
    response._csp_replace = _FILE_POLICY  # type: ignore[attr-defined]  # noqa: SLF001  As its decorator does.
    return response


def client_ip(request: HttpRequest) -> str | None:
    """Give the address that a request came from, as the first of our own proxies saw it.

    Each proxy adds to the right end of X-Forwarded-For whom it heard from. So of
    `TRUSTED_PROXIES` entries from the right the leftmost counts; what stands before it is the
    client's own word. Without such an address it is the one that speaks to us.
    """
    neighbour = request.META.get("REMOTE_ADDR") or None
    seen = request.headers.get("X-Forwarded-For", "").split(",")
    if not 0 < settings.TRUSTED_PROXIES <= len(seen):
        return neighbour
    address = seen[-settings.TRUSTED_PROXIES].strip()
    try:
        # A zone of a link, such as %eth0, is no address that the database keeps.
        return neighbour if "%" in address else str(ip_address(address))
    except ValueError:
        return neighbour


def request_id() -> str:
    """Give the id of the request in hand; empty outside one."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))


def doctor_of(request: SignedInRequest, permission: str | None = None) -> Doctor:
    """Give the doctor whom the signed-in person works for.

    Args:
        permission: what a receptionist needs, such as `manage_schedule`; `None` keeps the page
            to the doctor alone.

    Raises:
        Http404: they work for none, or a receptionist may not do this; nobody learns which.
    """
    doctor = request.user.doctor
    if doctor is None or not may(request, permission):
        raise Http404
    return doctor


def may(request: SignedInRequest, permission: str | None = None) -> bool:
    """Tell whether `doctor_of` would open a page of this permission to who works for a doctor."""
    user = request.user
    return user.role != User.Role.DELEGATE or (
        permission is not None and user.has_perm(f"registry.{permission}", user.doctor)
    )
