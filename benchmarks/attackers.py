"""Attacks on a server, as a program of its own: `python -m benchmarks.attackers KIND PORT` until it is ended.

They come from 127.0.0.2, which is no trusted proxy, and need no credentials.
"""

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable

SOURCE = "127.0.0.2"
PATH = b"POST /v1/link/token/create HTTP/1.1\r\nHost: x\r\n"
NESTED = b'{"a":' + b"[[],[]," * 9_000
FLAT = b'{"a":[' + b"1," * 31_000 + b"1]}"


class Attacker:
    """Opens connections to one port."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, local_addr=(SOURCE, 0), limit=2**14)

    async def silent(self, count: int = 2000) -> None:
        """Connections that send nothing, opened again when they are closed."""
        await self._hold(count, b"", b"")

    async def slow_heads(self, count: int = 500) -> None:
        await self._hold(count, PATH, b"X-A: b\r\n")

    async def slow_bodies(self, count: int = 500) -> None:
        await self._hold(count, PATH + b"Content-Length: 60000\r\n\r\n", b"x")

    async def nested(self) -> None:
        await self._flood(4, PATH + b"Content-Length: %d\r\n\r\n" % len(NESTED) + NESTED)

    async def long_lists(self) -> None:
        await self._flood(4, PATH + b"Content-Length: %d\r\n\r\n" % len(FLAT) + FLAT)

    async def tiny_chunks(self) -> None:
        await self._flood(4, PATH + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n[\r\n" * 60_000 + b"0\r\n\r\n")

    async def large_heads(self) -> None:
        await self._flood(4, PATH + b"Cookie: " + b"a=b; " * 200_000)

    async def broken(self) -> None:
        await self._flood(4, b"BROKEN\r\n\r\n")

    async def together(self) -> None:
        """Hundreds of requests without waiting for a response."""
        await self._flood(4, b"GET /v1/nowhere HTTP/1.1\r\nHost: x\r\n\r\n" * 500)

    async def endless(self) -> None:
        """Bodies without an end that nobody reads."""
        await self._flood(4, PATH + b"Content-Length: 999999999\r\n\r\n" + b"x" * 1_000_000)

    async def unread(self, count: int = 200) -> None:
        """Responses that nobody takes."""
        await asyncio.gather(*(self._unread() for _ in range(count)))

    async def _hold(self, count: int, first: bytes, drip: bytes) -> None:
        await asyncio.gather(*(self._held(first, drip) for _ in range(count)))

    async def _held(self, first: bytes, drip: bytes) -> None:
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await self.connect()
                writer.write(first)
                reading = asyncio.ensure_future(reader.read(1))
                while not (await asyncio.wait([reading], timeout=2.0))[0]:
                    writer.write(drip)
                writer.transport.abort()
            await asyncio.sleep(0.1)

    async def _flood(self, at_once: int, request: bytes) -> None:
        """Sends the request again and again, on a new connection each time, and reads what comes back."""

        async def one() -> None:
            while True:
                with contextlib.suppress(OSError):
                    reader, writer = await self.connect()
                    with contextlib.suppress(OSError):
                        writer.write(request)
                        async with asyncio.timeout(5):
                            await reader.readuntil(b"\r\n\r\n")
                    writer.transport.abort()
                await asyncio.sleep(0)

        await asyncio.gather(*(one() for _ in range(at_once)))

    async def _unread(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                _, writer = await self.connect()
                writer.transport.pause_reading()  # type: ignore[attr-defined]
                while not writer.is_closing():
                    writer.write(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
                    await writer.drain()
                    await asyncio.sleep(0.5)
            await asyncio.sleep(0.1)


ATTACKS: dict[str, Callable[[Attacker], Awaitable[None]]] = {
    "silent connections": Attacker.silent,
    "slow heads": Attacker.slow_heads,
    "slow bodies": Attacker.slow_bodies,
    "nested bodies": Attacker.nested,
    "long lists": Attacker.long_lists,
    "tiny chunks": Attacker.tiny_chunks,
    "large heads": Attacker.large_heads,
    "broken requests": Attacker.broken,
    "requests together": Attacker.together,
    "endless bodies": Attacker.endless,
    "unread responses": Attacker.unread,
}

if __name__ == "__main__":
    asyncio.run(ATTACKS[sys.argv[1]](Attacker(int(sys.argv[2]))))  # type: ignore[arg-type]
