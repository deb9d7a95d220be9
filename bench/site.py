"""A DocPort as production runs it, on private servers in a folder of its own."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import psycopg

from bench.population import Connection
from docport.embedded.development import new_secrets
from docport.embedded.places import POSTGRES_PORT, Places

CHECKOUT = Path(__file__).resolve().parents[1]
UP_WITHIN_SECONDS = 60
# A quarter of the memory of a server with 8 GB, as PostgreSQL's manual has one begin.
SHARED_BUFFERS = "2GB"
# For the load's many rows; afterwards everything is as it comes.
LOADING = {"max_wal_size": "4GB", "checkpoint_timeout": "15min", "autovacuum": "off"}
_SERVERS = """
import sys
from docport.embedded import start_services
start_services()
print("ready", flush=True)
sys.stdin.read()
"""


class Answer(NamedTuple):
    """What the site answered once."""

    status: int
    etag: str
    content: bytes


@dataclass
class Site:
    """One database with its web processes."""

    environment: dict[str, str]
    var: Path
    port: int = 0
    keys: dict[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> str:
        """Give the name of its database."""
        return urlsplit(self.environment["DATABASE_URL"]).path.strip("/")

    @property
    def database_process(self) -> int:
        """Give the PostgreSQL whose children answer it."""
        pid_file = Places.here().postgres_data / "postmaster.pid"
        return int(pid_file.read_text().split()[0])

    @property
    def workers(self) -> list[int]:
        """Give the processes that answer."""
        assert self.process is not None
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children")
        return [int(child) for child in children.read_text().split()] if children.exists() else []

    def manage(self, *command: str) -> None:
        self._run([str(CHECKOUT / "manage.py"), *command], capture=False)

    def inside(self, *task: str) -> Any:
        """Run a task of `bench.tasks` and give its answer."""
        return json.loads(self._run(["-m", "bench.inside", *task], capture=True))

    def _run(self, command: list[str], *, capture: bool) -> str:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=CHECKOUT,
            env=self.environment,
            stdout=subprocess.PIPE if capture else None,
            stderr=self._log(),
            check=False,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{self.end_of_log}")
        return done.stdout or ""

    def _log(self) -> Any:
        return (self.var / "log" / "site.log").open("ab")

    @property
    def end_of_log(self) -> str:
        log = self.var / "log" / "site.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-30:])

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve with gunicorn as `docport/gunicorn.py` says."""
        self.port = free_port()
        gunicorn = ["-m", "gunicorn", "--config", "docport/gunicorn.py"]
        # A worker that is replaced in one round and not in the next would be noise.
        gunicorn += ["--max-requests", "0", "docport.wsgi"]
        self.process = subprocess.Popen(
            [sys.executable, *gunicorn],
            cwd=CHECKOUT,
            env=self.environment | {"BIND": f"127.0.0.1:{self.port}"},
            stdout=self._log(),
            stderr=self._log(),
        )
        try:
            self._await()
            yield
        finally:
            self.process.terminate()
            self.process.wait(30)

    def _await(self) -> None:
        deadline = time.monotonic() + UP_WITHIN_SECONDS
        while not self._answers():
            assert self.process is not None
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"The site does not answer:\n{self.end_of_log}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            return self.get("/healthz", "").status == http.client.OK
        except OSError:
            return False

    def get(self, path: str, key: str) -> Answer:
        """Ask once."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Authorization": f"Bearer {key}", "X-Forwarded-Proto": "https"}
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        etag = answer.headers.get("ETag", "")
        given = Answer(answer.status, etag, answer.read())
        connection.close()
        return given

    @contextmanager
    def loading(self) -> Iterator[Connection]:
        """Open the database as `as_superuser`, set up for many rows."""
        with self.as_superuser() as database:
            for setting, value in LOADING.items():
                database.execute(f"ALTER SYSTEM SET {setting} = '{value}'".encode())
            database.execute("SELECT pg_reload_conf()")
            yield database
            for setting in LOADING:
                database.execute(f"ALTER SYSTEM RESET {setting}".encode())
            database.execute("SELECT pg_reload_conf()")

    @contextmanager
    def as_superuser(self) -> Iterator[Connection]:
        """Open the database as nobody does in production."""
        with _as_superuser(self.database) as database:
            yield database


@contextmanager
def servers(var: Path) -> Iterator[dict[str, str]]:
    """Run PostgreSQL and Redis in a folder; give the environment of a site in production."""
    # Of PGOPTIONS, tests have no commit wait for the disk, and production does.
    for name in ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "DOCPORT_ENV", "PGOPTIONS"):
        os.environ.pop(name, None)
    os.environ["DOCPORT_VAR"] = str(var)
    places = Places.here()
    with _services():
        _set_memory()
    with _services():
        yield _environment(places)
    shutil.rmtree(places.runtime, ignore_errors=True)


@contextmanager
def _services() -> Iterator[None]:
    # A process of its own stops them as it ends, before the folder goes.
    with subprocess.Popen(
        [sys.executable, "-c", _SERVERS],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise SystemExit("PostgreSQL or Redis did not start.")
        try:
            yield
        finally:
            process.communicate()


def _set_memory() -> None:
    """Give PostgreSQL the memory that `docs/running.md` asks for; it takes it as it starts."""
    with _as_superuser("postgres") as database:
        database.execute(f"ALTER SYSTEM SET shared_buffers = '{SHARED_BUFFERS}'".encode())


@contextmanager
def _as_superuser(name: str) -> Iterator[Connection]:
    with psycopg.connect(
        host=str(Places.here().postgres_sockets),
        port=POSTGRES_PORT,
        user="postgres",
        dbname=name,
        autocommit=True,
        cursor_factory=psycopg.ClientCursor,
    ) as database:
        yield database


def _environment(places: Places) -> dict[str, str]:
    return {
        **os.environ,
        **new_secrets(),
        "DJANGO_SETTINGS_MODULE": "bench.settings",
        "DOCPORT_ENV": "production",
        "DATABASE_URL": places.database_url,
        "REDIS_URL": places.redis_url,
        "BASE_URL": "https://bench.example",
        "ALLOWED_HOSTS": "127.0.0.1",
        "DEFAULT_FROM_EMAIL": "bench@bench.example",
        "EMAIL_URL": "console:",
        "WEB_CONCURRENCY": "2",
        # Calls are counted as for everybody, and none is refused.
        "CALLS_PER_SECOND": "1000000",
        "CALLS_PER_HOUR": "1000000000",
    }


def new_site(environment: dict[str, str], var: Path, name: str) -> Site:
    """Make an empty database with every table, and the two insurers."""
    site = empty_site(environment, var, name)
    site.manage("migrate", "--verbosity=0")
    site.keys = site.inside("insurers")
    return site


def empty_site(environment: dict[str, str], var: Path, name: str, template: str = "") -> Site:
    """Make a database, empty or like another one that nobody uses just now."""
    url = urlunsplit(urlsplit(environment["DATABASE_URL"])._replace(path=f"/{name}"))
    like = f" TEMPLATE {template}" if template else ""
    with psycopg.connect(environment["DATABASE_URL"], autocommit=True) as database:
        database.execute(f"CREATE DATABASE {name}{like}".encode())
    return Site(environment | {"DATABASE_URL": url}, var)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
