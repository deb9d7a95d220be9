import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from integrations.actions import drain as drain_module
from integrations.actions.drain import WIDTH, Line, drain
from integrations.outgoing import Session


async def until(event: threading.Event, seconds: float = 10) -> None:
    """Let others be sent until something has happened, or so many seconds are over."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not event.is_set():
                await asyncio.sleep(0.002)


async def at_once(job: int) -> int:
    return job


def test_no_more_than_fits_is_asked_for_and_all_are_marked(session: Session) -> None:
    waiting = list(range(WIDTH * 3))
    rooms: list[int] = []
    marked: list[int] = []
    under_way, most = 0, 0

    def lease(room: int) -> list[int]:
        rooms.append(room)
        taken, waiting[:] = waiting[:room], waiting[room:]
        return taken

    async def send(job: int) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.1)
        under_way -= 1
        return job

    assert drain(session, Line(lease, send, marked.extend)) == WIDTH * 3

    assert sorted(marked) == list(range(WIDTH * 3))
    assert most == WIDTH
    assert min(rooms) > 0


def test_work_that_makes_nothing_to_send_is_done_to_its_end(session: Session) -> None:
    batches = [500, 500, 0]
    nothing: Line[int, int] = Line(lambda _: [], at_once, lambda _: None)

    assert drain(session, nothing, look_first=lambda: batches.pop(0)) == 0

    assert batches == []


def test_a_line_that_hangs_holds_up_neither_the_other_nor_new_work(session: Session) -> None:
    hangs = threading.Event()
    slow, quick = ["slow"], list(range(WIDTH))
    marked: list[int] = []

    def take(waiting: list[Any], room: int) -> list[Any]:
        taken, waiting[:] = waiting[:room], waiting[room:]
        return taken

    def note(jobs: Sequence[int]) -> None:
        before = len(marked)
        marked.extend(jobs)
        if before < WIDTH <= len(marked):
            quick.append(WIDTH)
        elif len(marked) > WIDTH:
            hangs.set()

    hanging = Line(lambda room: take(slow, room), lambda _: until(hangs), lambda _: None)
    going = Line(lambda room: take(quick, room), at_once, note)

    assert drain(session, hanging, going) == WIDTH + 2

    assert marked[-1] == WIDTH


def test_when_the_time_is_up_it_only_finishes_what_is_under_way(session: Session) -> None:
    seconds = iter([0.0, 1.0, 9.9, 10.0])
    leases: list[int] = []
    happened: list[object] = []
    may_end = threading.Event()

    def lease(room: int) -> list[int]:
        leases.append(room)
        return [len(leases)]

    async def send(job: int) -> int:
        await until(may_end)
        return job

    def time_is_up() -> None:
        happened.append("time is up")
        may_end.set()

    line = Line(lease, send, happened.extend)

    clock = partial(next, seconds, 11.0)
    assert drain(session, line, seconds=10, time_is_up=time_is_up, clock=clock) == 2

    assert happened[0] == "time is up"
    assert sorted(happened[1:], key=str) == [1, 2]
    assert len(leases) == 2


def test_what_ends_in_time_is_not_handed_over(session: Session) -> None:
    nothing: Line[int, int] = Line(lambda _: [], at_once, lambda _: None)

    assert drain(session, nothing, seconds=10, time_is_up=lambda: pytest.fail("handed over")) == 0


def test_it_hands_over_soon_where_slow_sends_take_all_its_room(session: Session) -> None:
    waiting = list(range(WIDTH + 1))
    others_may_look = threading.Event()

    def lease(room: int) -> list[int]:
        taken, waiting[:] = waiting[:room], waiting[room:]
        return taken

    slow = Line(lease, lambda _: until(others_may_look), lambda _: None)

    assert drain(session, slow, time_is_up=others_may_look.set) == WIDTH
    assert waiting == [WIDTH]


def _marked_first(
    session: Session, second: Callable[[threading.Event], Awaitable[None]]
) -> set[int]:
    """Have four sent, of which one is over at once and two wait; give what is marked first."""
    waiting, marked = [1, 2, 3, 4], list[list[int]]()
    is_marked = threading.Event()

    def lease(room: int) -> list[int]:
        taken, waiting[:] = waiting[:room], waiting[room:]
        return taken

    async def send(job: int) -> int:
        if job == 2:
            await second(is_marked)
        elif job > 2:
            await until(is_marked)
        return job

    def mark(jobs: Sequence[int]) -> None:
        marked.append(list(jobs))
        is_marked.set()

    assert drain(session, Line(lease, send, mark)) == 4
    return set(marked[0])


def test_what_ends_within_a_moment_is_marked_together(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain_module, "_GATHER_SECONDS", 5)

    assert _marked_first(session, lambda _: asyncio.sleep(0.05)) == {1, 2}


def test_what_has_ended_does_not_wait_for_what_is_slow(session: Session) -> None:
    assert _marked_first(session, until) == {1}
