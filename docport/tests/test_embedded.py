import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

import manage
from docport import embedded
from docport.embedded.launch import launch_command
from docport.embedded.membership import keeper_lives
from docport.embedded.places import EmbeddedError, Places

CHECKOUT = Path(__file__).resolve().parents[2]
# Joins, says so, and stays until its standard input is closed.
USER = """
import sys
from docport import embedded
embedded.start_services()
print("joined", flush=True)
sys.stdin.read()
"""
User = subprocess.Popen[str]


@pytest.fixture
def var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in ("DATABASE_URL", "REDIS_URL", "DOCPORT_ENV", "PGOPTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCPORT_VAR", str(tmp_path / "var"))
    sockets = Places.here().runtime

    yield tmp_path / "var"

    shutil.rmtree(sockets, ignore_errors=True)


@pytest.fixture
def user(var: Path) -> Iterator[Callable[[], User]]:
    started: list[User] = []

    def start() -> User:
        process = subprocess.Popen(
            [sys.executable, "-c", USER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=CHECKOUT,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start

    for process in started:
        process.kill()
        process.communicate()
    assert stop_in_time()


def await_joined(process: User) -> None:
    assert process.stdout is not None
    assert process.stderr is not None
    line = process.stdout.readline()
    assert line == "joined\n", process.stderr.read()


def leave(process: User) -> None:
    process.communicate(timeout=20)
    assert process.returncode == 0


def query(sql: str) -> tuple[object, ...]:
    with psycopg.connect(Places.here().database_url, autocommit=True) as connection:
        row = connection.execute(sql).fetchone()
    assert row is not None
    return row


def server_pid() -> int:
    return int((Places.here().postgres_data / "postmaster.pid").read_text().split()[0])


def is_stopped() -> bool:
    return not any(keeper_lives(name, Places.here()) for name in ("postgres", "redis"))


def stop_in_time() -> bool:
    """Tell whether the servers, if there are any, stop by themselves before long."""
    if not (Places.here().var / "embedded").exists():
        return True
    deadline = time.monotonic() + 15
    while not is_stopped() and time.monotonic() < deadline:
        time.sleep(0.05)
    return is_stopped()


def test_role_owns_its_database_but_is_no_superuser(user: Callable[[], User]) -> None:
    await_joined(user())

    with psycopg.connect(Places.here().database_url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION btree_gist")
        connection.execute("CREATE DATABASE test_docport")
    facts = query(
        "SELECT current_setting('is_superuser'), current_setting('listen_addresses'),"
        " pg_encoding_to_char(encoding), datlocale FROM pg_database WHERE datname = 'docport'"
    )

    assert facts == ("off", "", "UTF8", "C.UTF-8")


def test_last_one_out_stops_the_servers(user: Callable[[], User]) -> None:
    first, last = user(), user()
    await_joined(first)
    await_joined(last)

    leave(first)
    answer_between = query("SELECT 1")
    leave(last)

    assert answer_between == (1,)
    assert is_stopped()
    assert not Places.here().postgres_socket.exists()


def test_processes_that_race_get_one_server(user: Callable[[], User]) -> None:
    racing = [user() for _ in range(4)]

    for process in racing:
        await_joined(process)

    log = Places.here().log("postgres").read_text()
    assert log.count("database system is ready to accept connections") == 1


def test_killed_user_does_not_keep_the_servers_running(user: Callable[[], User]) -> None:
    only = user()
    await_joined(only)

    only.kill()
    only.wait()

    assert stop_in_time()


def test_killed_user_does_not_stop_the_servers_of_others(user: Callable[[], User]) -> None:
    killed, other = user(), user()
    await_joined(killed)
    await_joined(other)

    killed.kill()
    killed.wait()
    time.sleep(0.6)

    assert query("SELECT 1") == (1,)


def test_ctrl_c_does_not_reach_the_servers(user: Callable[[], User]) -> None:
    interrupted, other = user(), user()
    await_joined(interrupted)
    await_joined(other)

    os.killpg(interrupted.pid, signal.SIGINT)
    interrupted.wait()

    assert query("SELECT 1") == (1,)


def test_killed_servers_are_started_again_while_in_use(user: Callable[[], User]) -> None:
    await_joined(user())
    killed = server_pid()

    os.kill(killed, signal.SIGKILL)
    joined_later = user()
    await_joined(joined_later)

    deadline = time.monotonic() + 15
    while server_pid() == killed and time.monotonic() < deadline:
        time.sleep(0.05)
    assert server_pid() != killed


def test_servers_start_after_their_keepers_were_killed(user: Callable[[], User]) -> None:
    before = user()
    await_joined(before)

    for name in ("postgres", "redis"):
        os.kill(int(Places.here().lock(name, "keeper").read_text()), signal.SIGKILL)
    await_joined(user())

    assert query("SELECT 1") == (1,)


def test_servers_start_over_the_remains_of_a_crash(user: Callable[[], User]) -> None:
    before = user()
    await_joined(before)
    postgres = server_pid()
    for name in ("postgres", "redis"):
        os.kill(int(Places.here().lock(name, "keeper").read_text()), signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(postgres, signal.SIGKILL)
    before.kill()
    before.wait()

    # The number on file belongs to somebody else by now.
    (Places.here().postgres_data / "postmaster.pid").write_text(f"{os.getpid()}\n")
    await_joined(user())

    assert query("SELECT 1") == (1,)


def test_forked_child_does_not_stop_the_servers(
    user: Callable[[], User], monkeypatch: pytest.MonkeyPatch
) -> None:
    forking = USER.replace("print(", "import os\nif os.fork() == 0: sys.exit()\nos.wait()\nprint(")
    monkeypatch.setitem(globals(), "USER", forking)
    await_joined(user())

    time.sleep(0.6)

    assert query("SELECT 1") == (1,)


def test_server_that_cannot_start_says_why_and_what_to_do(
    var: Path, user: Callable[[], User]
) -> None:
    (var / "postgres").mkdir(parents=True)
    (var / "postgres" / "PG_VERSION").write_text("9.6\n")

    failed = user()
    output, errors = failed.communicate()

    assert output == ""
    assert "was made by PostgreSQL 9.6" in errors
    assert "Remove the directory" in errors


def test_somebody_elses_socket_directory_is_refused(var: Path, tmp_path: Path) -> None:
    places = Places.here()
    places.runtime.symlink_to(tmp_path)

    with pytest.raises(EmbeddedError, match="not a directory of yours"):
        places.create()

    places.runtime.unlink()


def test_socket_paths_stay_short_however_deep_the_checkout(
    var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCPORT_VAR", str(var / ("deep/" * 40)))

    assert len(str(Places.here().postgres_socket)) < 100


def test_production_and_given_addresses_start_nothing(
    var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://db.example/docport")
    monkeypatch.setenv("REDIS_URL", "redis://redis.example")

    embedded.start_services()
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setenv("DOCPORT_ENV", "production")
    embedded.start_services()

    assert not var.exists()


def test_secrets_are_made_once_and_kept_private(var: Path) -> None:
    script = "from docport import embedded; print(embedded.development_environment())"
    racing = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=CHECKOUT)
        for _ in range(3)
    ]

    answers = {process.communicate()[0] for process in racing}

    assert len(answers) == 1
    values = embedded.development_environment()
    assert values["FIELD_KEYS"].startswith("1:")
    assert json.loads(values["RECEIPT_KEYS"])["keys"][0]["crv"] == "Ed25519"
    assert stat.S_IMODE((var / "development.json").stat().st_mode) == 0o600
    assert [path.name for path in var.iterdir()] == ["development.json"]


def test_status_and_stop(user: Callable[[], User]) -> None:
    await_joined(user())
    command = [sys.executable, "-m", "docport.embedded"]

    status = subprocess.run([*command, "status"], capture_output=True, text=True, check=True)
    stop = subprocess.run([*command, "stop"], capture_output=True, text=True, check=True)

    assert status.stdout == "postgres: running\nredis: running\n"
    assert stop.stdout == "postgres: stopped\nredis: stopped\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_program_started_by_root_is_not_root_but_reaches_closed_directories(
    tmp_path: Path,
) -> None:
    (tmp_path / "closed").mkdir(mode=0o700)
    (tmp_path / "closed" / "note").write_text("found")
    script = f"id -u; cat {tmp_path}/closed/note; echo no > {tmp_path}/closed/note"

    command = launch_command(["/bin/sh", "-c", script], user=(65534, 65534))
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.stdout == "65534\nfound"
    assert "Permission denied" in done.stderr
    assert (tmp_path / "closed" / "note").read_text() == "found"


@pytest.mark.parametrize("arguments", [[], ["help"], ["migrate", "--help"], ["makemessages"]])
def test_commands_that_only_inform_start_no_server(arguments: list[str]) -> None:
    assert not manage.needs_services(arguments)


def test_commands_that_use_the_database_start_the_servers() -> None:
    assert manage.needs_services(["migrate", "--noinput"])
