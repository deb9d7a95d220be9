"""An insurer's system for tests: a real HTTP server on this machine that notes what it hears."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook


@dataclass(frozen=True)
class Heard:
    """One request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    client: tuple[str, int]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def signed_by_the_standard(heard: Heard, secret: str) -> str:
    """Give the signature that the library of Standard Webhooks makes for what was heard."""
    signed_at = datetime.fromtimestamp(int(heard.headers["webhook-timestamp"]), UTC)
    return Webhook(secret).sign(heard.headers["webhook-id"], signed_at, heard.body.decode())


@dataclass
class Reply:
    """What to answer; `drip` sends the body a byte at a time, with that many seconds between."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    drip: float = 0.0


class Partner:
    """Answers with `answer`, which a test may replace; `heard` keeps what came, in order."""

    def __init__(self, port: int, scheme: str) -> None:
        self.url = f"{scheme}://127.0.0.1:{port}"
        self.heard: list[Heard] = []
        self.answer: Callable[[Heard], Reply] = lambda _: Reply()
        self.over = threading.Event()

    @property
    def ids(self) -> list[str]:
        return [request.headers["webhook-id"] for request in self.heard]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    partner: Partner

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def _take(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        headers = {name.lower(): value for name, value in self.headers.items()}
        heard = Heard(self.command, self.path, headers, body, self.client_address)
        self.partner.heard.append(heard)
        reply = self.partner.answer(heard)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status not in {204, 304}:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self._write(reply)

    def _write(self, reply: Reply) -> None:
        if not reply.drip:
            self.wfile.write(reply.body)
            return
        for byte in reply.body:
            self.wfile.write(bytes([byte]))
            if self.partner.over.wait(reply.drip):
                return

    do_GET = do_POST = do_PUT = do_DELETE = _take  # noqa: N815  The names that the server calls.

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """Say nothing: a client that leaves early is no error here."""


@contextmanager
def running_partner(tls: ssl.SSLContext | None = None) -> Iterator[Partner]:
    """Run a partner until the block ends."""

    class Handler(_Handler):
        """The handler of this partner alone."""

    server = _Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    partner = Partner(server.server_port, "https" if tls else "http")
    Handler.partner = partner
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield partner
    finally:
        partner.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
