"""What the keeper asks of a server, and what both servers share."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from docport.embedded.launch import launch_command
from docport.embedded.places import EmbeddedError

# What a keeper says to its starter when its server answers.
READY = "ready"
READY_WITHIN_SECONDS = 60
STOPPED_WITHIN_SECONDS = 20
LOG_TAIL_LINES = 15
LOG_LIMIT_BYTES = 5_000_000


class Server(Protocol):
    """One private server of the checkout."""

    name: str
    log: Path
    socket: Path
    stop_signal: signal.Signals

    def start(self) -> "subprocess.Popen[bytes]":
        """Start the server and return when it answers."""


def spawn(
    command: Sequence[str], *, log: Path, farewell: signal.Signals, user: tuple[int, int] | None
) -> "subprocess.Popen[bytes]":
    """Start `command` in a session of its own, so that a terminal's Ctrl-C does not reach it."""
    # PostgreSQL's own variables in a developer's shell must not reach the private server.
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_"))}
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603  The command is ours.
            launch_command(list(command), user=user, farewell=farewell),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment | {"LC_ALL": "C"},
        )


def shorten_log(log: Path) -> None:
    """Keep one former log, so that logs never fill the disk."""
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))


def stop(process: "subprocess.Popen[bytes]", stop_signal: signal.Signals) -> None:
    """Stop the server and wait; the last resort is to kill it."""
    if process.poll() is not None:
        return
    process.send_signal(stop_signal)
    try:
        process.wait(STOPPED_WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def answers(path: Path) -> bool:
    """Whether somebody accepts connections at this Unix socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


def await_socket(server: Server, process: "subprocess.Popen[bytes]") -> None:
    """Wait until a started server listens.

    Raises:
        EmbeddedError: it ended or took too long; the message shows the end of its log.
    """
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while not answers(server.socket):
        if process.poll() is not None or time.monotonic() > deadline:
            stop(process, server.stop_signal)
            raise failure(server.name, server.log)
        time.sleep(0.02)


def failure(name: str, reason: OSError | Path) -> EmbeddedError:
    """Describe a server that did not start, and what to do.

    Args:
        name: of the server.
        reason: what the system refused, or the log whose end tells.
    """
    advice = {
        "postgres": "set DATABASE_URL to use a PostgreSQL of your own",
        "redis": "set REDIS_URL to use a Redis of your own",
    }[name]
    if name == "postgres" and os.geteuid() == 0:
        advice += (
            ",\nor run this as an ordinary user: root may not run PostgreSQL, so it is started"
        )
        advice += " as\nanother user, who must be able to reach this directory"
    told = f"{reason}" if isinstance(reason, OSError) else _end_of(reason)
    return EmbeddedError(
        f"The private {name} server did not start. {told}\nMend what this names, or {advice}."
    )


def _end_of(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    shown = [f"    {line}" for line in lines[-LOG_TAIL_LINES:]]
    return "\n".join([f"The end of {log}:", *shown])
