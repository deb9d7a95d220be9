import http.server
import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from django.core.cache import caches
from django.core.management.base import CommandError

from docport.management.commands.run import (
    Greeting,
    chosen_port,
    environment,
    is_healthy,
    programs,
    reserved,
    welcome,
)
from docport.supervisor import Child, Console, Program, Supervisor
from docport.tasks import HEARTBEAT_KEY, worker_heartbeat

CHECKOUT = Path(__file__).resolve().parents[2]
# A supervisor as `manage.py run` uses it, over the program given on the command line.
SUPERVISED = """
import os, sys
from pathlib import Path
from docport.supervisor import Console, Program, Supervisor
console = Console(Path(sys.argv[1]), ["child"])
supervisor = Supervisor(console, os.environ)
supervisor.handle_signals()
command = [sys.executable, "-c", sys.argv[2]]
sys.exit(supervisor.run([Program("child", command)], lambda: None))
"""
# Starts a grandchild that outlives everything but a kill, and says both numbers.
WITH_GRANDCHILD = """
import os, signal, subprocess, sys, time
stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
grandchild = subprocess.Popen([sys.executable, "-c", stubborn])
print(os.getpid(), grandchild.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return Console(tmp_path / "run.log", ["web", "worker"], io.StringIO())


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    process = supervise(tmp_path, WITH_GRANDCHILD)
    yield process
    process.kill()
    process.communicate()


def supervise(directory: Path, program: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", SUPERVISED, str(directory / "run.log"), program],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=CHECKOUT,
    )


def announced_pids(process: "subprocess.Popen[str]") -> list[int]:
    assert process.stdout is not None
    for line in process.stdout:
        numbers = line.removeprefix("child | ").split()
        if len(numbers) == 2 and all(number.isdecimal() for number in numbers):
            return [int(number) for number in numbers]
    raise AssertionError("the child never said its number")


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat")
        # Where nobody reaps orphans, the dead keep their number.
        return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def dies_in_time(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while lives(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not lives(pid)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopping_takes_grandchildren_along(
    supervised: "subprocess.Popen[str]", number: signal.Signals
) -> None:
    pids = announced_pids(supervised)

    supervised.send_signal(number)
    output, _ = supervised.communicate(timeout=15)

    assert supervised.returncode == 0
    assert "Stopping" in output
    assert not any(lives(pid) for pid in pids)


def test_dead_child_is_started_again(supervised: "subprocess.Popen[str]") -> None:
    child, grandchild = announced_pids(supervised)

    os.kill(child, signal.SIGKILL)
    successor, _ = announced_pids(supervised)

    assert successor != child
    assert not lives(grandchild)
    supervised.terminate()
    supervised.communicate(timeout=15)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children")
def test_child_does_not_outlive_a_killed_supervisor(supervised: "subprocess.Popen[str]") -> None:
    child, grandchild = announced_pids(supervised)

    supervised.kill()

    assert dies_in_time(child)
    os.kill(grandchild, signal.SIGKILL)


def test_five_deaths_within_a_minute_stop_everything(tmp_path: Path) -> None:
    process = supervise(tmp_path, "print('cannot go on'); raise SystemExit(3)")

    output, _ = process.communicate(timeout=20)

    assert process.returncode == 1
    assert output.count("child | cannot go on") == 5
    assert "child ended 5 times within a minute" in output
    assert output.rstrip().endswith("cannot go on")
    assert (tmp_path / "run.log").read_text().count("child | cannot go on") == 5


def test_deaths_far_apart_are_forgiven() -> None:
    child = Child(Program("web", ["true"]), os.environ)

    verdicts = [child.note_death(at) for at in (0, 30, 60, 90, 120, 121, 122, 123)]

    assert verdicts == [False, False, False, False, False, False, False, True]


def test_a_program_may_be_allowed_more_deaths() -> None:
    child = Child(Program("worker", ["true"], deaths_allowed=7), os.environ)

    verdicts = [child.note_death(at) for at in range(7)]

    assert verdicts == [False] * 6 + [True]


def test_failed_step_hands_back_its_last_lines(console: Console) -> None:
    supervisor = Supervisor(console, os.environ)
    complain = "for n in range(50): print('line', n, flush=True)\nraise SystemExit('no database')"

    succeeded = supervisor.finish(Program("web", [sys.executable, "-c", "print('fine')"]))
    failed = supervisor.finish(Program("web", [sys.executable, "-c", complain]))

    assert succeeded is None
    assert failed is not None
    assert len(failed.tail) == 40
    assert "no database" in failed.tail


def test_program_that_cannot_be_started_says_so(console: Console) -> None:
    failed = Supervisor(console, os.environ).finish(Program("web", ["/nonexistent/program"]))

    assert failed is not None
    assert list(failed.tail) == ["Cannot start /nonexistent/program: No such file or directory."]


def test_names_are_of_one_width_and_coloured_only_on_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    plain, terminal, uncoloured = io.StringIO(), Terminal(), Terminal()
    monkeypatch.delenv("NO_COLOR", raising=False)

    Console(tmp_path / "log", ["web", "worker"], plain).line("web", "up")
    Console(tmp_path / "log", ["web", "worker"], terminal).line("web", "\x1b[1mup\x1b[0m")
    monkeypatch.setenv("NO_COLOR", "1")
    Console(tmp_path / "log", ["web", "worker"], uncoloured).line("web", "up")

    assert plain.getvalue() == uncoloured.getvalue() == "web    | up\n"
    assert terminal.getvalue().startswith("\x1b[36mweb    | \x1b[0m")
    assert (tmp_path / "log").read_text() == "web    | up\n" * 3


def test_taken_port_is_named_with_a_way_out() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]

        with (
            pytest.raises(CommandError, match=f"Port {port} cannot be used.*make run PORT="),
            reserved([port]),
        ):
            pass


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def test_ports_are_held_while_preparing_and_free_afterwards() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]

    with reserved([port]):
        free_meanwhile = is_free(port)

    assert not free_meanwhile
    assert is_free(port)


@pytest.mark.parametrize("text", ["", "web", "0", "65533", "-1"])
def test_port_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="PORT must be a number from 1 to 65532"):
        chosen_port(text)


def test_every_program_and_sign_in_is_named() -> None:
    demo = {
        "admin": {"email": "admin@docport.example", "password": "made-up-1"},
        "doctors": [{"id": "1", "email": "asha@docport.example", "password": "made-up-2"}],
        "insurers": [{"name": f"Insurer {n}", "slug": f"insurer-{n}"} for n in (1, 2, 3)],
    }

    listed = programs(8000, demo, Path("var"))
    block = welcome(8000, demo)

    assert [program.name for program in listed] == [
        "web", "worker", "beat", "insurer 1", "insurer 2", "insurer 3",
    ]  # fmt: skip
    assert listed[3].command[-4:] == ["--slug", "insurer-1", "--port", "8001"]
    assert "http://127.0.0.1:8000/" in block
    assert "asha@docport.example  password made-up-2" in block
    assert "http://127.0.0.1:8003/  Insurer 3 (mock)" in block


def test_site_is_greeted_once_when_it_answers() -> None:
    class Healthy(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/healthz" else 404)
            self.end_headers()

    said: list[str] = []
    with http.server.HTTPServer(("127.0.0.1", 0), Healthy) as site:
        threading.Thread(target=site.serve_forever).start()
        greeting = Greeting(site.server_port, lambda: said.append("hello"))

        greeting.try_once()
        greeting.try_once()
        site.shutdown()

    assert said == ["hello"]


def test_site_that_does_not_answer_is_not_greeted() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))

        assert not is_healthy(closed.getsockname()[1])


def test_children_learn_where_the_site_is() -> None:
    given = environment(8123)

    assert (given["PORT"], given["BASE_URL"]) == ("8123", "http://127.0.0.1:8123")


def test_heartbeat_tells_when_a_worker_last_took_a_task() -> None:
    caches["shared"].delete(HEARTBEAT_KEY)

    worker_heartbeat()

    assert datetime.fromisoformat(caches["shared"].get(HEARTBEAT_KEY)).tzinfo is not None
