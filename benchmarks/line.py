"""A network line in front of a port: bytes arrive later and no faster than it carries them, as in the real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

CHUNK = 1460


class Line(NamedTuple):
    """`trip`: seconds there and back; `speed`: bytes a second each way, 0 for as fast as it goes."""

    name: str
    trip: float
    speed: int


LOOPBACK = Line("loopback", 0.0, 0)
SLOW = Line("150 ms and 1.6 Mbit/s", 0.150, 200_000)


class _Way:
    """One direction, shared by all connections: what is sent queues until the line has carried it."""

    def __init__(self, at: Line) -> None:
        self.at = at
        self.free = 0.0

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arriving: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        async def deliver() -> None:
            while True:
                at, data = await arriving.get()
                await asyncio.sleep(max(0.0, at - loop.time()))
                writer.write(data)
                if not data:
                    return writer.close()

        delivering = asyncio.create_task(deliver())
        with suppress(ConnectionError):
            while data := await reader.read(CHUNK):
                self.free = max(self.free, loop.time()) + len(data) / self.at.speed
                arriving.put_nowait((self.free + self.at.trip / 2, data))
        arriving.put_nowait((loop.time() + self.at.trip / 2, b""))
        await delivering


@asynccontextmanager
async def line(at: Line, port: int) -> AsyncIterator[str]:
    """The address at which `port` is reached over this line."""
    if not at.speed:
        yield f"http://127.0.0.1:{port}"
        return
    up, down = _Way(at), _Way(at)

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(at.trip)  # the handshake
        with suppress(ConnectionError, asyncio.CancelledError):
            there, out = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(up.carry(reader, out), down.carry(there, writer))

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
