import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from integrations.actions import drain as drain_module
from integrations.actions.drain import WIDTH, Line, drain


def test_no_more_than_fits_is_asked_for_and_all_are_marked() -> None:
    waiting = list(range(WIDTH * 3))
    rooms: list[int] = []
    marked: list[int] = []
    under_way, most, lock = 0, 0, threading.Lock()
    may_end = threading.Event()

    def lease(room: int) -> list[int]:
        rooms.append(room)
        taken, waiting[:] = waiting[:room], waiting[room:]
        return taken

    def send(job: int) -> int:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        may_end.wait(0.5)
        with lock:
            under_way -= 1
        return job

    assert drain(Line(lease, send, marked.extend)) == WIDTH * 3

    assert sorted(marked) == list(range(WIDTH * 3))
    assert most == WIDTH
    assert min(rooms) > 0


def test_work_that_makes_nothing_to_send_is_done_to_its_end() -> None:
    batches = [500, 500, 0]
    nothing: Line[int, int] = Line(lambda _: [], int, lambda _: None)

    assert drain(nothing, look_first=lambda: batches.pop(0)) == 0

    assert batches == []


def test_a_line_that_hangs_holds_up_neither_the_other_nor_new_work() -> None:
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

    hanging = Line(lambda room: take(slow, room), lambda _: hangs.wait(10), lambda _: None)
    going = Line(lambda room: take(quick, room), int, note)

    assert drain(hanging, going) == WIDTH + 2

    assert marked[-1] == WIDTH


def test_when_the_time_is_up_it_only_finishes_what_is_under_way() -> None:
    seconds = iter([0.0, 1.0, 9.9, 10.0])
    leases: list[int] = []
    happened: list[object] = []
    may_end = threading.Event()

    def lease(room: int) -> list[int]:
        leases.append(room)
        return [len(leases)]

    def send(job: int) -> int:
        may_end.wait(5)
        return job

    def time_is_up() -> None:
        happened.append("time is up")
        may_end.set()

    line = Line(lease, send, happened.extend)

    assert drain(line, seconds=10, time_is_up=time_is_up, clock=lambda: next(seconds, 11.0)) == 2

    assert happened[0] == "time is up"
    assert sorted(happened[1:], key=str) == [1, 2]
    assert len(leases) == 2


def test_what_ends_in_time_is_not_handed_over() -> None:
    nothing: Line[int, int] = Line(lambda _: [], int, lambda _: None)

    assert drain(nothing, seconds=10, time_is_up=lambda: pytest.fail("handed over")) == 0


def test_it_hands_over_soon_where_slow_sends_take_all_its_room() -> None:
    waiting = list(range(WIDTH + 1))
    others_may_look = threading.Event()

    def lease(room: int) -> list[int]:
        taken, waiting[:] = waiting[:room], waiting[room:]
        return taken

    slow = Line(lease, lambda _: others_may_look.wait(10), lambda _: None)

    assert drain(slow, time_is_up=others_may_look.set) == WIDTH
    assert waiting == [WIDTH]


def _marked_first(slow_send: Callable[[threading.Event], object]) -> set[int]:
    """Have four sent, of which two are over at once and two wait; give what is marked first."""
    waiting, marked = [1, 2, 3, 4], list[list[int]]()
    is_marked = threading.Event()

    def lease(room: int) -> list[int]:
        taken, waiting[:] = waiting[:room], waiting[room:]
        return taken

    def send(job: int) -> int:
        if job == 2:
            slow_send(is_marked)
        elif job > 2:
            is_marked.wait(10)
        return job

    def mark(jobs: Sequence[int]) -> None:
        marked.append(list(jobs))
        is_marked.set()

    assert drain(Line(lease, send, mark)) == 4
    return set(marked[0])


def test_what_ends_within_a_moment_is_marked_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain_module, "_GATHER_SECONDS", 5)

    assert _marked_first(lambda _: time.sleep(0.05)) == {1, 2}


def test_what_has_ended_does_not_wait_for_what_is_slow() -> None:
    assert _marked_first(lambda is_marked: is_marked.wait(10)) == {1}
