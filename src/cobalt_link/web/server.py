"""Serves an ASGI app with Granian inside the running event loop, on a port that is ours alone, until it is stopped."""

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

# Without it Granian closes the handlers of the program that it is embedded in.
KEEP_LOGGING = {"version": 1, "incremental": True, "handlers": {}, "loggers": {}}


@asynccontextmanager
async def serving(app: ASGIApp, host: str, port: int) -> AsyncIterator[None]:
    """Requests are answered while the block runs; open ones may finish afterwards. Raises OSError for a taken port."""
    with _held(host, port):
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
            await _answering(task, host, port)
            yield
        finally:
            server.stop()
            await task


async def stopped() -> None:
    """Returns when the process is asked to end (SIGINT, SIGTERM)."""
    asked = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    await asked.wait()


@contextmanager
def _held(host: str, port: int) -> Iterator[None]:
    """Keeps others off the port: Granian shares ports, so two servers on one would both seem to work."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
    with socket.socket(family) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((host, port))
        yield


async def _answering(task: asyncio.Task[None], host: str, port: int) -> None:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    while not task.done():
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(reachable, port)
            writer.close()
            return
        await asyncio.sleep(0.01)
    await task
