"""Raw connections to a server under attack: what they send, what they got, and whether they were closed."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from cobalt_link.web.connections import HttpConnections
from cobalt_link.web.limits import Limits
from cobalt_link.web.metrics import Metrics
from cobalt_link.web.server import serving
from tests.support.world import free_port

# Times short enough for a test, and each different, so that none can stand for another.
QUICK = Limits(first_byte=0.4, head=0.8, body=1.2, body_rate=1000, keep_alive=0.6, unread=0.5, linger=0.3, grace=1.0)


class Attacked:
    """An app on our server. `held` requests wait until `let_go` is set. `bodies` are those that the app has read."""

    def __init__(self) -> None:
        self.let_go = asyncio.Event()
        self.held = 0
        self.bodies: list[bytes] = []
        self.headers: list[list[tuple[bytes, bytes]]] = []
        self.left: list[str] = []
        self.metrics = Metrics()
        self.port = free_port()
        self.connections: HttpConnections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for each in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{each}.complete"})
            return
        self.headers.append(scope["headers"])
        answer = await self._answer(scope["path"], receive)
        if answer is None:
            return
        size = (b"content-length", str(len(answer)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [size]})
        await send({"type": "http.response.body", "body": answer})
        self.left.append(scope["path"])

    async def _answer(self, path: str, receive: Receive) -> bytes | None:
        if path == "/hold":
            self.held += 1
            await self.let_go.wait()
        if path == "/large":
            return b"x" * 20_000_000
        if path == "/body":
            body, more = b"", True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    self.left.append("gone")
                    return None
                body, more = body + message["body"], message.get("more_body", False)
            self.bodies.append(body)
        return path.encode()

    async def until_held(self, count: int) -> None:
        while self.held < count:
            await asyncio.sleep(0.01)

    async def until_alone(self) -> None:
        while self.connections.state.connections:
            await asyncio.sleep(0.01)

    def refused(self, code: str) -> float:
        return self.metrics.registry.get_sample_value("cobalt_http_refused_total", {"code": code}) or 0.0


class Peer:
    """One connection. `local` is the address that it comes from; all of 127.0.0.0/8 is this machine."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, *lines: str, body: bytes = b"") -> None:
        self.raw("\r\n".join([*lines, "Host: x", "", ""]).encode() + body)

    def raw(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the next response."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        return int(head[0].split()[1]), headers, await self.reader.readexactly(int(headers["content-length"]))

    async def rest(self) -> bytes:
        """What came until the server closed the connection."""
        try:
            return await self.reader.read()
        except ConnectionError:
            return b""

    async def is_open(self) -> bool:
        try:
            async with asyncio.timeout(0.05):
                return bool(await self.reader.read(1))
        except TimeoutError:
            return True
        except ConnectionError:
            return False


@asynccontextmanager
async def attacked(limits: Limits = QUICK) -> AsyncIterator[Attacked]:
    app = Attacked()
    asgi: ASGIApp = app
    async with serving(asgi, "127.0.0.1", app.port, limits, app.metrics) as app.connections:
        yield app


@asynccontextmanager
async def peers(app: Attacked, count: int = 1, local: str = "127.0.0.1", **more: Any) -> AsyncIterator[list[Peer]]:
    """So many connections, one after the other."""
    opened = []
    try:
        for _ in range(count):
            opened.append(Peer(*await asyncio.open_connection("127.0.0.1", app.port, local_addr=(local, 0), **more)))
        yield opened
    finally:
        for each in opened:
            each.writer.transport.abort()


def problem(body: bytes) -> dict[str, Any]:
    said = json.loads(body)
    assert said["success"] is False and said["message"]
    return said


async def works(app: Attacked, local: str = "127.0.0.9") -> bool:
    """Whether somebody else gets an answer."""
    async with peers(app, 1, local) as (peer,):
        peer.send("GET /fine HTTP/1.1", "Connection: close")
        return b"/fine" in await peer.rest()
