"""Serves the EHR with uvicorn inside the running event loop, on a port that is known before the first request."""

import asyncio
import socket
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import uvicorn

from sandbox_ehr.app import create_app
from sandbox_ehr.twins import PLAIN


class Server(uvicorn.Server):
    """Leaves the signals to the program that it runs in."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def running(
    host: str = "127.0.0.1", port: int = 0, data: Path | None = None, like: str = PLAIN.name
) -> AsyncGenerator[str, None]:
    """Run the EHR while the block runs. Gives its address, such as http://127.0.0.1:8123.

    Port 0 picks a free one. Without `data` the EHR uses a temporary folder. `like` is the name of a vendor twin. Raises
    OSError if the port is taken.
    """
    with ExitStack() as stack:
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sandbox-ehr-")))
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        bound = stack.enter_context(socket.create_server((host, port), family=family, backlog=1024))
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio does not, for a socket without a protocol
        port = bound.getsockname()[1]
        app = create_app(folder, like)
        # By default uvicorn configures logging, which changes the log of the program that it runs in.
        options = {"log_config": None, "log_level": "critical", "access_log": False, "server_header": False}
        server = Server(uvicorn.Config(app, ws="none", lifespan="off", timeout_graceful_shutdown=10, **options))
        async with app.router.lifespan_context(app):
            serving = asyncio.create_task(server.serve([bound]))
            try:
                # The socket listens already, so nobody has to wait for the task.
                yield f"http://{f'[{host}]' if ':' in host else host}:{port}"
            finally:
                # Requests that hang on purpose wait for this event. Without it the server would wait for them.
                app.state.ehr.closing.set()
                app.state.ehr.holds.let_go(released=False)
                server.should_exit = True
                await serving


async def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    data: Path | None = None,
    ready: Callable[[str], None] | None = None,
    like: str = PLAIN.name,
) -> None:
    """Run the EHR until cancelled. Calls `ready` with the address; without `ready`, prints the address on one line."""
    async with running(host, port, data, like) as address:
        (ready or _print_address)(address)
        await asyncio.Event().wait()


def _print_address(address: str) -> None:
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()  # The program that started us reads this line through a pipe, which Python buffers.
