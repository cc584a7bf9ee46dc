"""Real listening sockets for the tests of the guarded client: what they heard is what left the client."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Say = Callable[[bytes], Awaitable[bytes] | bytes]


@dataclass
class Wire:
    """connects: TCP connections accepted; open: those of them that are; heard: each request's bytes (head and body)."""

    port: int = 0
    connects: int = 0
    open: int = 0
    heard: list[bytes] = field(default_factory=list)
    handshakes_failed: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def plain(body: bytes = b"ok", status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def _one_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return head + (await reader.readexactly(int(length[0])) if length else b"")


@asynccontextmanager
async def listening(
    say: Say | bytes, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Wire]:
    """A server that answers every request with `say` (bytes, or a function of the request) and keeps the line open."""
    wire = Wire()
    lines: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire.connects += 1
        wire.open += 1
        lines.add(writer)
        try:
            while True:
                request = await _one_request(reader)
                wire.heard.append(request)
                answer = say if isinstance(say, bytes) else say(request)
                answer = answer if isinstance(answer, bytes) else await answer
                writer.write(answer)
                await writer.drain()
                if b"Content-Length" not in answer and b"chunked" not in answer:
                    break
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            wire.open -= 1
            lines.discard(writer)

    server = await asyncio.start_server(serve, host, 0, ssl=tls)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
        for writer in list(lines):
            writer.transport.abort()
        await server.wait_closed()
