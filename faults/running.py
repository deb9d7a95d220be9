"""A DocPort in processes of its own: web, two workers and beat, under a supervisor."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from bench.processes import family
from bench.site import CHECKOUT, free_port
from docport.embedded.launch import launch_command

UP_WITHIN_SECONDS = 120
STOPPED_WITHIN_SECONDS = 40
# What the API wants of the proxy before it.
OVER_TLS = {"X-Forwarded-Proto": "https"}


class NeverHappened(Exception):
    """What had to come did not come in time."""


class Programs:
    """The processes of one DocPort, which can be found and killed."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int) -> None:
        self._process = process
        self.url = f"http://127.0.0.1:{port}"

    def pid(self, name: str) -> int | None:
        """Give the process of the program with this name; `None` while it is being restarted."""
        sought = b"beat" if name == "beat" else f"--hostname={name}@%h".encode()
        for pid in family(self._process.pid):
            if sought in _command(pid):
                return pid
        return None

    def kill(self, name: str) -> bool:
        """Kill a program without a word; false when it was not running just now."""
        return self._signal(name, signal.SIGKILL)

    def pause(self, name: str) -> bool:
        """Stop a program where it is."""
        return self._signal(name, signal.SIGSTOP)

    def go_on(self, name: str) -> bool:
        """Let a paused program go on."""
        return self._signal(name, signal.SIGCONT)

    def _signal(self, name: str, number: signal.Signals) -> bool:
        pid = self.pid(name)
        if pid is not None:
            os.kill(pid, number)
        return pid is not None


@contextmanager
def running(folder: Path, application: str = "docport.wsgi") -> Iterator[Programs]:
    """Run the programs with the environment of this process."""
    port = free_port()
    with (folder / "keep.log").open("wb") as log:
        process = subprocess.Popen(
            launch_command(
                [sys.executable, "-m", "faults.keep", str(port), str(folder), application]
            ),
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    programs = Programs(process, port)
    try:
        eventually(lambda: _is_ready(programs), within=UP_WITHIN_SECONDS, what="DocPort is ready")
        yield programs
    finally:
        process.terminate()
        process.wait(STOPPED_WITHIN_SECONDS)


def eventually(look: Callable[[], bool], *, within: float, what: str, every: float = 0.2) -> float:
    """Look again and again until it is so; give how many seconds that took.

    Raises:
        NeverHappened: it was not so in time.
    """
    began = time.monotonic()
    while not look():
        if time.monotonic() - began > within:
            raise NeverHappened(f"Not within {within:g} s: {what}.")
        time.sleep(every)
    return time.monotonic() - began


def _is_ready(programs: Programs) -> bool:
    try:
        return requests.get(f"{programs.url}/readyz", headers=OVER_TLS, timeout=5).ok
    except requests.RequestException:
        return False


def _command(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []
