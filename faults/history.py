"""What happened under a fault, as JSON lines that are only ever added to.

Several processes write to one file; a line is a single write, so that a killed one leaves no half.
Every instant is of the machine's monotonic clock, which all its processes share.
"""

import json
import os
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

COMMITTED, ROLLED_BACK, UNKNOWN = "committed", "rolled back", "unknown"
FEED, WEBHOOK = "feed", "webhook"
Kind = TypeVar("Kind")


class Change(NamedTuple):
    """One state of one subject, as its event names it."""

    subject: str
    version: int
    type: str = "doctor.updated"

    def __str__(self) -> str:
        return f"{self.type} {self.subject} version {self.version}"


@dataclass(frozen=True)
class Listens:
    """A feed or an endpoint of an insurer, and the doctors of whom it should hear."""

    listener: str
    insurer: str
    doctors: tuple[str, ...]
    way: str = WEBHOOK


@dataclass(frozen=True)
class Wrote:
    """What became of a transaction, which began its commit at one instant and knew at `at`.

    `insurer` is the only one to be told, or empty. `has_data` is false for what must be told
    although the doctor has withdrawn.
    """

    change: Change
    doctor: str
    outcome: str
    committing_at: float
    at: float
    insurer: str = ""
    has_data: bool = True


@dataclass(frozen=True)
class Heard:
    """What a listener was given; `number` is the feed's, and `accepted` what it answered."""

    listener: str
    change: Change
    doctor: str
    message_id: str
    number: int
    at: float
    accepted: bool = True


@dataclass(frozen=True)
class Killed:
    """A process that was ended without a word, and how many events may come again for it."""

    what: str
    at: float
    sends: int = 1


@dataclass(frozen=True)
class Withdrew:
    """A doctor's consent to an insurer was gone by this instant."""

    insurer: str
    doctor: str
    at: float


Entry = Listens | Wrote | Heard | Killed | Withdrew
_KINDS: dict[str, type[Any]] = {
    kind.__name__.lower(): kind for kind in (Listens, Wrote, Heard, Killed, Withdrew)
}


class History:
    """One file of entries, in the order in which they were noted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def note(self, *entries: Entry) -> None:
        """Add entries, at once and whole."""
        os.write(self._file, "".join(map(_line, entries)).encode())

    def entries(self) -> list[Entry]:
        """Read everything that was noted so far."""
        with self.path.open(encoding="utf-8") as file:
            return [_entry(line) for line in file]


def of_kind(entries: Iterable[Entry], kind: type[Kind]) -> list[Kind]:
    """Keep the entries of one kind, in their order."""
    return [entry for entry in entries if isinstance(entry, kind)]


def instant() -> float:
    """Give the instant that it is, for an entry."""
    return time.monotonic()


def _line(entry: Entry) -> str:
    return json.dumps({"kind": type(entry).__name__.lower()} | asdict(entry)) + "\n"


def _entry(line: str) -> Entry:
    values = json.loads(line)
    kind = _KINDS[values.pop("kind")]
    if "change" in values:
        values["change"] = Change(*values["change"])
    if "doctors" in values:
        values["doctors"] = tuple(values["doctors"])
    entry: Entry = kind(**values)
    return entry
