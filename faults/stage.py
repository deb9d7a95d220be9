"""Everything that a fault happens to: a running DocPort, its insurers, and their history."""

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from docport.tests.own_redis import OwnRedis
from faults import checker
from faults.checker import Verdict
from faults.history import WEBHOOK, Heard, History, Wrote, instant, of_kind
from faults.load import CHANGES_PER_SECOND, load
from faults.reader import reading
from faults.running import NeverHappened, Programs, eventually, running
from faults.sink import Sink
from faults.world import Insurer, add_doctors, add_insurer
from registry.models import Doctor

# Longer than what a killed worker had in hand is leased.
PATIENCE_SECONDS = 60
_LOOK_SECONDS = 1.0


class Stage:
    """One DocPort for one fault."""

    def __init__(
        self,
        folder: Path,
        noted: History,
        sink: Sink,
        redis: OwnRedis,
        seconds: float,
        stack: ExitStack,
    ) -> None:
        self.folder, self.history, self.sink, self.redis = folder, noted, sink, redis
        self.seconds, self.chance = seconds, random.Random(5)
        self.insurers: list[Insurer] = []
        self.doctors: list[Doctor] = []
        self._stack = stack
        self._programs: Programs | None = None

    @property
    def programs(self) -> Programs:
        assert self._programs is not None
        return self._programs

    def people(self, *, doctors: int = 40, insurers: int = 2) -> None:
        """Add doctors and insurers who may all see all of them."""
        self.doctors = add_doctors(doctors)
        for _ in range(insurers):
            self.insure(self.doctors)

    def insure(self, doctors: Sequence[Doctor], *, is_noted: bool = True) -> Insurer:
        """Add an insurer who may see these doctors; of one that is not noted nothing is judged."""
        insurer = add_insurer(doctors, self.sink.url)
        self.insurers.append(insurer)
        if is_noted:
            self.history.note(insurer.webhook)
            self.sink.note(insurer.name)
        return insurer

    def start(self, application: str = "docport.wsgi", *, feeds: int = 1) -> None:
        """Start DocPort; the first insurers also read their feeds."""
        self._programs = self._stack.enter_context(running(self.folder, application))
        for insurer in self.insurers[:feeds]:
            self.history.note(insurer.feed)
            self._stack.enter_context(reading(self.history, self.programs.url, insurer))

    @contextmanager
    def load(
        self, doctors: Sequence[Doctor] = (), rate: float = CHANGES_PER_SECOND
    ) -> Iterator[None]:
        """Have these doctors changed, or all of them, while the block lasts."""
        changed = [str(doctor.pk) for doctor in doctors or self.doctors]
        with load(self.history, changed, rate=rate):
            yield

    def settle(self) -> float:
        """Wait until everybody has heard of everything; give how long that took.

        When for some time nothing more is heard, the verdict will name what is lost.
        """
        began = heard_last = instant()
        length = 0
        while self.judge().lost and instant() - heard_last < PATIENCE_SECONDS:
            if (longer := self.history.path.stat().st_size) > length:
                length, heard_last = longer, instant()
            time.sleep(_LOOK_SECONDS)
        return instant() - began

    def flows_again(self, since: float, within: float) -> float:
        """Wait until webhooks arrive and the feed has what was committed since an instant.

        Give how many seconds after that instant it was.
        """
        with suppress(NeverHappened):
            eventually(lambda: self._flows(since), within=within, what="it flows", every=0.2)
        return instant() - since

    def _flows(self, since: float) -> bool:
        entries = self.history.entries()
        new = {w.change for w in of_kind(entries, Wrote) if w.committing_at > since}
        heard = [h for h in of_kind(entries, Heard) if h.at > since]
        has_sent = any(one.listener == self.insurers[0].webhook.listener for one in heard)
        feed = self.insurers[0].feed.listener
        return has_sent and any(one.listener == feed and one.change in new for one in heard)

    def judge(self) -> Verdict:
        return checker.judge(self.history.entries())

    def lags(
        self, way: str = WEBHOOK, doctors: Sequence[Doctor] = (), since: float = 0
    ) -> list[float]:
        """Give how long it took from each commit to the first attempt, shortest first."""
        chosen = [str(doctor.pk) for doctor in doctors]
        return checker.lags(self.history.entries(), way=way, doctors=chosen, since=since)
