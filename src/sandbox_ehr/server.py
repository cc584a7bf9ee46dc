"""Serves the EHR with Granian inside the running event loop, on a port that is known before the first request."""

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

# By default Granian configures logging again, which closes the log handlers of the program that it runs in.
# An incremental configuration without handlers or loggers changes nothing.
UNCHANGED_LOGGING = {"version": 1, "incremental": True, "handlers": {}, "loggers": {}}


@asynccontextmanager
async def running(host: str = "127.0.0.1", port: int = 0, data: Path | None = None) -> AsyncGenerator[str, None]:
    """Run the EHR while the block runs. Gives its address, such as http://127.0.0.1:8123.

    Port 0 picks a free one. Without `data` the EHR uses a temporary folder. Raises OSError if the port is taken.
    """
    with ExitStack() as stack:
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sandbox-ehr-")))
        reserved = stack.enter_context(_reserve_port(host, port))
        port = reserved.getsockname()[1]
        app = create_app(folder)
        server = Server(
            app,
            address=host,
            port=port,
            interface=Interfaces.ASGI,
            websockets=False,
            log_enabled=False,
            log_dictconfig=UNCHANGED_LOGGING,
        )
        serving = asyncio.create_task(server.serve())
        try:
            await _until_listening(serving, host, port)
            yield f"http://{f'[{host}]' if ':' in host else host}:{port}"
        finally:
            # Requests that hang on purpose wait for this event. Without it the server would wait for them.
            app.state.ehr.closing.set()
            server.stop()
            await serving


async def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    data: Path | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Run the EHR until cancelled. Calls `ready` with the address; without `ready`, prints the address on one line."""
    async with running(host, port, data) as address:
        (ready or _print_address)(address)
        await asyncio.Event().wait()


def _print_address(address: str) -> None:
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()  # The program that started us reads this line through a pipe, which Python buffers.


def _reserve_port(host: str, port: int) -> socket.socket:
    """Return a socket that keeps the port ours. It never listens; Granian binds a socket of its own beside it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Granian sets SO_REUSEPORT, so two servers on one port would both seem to work. A probe without that option
    # fails when the port is taken.
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
    reserved = socket.socket(family)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserved.bind((host, port))
    return reserved


async def _until_listening(serving: asyncio.Task[None], host: str, port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            if serving.done():
                await serving  # Raises what stopped the server, which says more than a refused connection.
                raise
            await asyncio.sleep(0.01)
        else:
            writer.close()
            return await writer.wait_closed()
