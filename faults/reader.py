"""An insurer that reads its feed over HTTP, from the beginning and without a pause."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from faults.history import History, instant
from faults.running import OVER_TLS
from faults.sink import heard
from faults.world import Insurer

_WAIT_SECONDS = 2
_TIMEOUT_SECONDS = 10
_PAUSE_SECONDS = 0.2


@contextmanager
def reading(noted: History, url: str, insurer: Insurer) -> Iterator[None]:
    """Read while the block lasts; ask again when there is no answer."""
    over = threading.Event()
    reader = threading.Thread(target=_read_until, args=(over, noted, url, insurer))
    reader.start()
    try:
        yield
    finally:
        over.set()
        reader.join()


def _read_until(over: threading.Event, noted: History, url: str, insurer: Insurer) -> None:
    after = 0
    headers = OVER_TLS | {"Authorization": f"Bearer {insurer.key}"}
    with requests.Session() as session:
        while not over.is_set():
            given = {"after": after, "wait": _WAIT_SECONDS, "limit": 100}
            try:
                answer = session.get(
                    f"{url}/api/v1/events", params=given, headers=headers, timeout=_TIMEOUT_SECONDS
                )
                answer.raise_for_status()
                page = answer.json()
            except requests.RequestException as error:
                print(f"The feed was not read: {error}", flush=True)
                time.sleep(_PAUSE_SECONDS)
                continue
            at = instant()
            noted.note(*(heard(insurer.feed.listener, one, at=at) for one in page["items"]))
            after = page["next_after"]
