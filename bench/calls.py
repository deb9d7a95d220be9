"""Calls of the site within this process, as its web server makes them."""

import time
from collections.abc import Callable, Generator, Iterable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import psycopg
from django.core.wsgi import get_wsgi_application
from django.test import RequestFactory
from psycopg.waiting import WAIT_R

from bench.load import Request

Reply = tuple[int, bytes]


class Caller:
    """One insurer's calls, one at a time."""

    def __init__(self, key: str) -> None:
        self._site = get_wsgi_application()
        headers = {"Authorization": f"Bearer {key}", "X-Forwarded-Proto": "https"}
        self._factory = RequestFactory(headers=headers, SERVER_NAME="127.0.0.1")

    def call(self, request: Request) -> Reply:
        """Send one request through every layer; give the answer.

        Raises:
            SystemExit: it was refused.
        """
        status, content = self.answer(request)
        if status >= HTTPStatus.BAD_REQUEST:
            raise SystemExit(f"{request.method} {request.path}: {status} {content[:300]!r}")
        return status, content

    def answer(self, request: Request) -> Reply:
        """Send one request through every layer; give the answer, whatever it says."""
        made = self._factory.generic(
            request.method,
            request.path,
            request.body,
            "application/json",
            headers={
                name: value
                for name, value in {
                    "Idempotency-Key": request.key,
                    "If-None-Match": request.etag,
                }.items()
                if value
            },
        )
        statuses: list[str] = []

        def begin(status: str, *_: Any) -> Callable[[bytes], object]:
            statuses.append(status)
            return lambda _content: None

        answer: Any = self._site(made.environ, begin)
        content = b"".join(answer)
        answer.close()
        return int(statuses[0].split()[0]), content


def read(file: str, *, count: int) -> Iterable[Request]:
    """Read the first lines of a file that wrk replays."""
    lines = Path(file).read_text(encoding="utf-8").splitlines()[:count]
    for method, path, key, etag, body in (line.split("\t") for line in lines):
        yield Request(path, method, key, etag, body)


class Waiting:
    """Counts how long connections wait for PostgreSQL, commits and round trips included."""

    def __init__(self) -> None:
        self.seconds, self.round_trips = 0.0, 0

    def __enter__(self) -> "Waiting":
        self._wait: Callable[..., Any] = psycopg.Connection.wait
        wait = self._wait

        def timed(connection: Any, calls: Any, *given: Any, **named: Any) -> Any:
            return wait(connection, self._timed(calls), *given, **named)

        psycopg.Connection.wait = timed  # type: ignore[assignment, method-assign]  # Only while it counts.
        return self

    def __exit__(self, *_: object) -> None:
        psycopg.Connection.wait = self._wait  # type: ignore[method-assign]  # Only while it counts.

    def _timed(self, calls: "Generator[Any, Any, Any]") -> "Generator[Any, Any, Any]":
        try:
            wanted = next(calls)
            while True:
                began = time.perf_counter()
                ready = yield wanted
                self.seconds += time.perf_counter() - began
                # Once everything is sent, all that it waits for is the answer.
                self.round_trips += wanted == WAIT_R
                wanted = calls.send(ready)
        except StopIteration as done:
            return done.value
