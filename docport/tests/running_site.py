"""The real thing for tests: `manage.py run` in processes, a database and a directory of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import psycopg
import requests

from docport.embedded.places import Places

CHECKOUT = Path(__file__).resolve().parents[2]
PORTS = 4
UP_WITHIN_SECONDS = 420
STOPPED_WITHIN_SECONDS = 40
LOG_TAIL_LINES = 60
# What settings fill in where it is missing, so that it may stem from this very process.
FROM_SETTINGS = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "FIELD_KEYS", "RECEIPT_KEYS")
T = TypeVar("T")


@dataclass
class RunningSite:
    """A site that runs, and how to reach its parts."""

    process: "subprocess.Popen[bytes]"
    var: Path
    port: int
    database_url: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def demo(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.var / "demo.json").read_text(encoding="utf-8"))
        return content

    @property
    def log(self) -> str:
        """Give all that was said since the start."""
        log = self.var / "log" / "run.log"
        said = (self.var / "said.txt").read_text(encoding="utf-8", errors="replace")
        written = log.read_text(encoding="utf-8") if log.exists() else ""
        return written or said

    @property
    def end_of_log(self) -> str:
        return "\n".join(self.log.splitlines()[-LOG_TAIL_LINES:])

    def mock(self, number: int) -> str:
        """Give the address of the mock insurer of this number, counted from 1."""
        return f"{self.url.rsplit(':', 1)[0]}:{self.port + number}"

    def rows(self, sql: str, **values: str) -> list[tuple[Any, ...]]:
        """Ask the site's database, as DocPort's own role."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            return connection.execute(sql.encode(), values).fetchall()

    def children(self) -> list[int]:
        """Give the processes that the run started and that live, where the system tells."""
        wanted = f"DOCPORT_VAR={self.var}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                environment = (entry / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if state != "Z" and wanted in environment:
                found.append(int(entry.name))
        return found

    def interrupt(self) -> int:
        """Press Ctrl-C and give the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(STOPPED_WITHIN_SECONDS)


def start(var: Path, stack: ExitStack) -> RunningSite:
    """Start everything and return when it answers; the stack stops it, whatever happens."""
    environment = {k: v for k, v in os.environ.items() if k not in FROM_SETTINGS}
    port = free_ports()
    database_url = database_for(stack)
    if database_url:
        environment["DATABASE_URL"] = database_url
    environment |= {"DOCPORT_VAR": str(var), "PORT": str(port), "DOCPORT_ENV": "development"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    var.mkdir(parents=True)
    said = stack.enter_context((var / "said.txt").open("wb"))
    process = subprocess.Popen(
        [sys.executable, str(CHECKOUT / "manage.py"), "run"],
        cwd=CHECKOUT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=said,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    stack.callback(_end, process)
    site = RunningSite(process, var, port, database_url or _private_database_url(var))
    eventually(lambda: _answers(site), within=UP_WITHIN_SECONDS, what="the site is up", site=site)
    return site


def eventually(
    look: Callable[[], T | None], *, within: float, what: str, site: RunningSite | None = None
) -> T:
    """Look again and again until there is something; give it."""
    deadline = time.monotonic() + within
    while (found := look()) is None or found is False:
        ended = site is not None and site.process.poll() is not None
        if ended or time.monotonic() > deadline:
            end = f"\n{site.end_of_log}" if site else ""
            raise AssertionError(f"Not within {within:g} s: {what}.{end}")
        time.sleep(0.1)
    return found


def free_ports() -> int:
    """Give the first of several ports in a row that nobody uses."""
    for first in range(18000 + os.getpid() % 5000, 30000, PORTS):
        with ExitStack() as probes:
            try:
                for port in range(first, first + PORTS):
                    probe = probes.enter_context(socket.socket())
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise AssertionError("There are no free ports.")


def database_for(stack: ExitStack) -> str | None:
    """Make a database on the server that the tests were given; none where they have their own."""
    given = os.environ.get("DATABASE_URL")
    if not given or given == Places.here().database_url:
        return None
    name = f"docport_browser_{os.getpid()}"
    with closing(psycopg.connect(given, autocommit=True)) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    stack.callback(_drop, given, name)
    return urlunsplit(urlsplit(given)._replace(path=f"/{name}"))


def _drop(given: str, name: str) -> None:
    with closing(psycopg.connect(given, autocommit=True)) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


def _private_database_url(var: Path) -> str:
    before = os.environ.get("DOCPORT_VAR")
    os.environ["DOCPORT_VAR"] = str(var)
    try:
        return Places.here().database_url
    finally:
        if before is None:
            del os.environ["DOCPORT_VAR"]
        else:
            os.environ["DOCPORT_VAR"] = before


def _answers(site: RunningSite) -> bool:
    try:
        parts = [site.url, *(site.mock(number) for number in range(1, PORTS))]
        return all(requests.get(f"{part}/healthz", timeout=5).ok for part in parts)
    except requests.RequestException:
        return False


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOPPED_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
