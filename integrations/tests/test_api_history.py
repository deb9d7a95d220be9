"""Thousands of operations of many insurers while doctors change their hours, over HTTP.

`HISTORY_SEED` chooses what everybody wants; who is faster is for the machine to say.
`HISTORY_OPERATIONS` makes it longer.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from random import SystemRandom
from typing import Any

import pytest
from django.utils.timezone import now

from integrations.tests.history import checks
from integrations.tests.history.doctor import DoctorsSide
from integrations.tests.history.insurer import Client
from integrations.tests.history.world import make_world
from integrations.tests.web import errors_in_the_log, running_web

pytestmark = pytest.mark.django_db(transaction=True)

CLIENTS = 20
OPERATIONS = int(os.environ.get("HISTORY_OPERATIONS", "5000"))
SETTLES_WITHIN_SECONDS = 3
MOST_PROBLEMS = 20


@pytest.fixture(scope="module")
def web(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    with django_db_blocker.unblock(), running_web() as base_url:
        yield base_url


def test_after_many_operations_at_once_all_is_as_everybody_was_told(web: str) -> None:
    seed = os.environ.get("HISTORY_SEED") or str(SystemRandom().randrange(10**6))
    sys.stdout.write(f"HISTORY_SEED={seed}\n")
    world = make_world(at=now())
    insurers = [world.insurers[number % len(world.insurers)] for number in range(CLIENTS)]
    clients = [Client(number, world, web, one) for number, one in enumerate(insurers)]
    sides = [DoctorsSide(practice) for practice in world.practices]

    _live(clients, sides, seed)
    sys.stdout.writelines(errors_in_the_log())

    at = now()
    problems = chain(
        checks.nothing_went_wrong([*clients, *sides]),
        checks.nothing_is_taken_twice(at=at),
        checks.limits_held(world, sides, at=at),
        checks.every_answer_was_true(clients, sides, at=at),
        checks.every_change_is_on_record(),
        checks.open_days_are_true(world),
    )
    assert list(problems)[:MOST_PROBLEMS] == []


def _live(clients: list[Client], sides: list[DoctorsSide], seed: str) -> None:
    began, each = time.monotonic(), OPERATIONS // len(clients)
    with ThreadPoolExecutor(len(clients) + len(sides)) as pool:
        for number, side in enumerate(sides):
            pool.submit(side.work, f"{seed} doctor {number}")
        booking = [pool.submit(one.work, each, f"{seed} {one.number}") for one in clients]
        try:
            for one in booking:
                one.result()
        finally:
            for side in sides:
                side.stop()
    time.sleep(SETTLES_WITHIN_SECONDS)
    for client in clients:
        client.settle()
    _tell(time.monotonic() - began, clients, sides)


def _tell(took: float, clients: list[Client], sides: list[DoctorsSide]) -> None:
    for who, parties in (("insurers", clients), ("doctors", sides)):
        answers = sum((party.answers for party in parties), Counter[str]())
        sys.stdout.write(f"{who}, {took:.0f} s: {dict(answers.most_common())}\n")
