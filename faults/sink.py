"""Where webhooks arrive: insurers' endpoints that note what they hear and answer as told."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from faults import history
from faults.history import Change, History
from integrations.tests.partner import Heard, Partner, Reply, running_partner

Behaviour = Callable[[Heard], Reply]
_SUCCESS = range(200, 300)


def accept(_: Heard) -> Reply:
    """Take whatever comes."""
    return Reply(204)


def refuse(_: Heard) -> Reply:
    """Be down."""
    return Reply(503)


def slowly(seconds: float) -> Behaviour:
    """Take whatever comes after some time."""

    def answer(_: Heard) -> Reply:
        time.sleep(seconds)
        return Reply(204)

    return answer


class Sink:
    """All endpoints; each accepts until told otherwise by its insurer's name."""

    def __init__(self, running: Partner, noted: History) -> None:
        self._partner, self._history = running, noted
        self._behaviours: defaultdict[str, Behaviour] = defaultdict(lambda: accept)
        self._noted: set[str] = set()
        running.answer = self._answer

    @property
    def url(self) -> str:
        return self._partner.url

    def note(self, insurer: str) -> None:
        """Keep what an insurer hears, for the judge."""
        self._noted.add(insurer)

    def behave(self, insurer: str, behaviour: Behaviour) -> None:
        """Let an insurer's endpoint answer in this way from now on."""
        self._behaviours[insurer] = behaviour

    def hang(self, _: Heard) -> Reply:
        """Say nothing until the caller has long given up."""
        self._partner.over.wait(20)
        return Reply(503)

    def _answer(self, request: Heard) -> Reply:
        insurer = request.path.strip("/")
        at, event = history.instant(), request.json
        reply = self._behaviours[insurer](request)
        # What is about nobody, such as a ping, is no change that could be lost.
        is_change = event.get("feed_seq") and "doctor_id" in event["data"]
        if is_change and insurer in self._noted:
            listener, is_accepted = f"endpoint of {insurer}", reply.status in _SUCCESS
            self._history.note(heard(listener, event, at=at, is_accepted=is_accepted))
        return reply


def heard(
    listener: str, event: dict[str, Any], *, at: float, is_accepted: bool = True
) -> history.Heard:
    """Give the entry for an event as it came."""
    return history.Heard(
        listener,
        Change(event["subject"], event["subject_version"], event["type"]),
        event["data"]["doctor_id"],
        event["id"],
        event["feed_seq"],
        at,
        is_accepted,
    )


@contextmanager
def running_sink(noted: History) -> Iterator[Sink]:
    """Listen until the block ends."""
    with running_partner() as running:
        yield Sink(running, noted)
