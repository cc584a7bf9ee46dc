"""A load of keep-alive connections that costs the client little: raw HTTP/1.1 over asyncio, one by one on each."""

import asyncio
import time
from collections.abc import Iterator
from functools import partial
from statistics import median

import msgspec


class Measured(msgspec.Struct):
    """Requests answered and per second, the median seconds of one, and how many were not answered 200."""

    answered: int
    per_second: float
    p50: float
    failed: int


async def load(port: int, requests: Iterator[bytes], *, connections: int, seconds: float) -> Measured:
    """Sends `requests` (whole HTTP messages) on so many connections until time is up or none is left."""
    times: list[float] = []
    failed = 0
    end = time.perf_counter() + seconds

    async def one() -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for request in requests:
                began = time.perf_counter()
                writer.write(request)
                if await answered(reader) != 200:
                    failed += 1
                times.append(time.perf_counter() - began)
                if time.perf_counter() > end:
                    return
        finally:
            writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    return Measured(len(times), len(times) / (time.perf_counter() - began), median(times), failed)


async def answered(reader: asyncio.StreamReader) -> int:
    """Reads a whole answer; its status."""
    head = await reader.readuntil(b"\r\n\r\n")
    lower = head.lower()
    if b"transfer-encoding: chunked" in lower:
        while (size := int(await reader.readline(), 16)) >= 0:
            await reader.readexactly(size + 2)
            if size == 0:
                break
    elif b"content-length: " in lower:
        await reader.readexactly(int(lower.split(b"content-length: ")[1].split(b"\r\n")[0]))
    return int(head.split(maxsplit=2)[1])


def message(method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """A whole request with JSON."""
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", "content-type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()] + [f"content-length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


post = partial(message, "POST")
