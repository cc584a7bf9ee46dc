"""The ASGI servers that must work, each serving an app over real TCP inside the test's event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from cobalt_link.web.limits import Limits
from cobalt_link.web.server import serving
from tests.support.world import free_port


@asynccontextmanager
async def on_ours(app: Any, limits: Limits | None = None) -> AsyncIterator[tuple[str, int]]:
    """The app on our server; gives host and port."""
    port = free_port()
    async with serving(app, "127.0.0.1", port, limits):
        yield "127.0.0.1", port


@asynccontextmanager
async def on_uvicorn(app: Any) -> AsyncIterator[tuple[str, int]]:
    """The app on uvicorn; gives host and port."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="critical", server_header=False, ws="none", http="h11")
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
