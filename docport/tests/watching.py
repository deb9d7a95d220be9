"""What an insurer was shown while doctors withdrew from it, and the judge of that history.

Every instant is of the machine's monotonic clock.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

# What had left before the commit may still be on its way to an endpoint.
ON_ITS_WAY_SECONDS = 1.0


@dataclass(frozen=True)
class Read:
    """An answer about doctors: when it was asked for, how it went, and whose data it carries."""

    began: float
    path: str
    status: int
    of: frozenset[str]


@dataclass(frozen=True)
class Told:
    """An event that says that something of a doctor is new."""

    number: int
    doctor: str


@dataclass(frozen=True)
class Polled:
    """A page of the feed, and how far the feed had come."""

    began: float
    head: int
    told: frozenset[Told]


@dataclass(frozen=True)
class Arrived:
    """An event as a webhook brought it."""

    at: float
    told: Told


@dataclass
class History:
    """All of it; `withdrawn` has the instant at which each withdrawal was known to be committed."""

    withdrawn: dict[str, float] = field(default_factory=dict)
    reads: list[Read] = field(default_factory=list)
    polls: list[Polled] = field(default_factory=list)
    arrivals: list[Arrived] = field(default_factory=list)
    # Who was heard of as withdrawn.
    revoked: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        asked = f"{len(self.reads)} reads, {len(self.polls)} polls, {len(self.arrivals)} webhooks"
        return f"{len(self.withdrawn)} withdrawals, {asked}"

    def head_after(self, at: float) -> float:
        """Give a number of the feed that no event had before that instant has passed."""
        return min((poll.head for poll in self.polls if poll.began >= at), default=float("inf"))


def leaks(history: History) -> Iterator[str]:
    """Name whatever carried data of a doctor after the commit of the withdrawal."""
    for doctor, at in history.withdrawn.items():
        for read in history.reads:
            if read.began >= at and doctor in read.of:
                yield f"read: {read.path} shows {doctor}"
        head = history.head_after(at)
        for told in {told for poll in history.polls for told in poll.told}:
            if told.doctor == doctor and told.number > head:
                yield f"feed: number {told.number} tells of {doctor}"
        for arrived in history.arrivals:
            is_late = arrived.at > at + ON_ITS_WAY_SECONDS or arrived.told.number > head
            if arrived.told.doctor == doctor and is_late:
                yield f"webhook: number {arrived.told.number} tells of {doctor}"
