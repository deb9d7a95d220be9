"""Run several programs as one: one log, restarts, and nothing left behind at the end."""

import contextlib
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO, TextIO

from docport.embedded.launch import launch_command

DEATHS_ALLOWED = 5
DEATHS_WITHIN_SECONDS = 60.0
RESTART_AFTER_SECONDS = 0.5
STOPPED_WITHIN_SECONDS = 10.0
TICK_SECONDS = 0.2
TAIL_LINES = 40
LOG_LIMIT_BYTES = 5_000_000
COLOURS = ("36", "33", "35", "32", "34", "31")
_COLOUR_CODES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True)
class Program:
    """A program to run, under the name that its log lines bear.

    Should it die `deaths_allowed` times within a minute, everything is stopped.
    """

    name: str
    command: Sequence[str]
    deaths_allowed: int = DEATHS_ALLOWED


class Console:
    """One readable log: on the terminal with coloured names, and in a file without."""

    def __init__(self, path: Path, names: Iterable[str], out: TextIO = sys.stdout) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
            path.replace(path.with_name(f"{path.name}.1"))
        self._file = path.open("a", encoding="utf-8", errors="replace")
        self._out = out
        self._order = list(names)
        self._width = max(map(len, self._order), default=0)
        self._coloured = out.isatty() and not os.environ.get("NO_COLOR")

    def line(self, name: str, text: str) -> None:
        """Write one line of the program called `name`."""
        prefix = f"{name:<{self._width}} | "
        self._file.write(f"{prefix}{_COLOUR_CODES.sub('', text)}\n")
        self._file.flush()
        self.say(f"{self._paint(name, prefix)}{text}")

    def say(self, text: str, *, end: str = "\n") -> None:
        """Write to the terminal alone."""
        try:
            self._out.write(f"{text}{end}")
            self._out.flush()
        except OSError:
            # The terminal is gone. What it showed is in the file, and stopping goes on.
            self._coloured = False

    def _paint(self, name: str, prefix: str) -> str:
        if not self._coloured or name not in self._order:
            return prefix
        return f"\x1b[{COLOURS[self._order.index(name) % len(COLOURS)]}m{prefix}\x1b[0m"


