"""Serves an ASGI app with Granian inside the running event loop, on a port that no other server can share."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from granian.constants import Interfaces
from granian.server.embed import Server
from starlette.types import ASGIApp

# Granian configures logging when it starts. Without this it closes the log handlers of our program.
KEEP_LOGGING = {"version": 1, "incremental": True, "handlers": {}, "loggers": {}}


@asynccontextmanager
async def serving(app: ASGIApp, host: str, port: int) -> AsyncIterator[None]:
    """Answers requests while the block runs. Open requests may finish afterwards. Raises OSError for a taken port."""
    with _reserved_port(host, port):
        server = Server(
            app,
            address=host,
            port=port,
            interface=Interfaces.ASGI,
            websockets=False,
            log_enabled=False,
            log_dictconfig=KEEP_LOGGING,
            backlog=1024,
        )
        task = asyncio.create_task(server.serve())
        try:
            await _until_reachable(task, host, port)
            yield
        finally:
            server.stop()
            await task


async def until_stopped() -> None:
    """Returns when the process gets SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


@contextmanager
def _reserved_port(host: str, port: int) -> Iterator[None]:
    """Makes sure that no other server uses the port.

    Granian binds with SO_REUSEPORT, so two servers on one port would each get a part of the requests.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Without SO_REUSEPORT this fails if anybody has the port.
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
    # With SO_REUSEPORT, so that Granian can bind to the port while we keep it.
    with socket.socket(family) as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind((host, port))
        yield


async def _until_reachable(task: asyncio.Task[None], host: str, port: int) -> None:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    while not task.done():
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(reachable, port)
            writer.close()
            return
        await asyncio.sleep(0.01)
    await task
