"""Rounds of the floor and of one operation in turn, so that both see the same machine."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bench.load import Run
from bench.processes import cpu_seconds


@dataclass(frozen=True)
class Cost:
    """Processor time of one request."""

    web_ms: float
    database_ms: float

    @property
    def all_ms(self) -> float:
        return self.web_ms + self.database_ms


@dataclass(frozen=True)
class Measured:
    """One operation beside its floor: medians of the rounds."""

    floor_rate: float
    rate: float
    share: float
    median_ms: float
    floor_cost: Cost
    cost: Cost

    @property
    def cpu_share(self) -> float:
        """Give the floor's processor time as a share of the operation's; others disturb it less."""
        return self.floor_cost.all_ms / self.cost.all_ms if self.cost.all_ms else 0


class Meter:
    """Runs wrk and asks what the site and its database computed meanwhile."""

    def __init__(self, *, web: int, database: int) -> None:
        self._web, self._database = web, database

    def compare(
        self, floor: Callable[[], Run], operation: Callable[[int], Run], *, rounds: int
    ) -> Measured:
        """Run floor and operation in turn.

        Args:
            operation: gets the number of the round, from 0.
        """
        pairs = [
            (self._run(floor), self._run(partial(operation, number))) for number in range(rounds)
        ]
        floors, operations = zip(*pairs, strict=True)
        return Measured(
            floor_rate=statistics.median(run.rate for run, _ in floors),
            rate=statistics.median(run.rate for run, _ in operations),
            share=statistics.median(ours.rate / base.rate for (base, _), (ours, _) in pairs),
            median_ms=statistics.median(run.median_ms for run, _ in operations),
            floor_cost=_median([cost for _, cost in floors]),
            cost=_median([cost for _, cost in operations]),
        )

    def _run(self, once: Callable[[], Run]) -> tuple[Run, Cost]:
        before = cpu_seconds(self._web), cpu_seconds(self._database)
        run = once()
        after = cpu_seconds(self._web), cpu_seconds(self._database)
        web, database = (
            (last - first) / run.answers * 1000 for first, last in zip(before, after, strict=True)
        )
        return run, Cost(web, database)


def _median(costs: list[Cost]) -> Cost:
    return Cost(
        statistics.median(cost.web_ms for cost in costs),
        statistics.median(cost.database_ms for cost in costs),
    )
