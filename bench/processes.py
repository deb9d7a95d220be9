"""What processes used, where the system tells (Linux)."""

import os
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

LOOK_EVERY_SECONDS = 0.5
_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_AMOUNT = re.compile(r"^(Rss|Pss):\s+(\d+) kB", re.MULTILINE)


def family(root: int) -> list[int]:
    """Give a process and all that descend from it."""
    children = defaultdict(list)
    for entry in _PROC.glob("[0-9]*/stat"):
        stat = _after_name(entry)
        if stat:
            children[int(stat[1])].append(int(entry.parent.name))
    found, waiting = list[int](), [root]
    while waiting:
        found.append(waiting.pop())
        waiting += children[found[-1]]
    return found


def cpu_seconds(root: int) -> float:
    """Give the time that a process and its descendants have computed so far."""
    stats = (_after_name(_PROC / str(pid) / "stat") for pid in family(root))
    return sum(int(ticks) for stat in stats for ticks in stat[11:13]) / _TICKS


def own_seconds() -> float:
    """Give the time that this process, its descendants and those that ended have computed."""
    ended = os.times()
    return cpu_seconds(os.getpid()) + ended.children_user + ended.children_system


def busy_seconds() -> float:
    """Give the time that all processors have computed so far, for whomever."""
    stat = _PROC / "stat"
    if not stat.exists():
        return 0.0
    user, nice, system, _idle, _wait, *interrupts = map(int, stat.read_text().split()[1:9])
    return (user + nice + system + sum(interrupts)) / _TICKS


class Memory:
    """The most that any of some processes had, in MB: resident, and its share of what is shared."""

    def __init__(self) -> None:
        self.rss = self.pss = 0.0

    @contextmanager
    def watching(self, processes: Callable[[], list[int]]) -> Iterator[None]:
        done = threading.Event()

        def look() -> None:
            while not done.wait(LOOK_EVERY_SECONDS):
                for pid in processes():
                    self._look_at(pid)

        watcher = threading.Thread(target=look, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()

    def _look_at(self, pid: int) -> None:
        try:
            text = (_PROC / str(pid) / "smaps_rollup").read_text()
        except OSError:
            return
        found = {name: int(kilobytes) / 1024 for name, kilobytes in _AMOUNT.findall(text)}
        self.rss = max(self.rss, found.get("Rss", 0))
        self.pss = max(self.pss, found.get("Pss", 0))


def _after_name(stat: Path) -> list[str]:
    """Give the fields of a process from its state on; none when it has ended."""
    try:
        return stat.read_text().rpartition(")")[2].split()
    except OSError:
        return []
