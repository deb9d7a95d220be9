"""Join the private servers of this checkout; the last process out stops them."""

import atexit
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from docport.embedded.locks import FileLock
from docport.embedded.places import EmbeddedError, Places
from docport.embedded.servers import READY, answers, failure

ANSWERS_WITHIN_SECONDS = 20
CHECKOUT = Path(__file__).resolve().parents[2]


class Membership:
    """This process's use of one private server."""

    def __init__(self, name: str, places: Places) -> None:
        self._name = name
        self._places = places
        self._process_id = os.getpid()
        self._users = FileLock(places.lock(name, "users"))

    def join(self, socket: Path) -> None:
        """Start the server, or wait until the running one answers.

        Raises:
            EmbeddedError: there is no server to use.
        """
        starting = FileLock(self._places.lock(self._name, "start"))
        starting.take()
        try:
            # Whoever is stopping the server holds this lock, so here it runs or it has ended.
            self._users.share()
            if not keeper_lives(self._name, self._places):
                start_keeper(self._name, self._places)
            self._await(socket)
        finally:
            starting.close()

    def leave(self) -> None:
        """Give up the server, and stop it when nobody else uses it."""
        # A forked child shares the lock but did not join.
        if os.getpid() != self._process_id:
            return
        if self._users.try_take():
            stop_keeper(self._name, self._places)
        self._users.close()

    def _await(self, socket: Path) -> None:
        deadline = time.monotonic() + ANSWERS_WITHIN_SECONDS
        while not answers(socket):
            if time.monotonic() > deadline:
                raise failure(self._name, self._places.log(self._name))
            time.sleep(0.05)


# A keeper outlives the process that started it, which therefore never waits for it.
_keepers: list["subprocess.Popen[str]"] = []
_joined: dict[tuple[Places, str], Membership] = {}


def start_services() -> None:
    """Make the servers that settings will name available; does nothing in production.

    Raises:
        EmbeddedError: a private server is needed and cannot be had.
    """
    if os.environ.get("DOCPORT_ENV") == "production":
        return
    places = Places.here()
    # Settings may have written our own addresses into the environment, for children to inherit.
    if os.environ.get("DATABASE_URL", places.database_url) == places.database_url:
        _join("postgres", places, places.postgres_socket)
    if os.environ.get("REDIS_URL", places.redis_url) == places.redis_url:
        _join("redis", places, places.redis_socket)


def _join(name: str, places: Places, socket: Path) -> None:
    if (places, name) in _joined:
        return
    places.create()
    membership = Membership(name, places)
    membership.join(socket)
    _joined[places, name] = membership
    atexit.register(membership.leave)


def keeper_lives(name: str, places: Places) -> bool:
    """Whether a process holds the server up, which it proves by its lock."""
    probe = FileLock(places.lock(name, "keeper"))
    free = probe.is_free()
    probe.close()
    return not free


def start_keeper(name: str, places: Places) -> None:
    """Start the keeper and return when its server answers.

    Raises:
        EmbeddedError: it said what is wrong.
    """
    with places.log("keeper").open("ab") as log:
        keeper = subprocess.Popen(  # noqa: S603  The command is ours.
            [sys.executable, "-m", "docport.embedded.keeper", name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            cwd=CHECKOUT,
            env=os.environ | {"DOCPORT_VAR": str(places.var)},
            text=True,
        )
    _keepers.append(keeper)
    assert keeper.stdout is not None
    with keeper.stdout as pipe:
        said = pipe.read().strip()
    if said != READY:
        raise EmbeddedError(said or f"The keeper of {name} ended. See {places.log('keeper')}.")


def stop_keeper(name: str, places: Places) -> None:
    """Stop the server and wait until it is down."""
    if not keeper_lives(name, places):
        return
    lock = places.lock(name, "keeper")
    os.kill(int(lock.read_text()), signal.SIGTERM)
    gone = FileLock(lock)
    gone.take()
    gone.close()
