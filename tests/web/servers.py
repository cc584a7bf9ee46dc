"""The two ASGI servers that must work, each serving an app over real TCP inside the test's event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from granian.constants import Interfaces
from granian.server.embed import Server


@asynccontextmanager
async def on_granian(app: Any) -> AsyncIterator[tuple[str, int]]:
    """The app on Granian; gives host and port."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        server = Server(app, "127.0.0.1", port, interface=Interfaces.ASGI, websockets=False, log_enabled=False)
        serving = asyncio.create_task(server.serve())
        try:
            await _until_open(port)
            yield "127.0.0.1", port
        finally:
            server.stop()
            await serving


@asynccontextmanager
async def on_uvicorn(app: Any) -> AsyncIterator[tuple[str, int]]:
    """The app on uvicorn; gives host and port."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="critical", server_header=False, ws="none")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve([listening]))  # serve() would take over the test's signals
    try:
        yield "127.0.0.1", listening.getsockname()[1]
    finally:
        await _until_open(listening.getsockname()[1])
        server.should_exit = True
        await serving


async def _until_open(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            await asyncio.sleep(0.01)
        else:
            writer.close()
            return await writer.wait_closed()
