"""The web application, whose process is killed where a call asks for it: nobody is answered."""

import os
import signal
from collections.abc import Callable, Iterable
from typing import Any

from docport.wsgi import application as docport

ASKS_FOR_IT = "X-Die-Before-Answering"
_KEY = f"HTTP_{ASKS_FOR_IT.upper().replace('-', '_')}"


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    answer = docport(environ, start_response)
    # All is done and committed, and not one byte is sent: gunicorn sends with the first of them.
    if _KEY in environ:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer
