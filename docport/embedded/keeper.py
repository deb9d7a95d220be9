"""The process that owns one private server: `python -m docport.embedded.keeper postgres`.

It starts the server, starts it again should it die, and stops it when no process of the
checkout uses it any more. Users hold a shared lock; the kernel drops it however a user ends,
and the keeper, who asks for the exclusive one, then knows that it is alone.
"""

import os
import signal
import sys
import time
from types import FrameType

from docport.embedded.locks import FileLock
from docport.embedded.places import EmbeddedError, Places
from docport.embedded.servers import READY, Server, failure, shorten_log, stop

POLL_SECONDS = 0.2


def server(name: str, places: Places) -> Server:
    """Give the server of this name; each brings its own client library, so one is imported."""
    if name == "postgres":
        from docport.embedded.postgres_server import PostgresServer  # noqa: PLC0415  Not both in one process.

        return PostgresServer(places)
    from docport.embedded.redis_server import RedisServer  # noqa: PLC0415  Not both in one process.

    return RedisServer(places)


class Keeper:
    """Holds one server up while it is used."""

    def __init__(self, name: str, places: Places) -> None:
        self._users = FileLock(places.lock(name, "users"))
        self._kept = server(name, places)
        self._told_to_stop = False

    def keep(self) -> None:
        """Start the server, say so on standard output, and return when it has been stopped."""
        process = self._kept.start()
        _announce(READY)
        try:
            while not self._told_to_stop and not self._users.try_take():
                if process.poll() is not None:
                    process = self._kept.start()
                time.sleep(POLL_SECONDS)
        finally:
            stop(process, self._kept.stop_signal)

    def tell_to_stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._told_to_stop = True


def _announce(text: str) -> None:
    # The starter reads until the end of the pipe, so the pipe is given up at once.
    print(text, flush=True)  # noqa: T201  The starter reads it.
    void = os.open(os.devnull, os.O_WRONLY)
    os.dup2(void, sys.stdout.fileno())


def main() -> int:
    name, places = sys.argv[1], Places.here()
    alive = FileLock(places.lock(name, "keeper"))
    alive.take()
    places.lock(name, "keeper").write_text(str(os.getpid()))
    try:
        shorten_log(places.log(name))
        keeper = Keeper(name, places)
        signal.signal(signal.SIGTERM, keeper.tell_to_stop)
        keeper.keep()
    except (EmbeddedError, OSError) as error:
        _announce(str(error) if isinstance(error, EmbeddedError) else str(failure(name, error)))
        return 1
    finally:
        # Before the users' lock goes: whoever waits for that must not find this keeper alive.
        alive.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
