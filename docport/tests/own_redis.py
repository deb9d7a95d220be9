"""A Redis that a test may stop, start again and empty, since nobody else uses it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from redis import Redis

from docport.embedded.places import Places
from docport.embedded.redis_server import RedisServer

STOPS_WITHIN_SECONDS = 20


class OwnRedis:
    """One Redis on a socket of its own."""

    def __init__(self, places: Places) -> None:
        self.url = places.redis_url
        self._server = RedisServer(places)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = self._server.start()

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(STOPS_WITHIN_SECONDS)
            self._process = None

    def empty(self) -> None:
        with Redis.from_url(self.url) as client:
            client.flushall()


@contextmanager
def own_redis() -> Iterator[OwnRedis]:
    """Run one and stop it afterwards."""
    # The path of a socket must be short.
    with TemporaryDirectory(prefix="docport-") as directory:
        places = Places(var=Path(directory), runtime=Path(directory))
        places.create()
        redis = OwnRedis(places)
        redis.start()
        try:
            yield redis
        finally:
            redis.stop()
