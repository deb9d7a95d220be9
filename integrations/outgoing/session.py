"""Send requests, many at once, on an event loop that has a thread of its own.

Threads that each wait for an answer would fight for the interpreter at every byte that comes: 64 of
them take four times the processor time of one loop.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from threading import Thread
from typing import TYPE_CHECKING, Any, Self, TypeVar

from integrations.outgoing.answers import Answer, accepted

if TYPE_CHECKING:
    from integrations.outgoing.transport import Transport

_HEADERS = {"User-Agent": "DocPort/1 (+webhooks; push)", "Accept-Encoding": "identity"}

Given = TypeVar("Given")


class Session:
    """Guarded connections, kept open for the next request, and the thread that drives them.

    Any thread may start what is sent. Coroutines touch no database.
    """

    transport: "Transport"

    def __init__(self, *, authorities: str | None) -> None:
        self._authorities = authorities
        self._running: set[asyncio.Task[object]] = set()

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="outgoing", daemon=True)
        self._thread.start()
        self.transport = self.run(self._connected())
        return self

    async def _connected(self) -> "Transport":
        from integrations.outgoing.transport import Transport  # noqa: PLC0415  Web processes hardly ever send, and are spared aiohttp's 8 MB.

        return Transport(authorities=self._authorities)

    def __exit__(self, *_: object) -> None:
        self.run(self._closed())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _closed(self) -> None:
        # Whoever leaves before the end does not hear of it any more.
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self.transport.close()

    def run(self, coroutine: Coroutine[Any, Any, Given]) -> Given:
        """Wait for what a coroutine gives or raises."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def start(self, coroutines: Iterable[Coroutine[Any, Any, object]]) -> None:
        """Have coroutines run, all at once, with nobody waiting for them."""
        self._loop.call_soon_threadsafe(self._start, list(coroutines))

    def _start(self, coroutines: Iterable[Coroutine[Any, Any, object]]) -> None:
        for coroutine in coroutines:
            task = self._loop.create_task(coroutine)
            # The loop alone would forget it.
            self._running.add(task)
            task.add_done_callback(self._running.discard)


def new_session(*, authorities: str | None = None) -> Session:
    """Make the session that requests go out with.

    Args:
        authorities: path of the certificates to trust; `None` trusts the public ones.
    """
    return Session(authorities=authorities)


async def send(
    session: Session, method: str, url: str, *, body: bytes, headers: Mapping[str, str]
) -> Answer:
    """Send exactly these bytes; follow no redirect, use no proxy, end within 15 seconds.

    Raises:
        PartnerUnavailable: nothing answered, or 429 or 5xx.
        PartnerRefused: any other answer but 2xx.
    """
    named = {**_HEADERS, **headers}
    return accepted(await session.transport.ask(method, url, body=body, headers=named))
