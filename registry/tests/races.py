"""Let several do something at the same moment."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from django.db import connection

from registry.actions import Refused

_PATIENCE_SECONDS = 60


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Make all calls at once, each on a connection of its own; give answers and refusals."""
    together = Barrier(len(calls), timeout=_PATIENCE_SECONDS)

    def run(call: Callable[[], object]) -> object:
        together.wait()
        try:
            return call()
        except Refused as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def outcomes(answers: Iterable[object]) -> list[str]:
    """Name what came of each call: the refusal, or that it was done."""
    return [type(one).__name__ if isinstance(one, Refused) else "done" for one in answers]
