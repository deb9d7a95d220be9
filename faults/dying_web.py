"""The web application, whose process is killed at the commit of a call that asks for it."""

import os
import signal
import threading
from collections.abc import Callable, Iterable
from typing import Any

import psycopg

from docport.wsgi import application as docport
from faults.bookings import AFTER, ASKS_FOR_IT, BEFORE

_KEY = f"HTTP_{ASKS_FOR_IT.upper().replace('-', '_')}"
_call = threading.local()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer as DocPort does, unless the call is the death of this process."""
    _call.dies = environ.get(_KEY)
    return docport(environ, start_response)


def _dying(commit: Callable[..., Any]) -> Callable[..., Any]:
    def committed(connection: Any, *given: Any, **named: Any) -> Any:
        _die_if(BEFORE)
        done = commit(connection, *given, **named)
        _die_if(AFTER)
        return done

    return committed


def _dying_before(execute: Callable[..., Any]) -> Callable[..., Any]:
    def executed(connection: Any, query: Any, *given: Any, **named: Any) -> Any:
        # The driver sends it with what was written; that it is done is told a moment later.
        if query == "COMMIT":
            _die_if(BEFORE)
        return execute(connection, query, *given, **named)

    return executed


def _die_if(when: str) -> None:
    if getattr(_call, "dies", None) == when:
        os.kill(os.getpid(), signal.SIGKILL)


psycopg.Connection.commit = _dying(psycopg.Connection.commit)  # type: ignore[method-assign]  # In this process only, to die there.
psycopg.Connection.execute = _dying_before(psycopg.Connection.execute)  # type: ignore[method-assign]  # In this process only, to die there.
