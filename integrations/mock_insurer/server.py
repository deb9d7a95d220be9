"""Serve the insurer on this machine: what DocPort calls, pages for people, JSON for scripts."""

import json
import logging
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from integrations.mock_insurer import pages
from integrations.mock_insurer.insurer import Insurer

MOST_BODY_BYTES = 512 * 1024
READ_WITHIN_SECONDS = 10
# What stands in a route for one id.
ID = r"(?P<{}>[0-9A-Za-z-]{{1,64}})"
_TLS_BEGINS = b"\x16"
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

log = logging.getLogger(__name__)


class Refused(Exception):
    """A request that is not served."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status


@dataclass(frozen=True)
class Route:
    """What serves a method and path; the named groups of the path are its keyword arguments."""

    method: str
    path: str
    serve: "Callable[..., None]"


class Server(ThreadingHTTPServer):
    """The insurer's web server, reachable from this machine alone."""

    daemon_threads = True
    # DocPort may send many at once.
    request_queue_size = 128

    def __init__(self, insurer: Insurer, port: int, routes: Sequence[Route]) -> None:
        self.insurer = insurer
        self.routes = routes
        super().__init__(("127.0.0.1", port), Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection: plain or with TLS on the one port, as its first byte says."""
        request.settimeout(READ_WITHIN_SECONDS)
        if request.recv(1, socket.MSG_PEEK) != _TLS_BEGINS:
            super().finish_request(request, client_address)
            return
        tls = self.insurer.behaviours.now.tls
        if tls == "none":
            request.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\nThere is no TLS here.")
            return
        context = self.insurer.certificates.context(is_good=tls == "good")
        with context.wrap_socket(request, server_side=True) as encrypted:
            super().finish_request(encrypted, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Note a connection that broke off; what fails in a request is caught there."""
        log.info("A connection broke off")


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server
    timeout = READ_WITHIN_SECONDS
    server_version = "mock-insurer"
    sys_version = ""

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  The library's name.
        """Stay silent: what matters is logged where it happens."""

    def _serve(self) -> None:
        try:
            self._check_host()
            self.body = self._read_body()
            serve, values = self._route()
            serve(self, **values)
        except Refused as refused:
            self.page(
                refused.status, pages.problem(self.insurer.name, refused.status, str(refused))
            )
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except Exception:
            log.exception("A request failed")
            detail = "Something went wrong here. The log says what."
            self.page(500, pages.problem(self.insurer.name, 500, detail))

    @property
    def insurer(self) -> Insurer:
        """Give whom this serves."""
        return self.server.insurer

    def _check_host(self) -> None:
        # Another site's page in a browser on this machine must not reach us under its own name,
        # nor send our forms.
        port = self.server.server_address[1]
        ours = {f"127.0.0.1:{port}", f"localhost:{port}"}
        origin = self.headers.get("Origin")
        if self.headers.get("Host") not in ours:
            raise Refused(HTTPStatus.MISDIRECTED_REQUEST, "This host is not served here.")
        if origin is not None and urlsplit(origin).netloc not in ours:
            raise Refused(HTTPStatus.FORBIDDEN, "Another site may not do this.")

    def _route(self) -> "tuple[Callable[..., None], dict[str, str]]":
        path = urlsplit(self.path).path
        known = False
        for route in self.server.routes:
            if match := re.fullmatch(route.path, path):
                if route.method == self.command:
                    return route.serve, match.groupdict()
                known = True
        if known:
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "This cannot be done here.")
        raise Refused(HTTPStatus.NOT_FOUND, "There is no such page.")

    def _read_body(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdecimal()):
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "A body needs its Content-Length.")
        if int(length) > MOST_BODY_BYTES:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large.")
        return self.rfile.read(int(length))

    @property
    def sent_headers(self) -> dict[str, str]:
        """Give the headers that came, with names in lower case."""
        return {name.lower(): value for name, value in self.headers.items()}

    def query(self) -> dict[str, str]:
        """Read what stands behind the path, one value each."""
        fields = parse_qs(urlsplit(self.path).query)
        return {name: values[0] for name, values in fields.items()}

    def form(self) -> dict[str, str]:
        """Read the fields of a form, one value each."""
        fields = parse_qs(self.body.decode(errors="replace"))
        return {name: values[0] for name, values in fields.items()}

    def page(self, status: int, html: str) -> None:
        """Answer with a page."""
        self.send(status, html.encode(), "text/html; charset=utf-8")

    def json(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        """Answer with JSON."""
        content = json.dumps(value, ensure_ascii=False).encode()
        self.send(status, content, "application/json", headers)

    def redirect(self, path: str) -> None:
        """Send the browser on, so that a reload repeats nothing."""
        self.send(HTTPStatus.SEE_OTHER, b"", "text/plain", {"Location": path})

    def send(
        self, status: int, content: bytes, kind: str, headers: dict[str, str] | None = None
    ) -> None:
        """Answer."""
        self.send_response(status)
        extra = {"Content-Type": kind, "Content-Length": str(len(content))}
        for name, value in (SECURITY | extra | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