@dataclass
class Child:
    """A program, the process that runs it now, and how often it died."""

    program: Program
    environment: Mapping[str, str]
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))
    deaths: deque[float] = field(init=False)
    process: "subprocess.Popen[bytes] | None" = None
    _unfinished: bytes = b""
    _at_end: bool = False

    def __post_init__(self) -> None:
        self.deaths = deque(maxlen=self.program.deaths_allowed)

    def start(self) -> IO[bytes]:
        """Start the program in a session of its own and give the pipe it writes to."""
        self._unfinished, self._at_end = b"", False
        self.process = subprocess.Popen(  # noqa: S603  The programs are ours.
            launch_command(list(self.program.command)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=dict(self.environment),
        )
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        return self.process.stdout

    def lines(self) -> list[str]:
        """Take the whole lines written since the last call; at the end, the rest as well."""
        ended = self._read()
        *whole, self._unfinished = self._unfinished.split(b"\n")
        if ended and self._unfinished:
            whole.append(self._unfinished)
            self._unfinished = b""
        texts = [line.decode(errors="replace").rstrip("\r") for line in whole]
        self.tail.extend(texts)
        return texts

    @property
    def pipe(self) -> IO[bytes] | None:
        """What the program writes to, as long as somebody may still write."""
        pipe = self.process.stdout if self.process else None
        return None if pipe is None or pipe.closed or self._at_end else pipe

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def note_death(self, at: float) -> bool:
        """Note a death; true when it was one too many in too short a time."""
        self.deaths.append(at)
        are_many = len(self.deaths) == self.deaths.maxlen
        return are_many and at - self.deaths[0] <= DEATHS_WITHIN_SECONDS

    def terminate(self) -> None:
        """Ask the program itself to stop; it is the one that knows how to stop its own."""
        if self.process and self.is_running:
            self.process.terminate()

    def end(self) -> None:
        """Kill whatever is left of the program and of all that it started."""
        if self.process is None:
            return
        # Nobody may be left, which macOS reports as a refusal.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        # The number may soon belong to another program, so it is not used again.
        self.process = None

    def _read(self) -> bool:
        while self.pipe is not None:
            try:
                chunk = os.read(self.pipe.fileno(), 65536)
            except BlockingIOError:
                return False
            self._unfinished += chunk
            self._at_end = not chunk
        return self._at_end


class Supervisor:
    """Keeps programs running until it is told to stop, or until one dies again and again."""

    def __init__(self, console: Console, environment: Mapping[str, str]) -> None:
        self._console = console
        self._environment = environment
        self._selector = selectors.DefaultSelector()
        self._children: list[Child] = []
        self._restarts: dict[str, float] = {}
        self._signals = 0

    def handle_signals(self) -> None:
        """Let Ctrl-C, SIGTERM and a closed terminal end the run in good order."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note_signal)

    @property
    def told_to_stop(self) -> bool:
        return self._signals > 0

    def finish(self, program: Program) -> Child | None:
        """Run a program to its end, keeping its output out of the log.

        Returns:
            None when it succeeded or the user stopped it; else the child, with its last lines.
        """
        child = self._begin(program)
        while child.is_running and not self.told_to_stop:
            self._drain(show=False)
        code = child.process.poll() if child.process else None
        self.stop(show=False)
        return None if code == 0 or self.told_to_stop else child

    def run(self, programs: Iterable[Program], each_tick: Callable[[], None]) -> int:
        """Keep `programs` running.

        Returns:
            The exit code: 0 when told to stop, 1 when a program would not stay up.
        """
        for program in programs:
            self._begin(program)
        while not self.told_to_stop:
            self._drain(show=True)
            each_tick()
            hopeless = self._revive(time.monotonic())
            if hopeless is not None:
                self.stop(show=True)
                self._report(hopeless)
                return 1
        self._console.say("\nStopping …")
        self.stop(show=True)
        return 0

    def stop(self, *, show: bool) -> None:
        """Stop everything that was started here, and nothing else."""
        signals_so_far = self._signals
        for child in self._children:
            child.terminate()
        deadline = time.monotonic() + STOPPED_WITHIN_SECONDS
        # Another Ctrl-C means: now.
        while time.monotonic() < deadline and self._signals == signals_so_far:
            if not any(child.is_running for child in self._children):
                break
            self._drain(show=show)
        for child in self._children:
            self._lay_to_rest(child, show=show)
        self._children.clear()

    def _note_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1

    def _begin(self, program: Program) -> Child:
        child = Child(program, self._environment)
        self._children.append(child)
        self._start(child)
        return child

    def _start(self, child: Child) -> None:
        self._selector.register(child.start(), selectors.EVENT_READ, child)

    def _drain(self, *, show: bool) -> None:
        for key, _ in self._selector.select(TICK_SECONDS):
            child: Child = key.data
            self._show(child, show=show)
            if child.pipe is None:
                self._selector.unregister(key.fileobj)

    def _show(self, child: Child, *, show: bool) -> None:
        for line in child.lines():
            if show:
                self._console.line(child.program.name, line)

    def _revive(self, at: float) -> Child | None:
        """Start again what died; give the child that died too often."""
        for child in self._children:
            name = child.program.name
            if child.is_running:
                continue
            if name not in self._restarts:
                self._lay_to_rest(child, show=True)
                if child.note_death(at):
                    return child
                self._console.line(name, "ended and is started again")
                self._restarts[name] = at + RESTART_AFTER_SECONDS
            elif at >= self._restarts[name]:
                del self._restarts[name]
                self._start(child)
        return None

    def _lay_to_rest(self, child: Child, *, show: bool) -> None:
        self._show(child, show=show)
        registered = child.process and child.process.stdout
        if registered and not registered.closed and registered in self._selector.get_map():
            self._selector.unregister(registered)
        child.end()

    def _report(self, child: Child) -> None:
        name = child.program.name
        self._console.say(
            f"\n{name} ended {child.program.deaths_allowed} times within a minute, "
            "so everything was stopped.\n"
            "Its last lines:\n"
        )
        for line in child.tail:
            self._console.say(f"    {line}")
