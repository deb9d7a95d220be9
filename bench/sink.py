"""An insurer that answers 204 to everything at once: `python -m bench.sink`, which prints its port.

A GET tells how many calls came, and when the first and the last of them did; then it counts anew.
"""

import asyncio
import json
import time

_ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
_LENGTH = b"content-length:"


class Count:
    """What came since somebody asked."""

    def __init__(self) -> None:
        self.calls, self.first, self.last = 0, 0.0, 0.0

    def add(self) -> None:
        self.last = time.monotonic()
        self.first = self.first or self.last
        self.calls += 1


class Sink(asyncio.Protocol):
    count = Count()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._read = transport, b""

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (head := self._read.find(b"\r\n\r\n")) >= 0:
            end = head + 4 + _length(self._read[:head])
            if len(self._read) < end:
                return
            is_call, self._read = self._read[:4] != b"GET ", self._read[end:]
            self._transport.write(self._took() if is_call else self._told())

    def _took(self) -> bytes:
        self.count.add()
        return _ANSWER

    def _told(self) -> bytes:
        body = json.dumps(vars(self.count)).encode()
        Sink.count = Count()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def _length(head: bytes) -> int:
    _, found, rest = head.lower().partition(_LENGTH)
    return int(rest.partition(b"\r\n")[0]) if found else 0


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
