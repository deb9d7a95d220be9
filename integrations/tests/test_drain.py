import threading

from integrations.actions.drain import WIDTH, drain


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

    assert drain(lease=lease, send=send, mark=marked.append) == WIDTH * 3

    assert sorted(marked) == list(range(WIDTH * 3))
    assert most == WIDTH
    assert min(rooms) > 0
