"""`make run`: everything that DocPort needs on one machine, with demo data, in one log."""

import contextlib
import http.client
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from docport.supervisor import Console, Program, Supervisor

HOST = "127.0.0.1"
MOCK_INSURERS = 3
HIGHEST_PORT = 65535
HEALTH_EVERY_SECONDS = 0.5
CHECKOUT = Path(__file__).resolve().parents[3]
MANAGE = [sys.executable, str(CHECKOUT / "manage.py")]
# Threads, so that the sends of a few tasks leave room for the others.
WORKER = ["--pool=threads", "--concurrency=8"]
STEPS = (
    ("Preparing the database", Program("migrate", [*MANAGE, "migrate", "--verbosity=0"])),
    (
        "Collecting static files",
        Program("static", [*MANAGE, "collectstatic", "--noinput", "--verbosity=0"]),
    ),
    ("Adding demo data", Program("demo", [*MANAGE, "demo"])),
)


class Command(BaseCommand):
    help = "Run the web site, the worker, the schedule and the mock insurers, with demo data."
    # The steps below check, after the database is prepared.
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        port = chosen_port(os.environ.get("PORT", "8000"))
        var = Path(settings.VAR_DIR)
        console = Console(var / "log" / "run.log", names(MOCK_INSURERS))
        supervisor = Supervisor(console, environment(port))
        supervisor.handle_signals()
        with reserved(range(port, port + 1 + MOCK_INSURERS)):
            if not prepared(supervisor, console):
                return
        demo = json.loads((var / "demo.json").read_text(encoding="utf-8"))
        greeting = Greeting(port, lambda: console.say(welcome(port, demo)))
        code = supervisor.run(programs(port, demo, var), greeting.try_once)
        if code:
            sys.exit(code)


def chosen_port(text: str) -> int:
    """Give the port asked for; the mock insurers take the ports after it."""
    highest = HIGHEST_PORT - MOCK_INSURERS
    if not text.isdecimal() or not 1 <= int(text) <= highest:
        raise CommandError(f"PORT must be a number from 1 to {highest}, not {text!r}.")
    return int(text)


@contextlib.contextmanager
def reserved(ports: Iterable[int]) -> Iterator[None]:
    """Hold the ports, so that a second run that starts meanwhile finds them taken.

    Raises:
        CommandError: one is in use; the message names it.
    """
    with contextlib.ExitStack() as held:
        for port in ports:
            listener = held.enter_context(socket.socket())
            # As gunicorn does, so that a port whose last connections just closed counts as free.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((HOST, port))
                listener.listen()
            except OSError as error:
                raise CommandError(
                    f"Port {port} cannot be used: {error.strerror}. Is DocPort running already? "
                    f"Stop what uses it, or choose other ports: make run PORT={port + 100}"
                ) from error
        yield


def environment(port: int) -> dict[str, str]:
    """Give the environment that all children share."""
    given = {"PORT": str(port), "BASE_URL": f"http://{HOST}:{port}", "PYTHONUNBUFFERED": "1"}
    # In a container everything is root, and Celery's warning about it is six lines long.
    quiet = {"PYTHONWARNINGS": "ignore:You're running the worker"}
    return quiet | os.environ | given


def names(insurers: int) -> list[str]:
    """Give the name of each program in the log."""
    return ["web", "worker", "beat", *(f"insurer {n}" for n in range(1, insurers + 1))]


def programs(port: int, demo: dict[str, Any], var: Path) -> list[Program]:
    """Give what runs until it is stopped."""
    python = sys.executable
    celery = [python, "-m", "celery", "--app=docport", "--quiet"]
    schedule = var / "celerybeat-schedule"
    web = [python, "-m", "gunicorn", "--config", str(CHECKOUT / "docport" / "gunicorn.py")]
    site = [
        Program("web", [*web, "docport.wsgi"]),
        Program("worker", [*celery, "worker", *WORKER, "--loglevel=WARNING"]),
        Program("beat", [*celery, "beat", f"--schedule={schedule}", "--loglevel=WARNING"]),
    ]
    mock = [python, "-m", "integrations.mock_insurer", "--demo-file", str(var / "demo.json")]
    insurers = [
        Program(f"insurer {n}", [*mock, "--slug", insurer["slug"], "--port", str(port + n)])
        for n, insurer in enumerate(demo["insurers"][:MOCK_INSURERS], start=1)
    ]
    return site + insurers


def prepared(supervisor: Supervisor, console: Console) -> bool:
    """Run the steps with a progress line each; false when the user stopped them.

    Raises:
        CommandError: a step failed; the message ends with its last lines.
    """
    for title, step in STEPS:
        begin = time.monotonic()
        console.say(f"{title} … ", end="")
        failed = supervisor.finish(step)
        if supervisor.told_to_stop:
            console.say("stopped")
            return False
        if failed:
            console.say("failed")
            raise CommandError("\n".join([f"{title} failed:", *failed.tail]))
        console.say(f"done ({time.monotonic() - begin:.1f} s)")
    return True


class Greeting:
    """Says once where everything is, as soon as the site answers."""

    def __init__(self, port: int, say: Callable[[], None]) -> None:
        self._port = port
        self._say = say
        self._said = False
        self._next_at = 0.0

    def try_once(self) -> None:
        """Ask the site whether it is up, but not at every tick."""
        if self._said or time.monotonic() < self._next_at:
            return
        if is_healthy(self._port):
            self._said = True
            self._say()
        self._next_at = time.monotonic() + HEALTH_EVERY_SECONDS


def is_healthy(port: int) -> bool:
    """Whether the site on this port answers its health check."""
    connection = http.client.HTTPConnection(HOST, port, timeout=1)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def welcome(port: int, demo: dict[str, Any]) -> str:
    """Give the block with addresses and sign-ins."""
    site = f"http://{HOST}:{port}"
    people = [("Admin", demo["admin"]), *(("Doctor", doctor) for doctor in demo["doctors"][:3])]
    lines = [
        "",
        f"DocPort is running: {site}/",
        "",
        *(f"  {role:<8}{who['email']}  password {who['password']}" for role, who in people),
        "",
        f"  {'Admin':<8}{site}/admin/",
        f"  {'API':<8}{site}/api/docs/",
        *(
            f"  {'Insurer':<8}http://{HOST}:{port + n}/  {insurer['name']} (mock)"
            for n, insurer in enumerate(demo["insurers"][:MOCK_INSURERS], start=1)
        ),
        "",
        f"  Every sign-in and API key: {Path(settings.VAR_DIR) / 'demo.json'}",
        "  Stop with Ctrl-C.",
        "",
    ]
    return "\n".join(lines)
