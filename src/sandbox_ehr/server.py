"""Serves the EHR with Granian inside the running event loop, on a port that is known before anybody calls."""

import asyncio
import socket
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from granian.constants import Interfaces
from granian.server.embed import Server

from sandbox_ehr.app import create_app

# Granian else configures logging anew, which closes the handlers of the program that we run in.
LOGGING_LEFT_ALONE = {"version": 1, "incremental": True, "handlers": {}, "loggers": {}}


@asynccontextmanager
async def running(host: str = "127.0.0.1", port: int = 0, data: Path | None = None) -> AsyncGenerator[str, None]:
    """The EHR while the block runs; gives its address, such as http://127.0.0.1:8123. No `data` = a temporary folder.

    Raises OSError when the port is taken.
    """
    with ExitStack() as stack:
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sandbox-ehr-")))
        held = stack.enter_context(_hold(host, port))
        port = held.getsockname()[1]
        app = create_app(folder)
        server = Server(
            app,
            address=host,
            port=port,
            interface=Interfaces.ASGI,
            websockets=False,
            log_enabled=False,
            log_dictconfig=LOGGING_LEFT_ALONE,
        )
        serving = asyncio.create_task(server.serve())
        try:
            await _until_open(serving, host, port)
            yield f"http://{f'[{host}]' if ':' in host else host}:{port}"
        finally:
            app.state.ehr.closing.set()
            server.stop()
            await serving


async def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    data: Path | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Run until cancelled; `ready` gets the address, which else is printed as one line."""
    async with running(host, port, data) as address:
        (ready or _say)(address)
        await asyncio.Event().wait()


def _say(address: str) -> None:
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()


def _hold(host: str, port: int) -> socket.socket:
    """A socket that keeps the port ours; Granian makes its own beside it, and this one never listens."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:  # Granian shares ports: two servers on one port would both seem to work
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
    held = socket.socket(family)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind((host, port))
    return held


async def _until_open(serving: asyncio.Task[None], host: str, port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            if serving.done():
                await serving
                raise
            await asyncio.sleep(0.01)
        else:
            writer.close()
            return await writer.wait_closed()
