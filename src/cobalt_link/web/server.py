"""Serves an ASGI app with uvicorn's HTTP/1.1 inside the running event loop, on a port that no other server shares."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from starlette.types import ASGIApp
from uvicorn.lifespan.on import LifespanOn

from cobalt_link.web.connections import HttpConnections
from cobalt_link.web.limits import Limits
from cobalt_link.web.metrics import Metrics

__all__ = ["Limits", "run", "serving", "until_stopped"]

BACKLOG = 2048  # connections that wait in the kernel
ACCEPTED_AT_ONCE = 64  # so that a flood of them holds up the others for milliseconds only
HARD_END: Final = 55  # seconds after the first signal; service managers usually kill after 60 or 90


@asynccontextmanager
async def serving(
    app: ASGIApp, host: str, port: int, limits: Limits | None = None, metrics: Metrics | None = None
) -> AsyncIterator[HttpConnections]:
    """Answers requests while the block runs. Open requests may finish afterwards. Raises OSError for a taken port."""
    with _bound(host, port) as bound:
        connections = HttpConnections(app, (limits or Limits()).within_file_limit(), metrics)
        async with _alive(connections):
            listener = await connections.loop.create_server(connections.new, sock=bound, backlog=ACCEPTED_AT_ONCE)
            # The number that asyncio accepts at once and the length of the kernel's queue are one parameter there.
            bound.listen(BACKLOG)
            try:
                yield connections
            finally:
                listener.close()
                await connections.stop()


def run(main: Coroutine[Any, Any, None]) -> None:
    """As `asyncio.run`, on uvloop where there is one: it takes a fifth of the CPU time off a request.

    SIGINT or SIGTERM ends `main` in order at any moment, also before it has come to `until_stopped`.
    """
    try:
        from uvloop import new_event_loop
    except ImportError:
        from asyncio import new_event_loop

    async def cancelled_by_a_signal() -> None:
        task = asyncio.ensure_future(main)
        _at_first_signal(task.cancel)
        with suppress(asyncio.CancelledError):
            await task

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(cancelled_by_a_signal())


async def until_stopped() -> None:
    """Returns when the process gets SIGINT or SIGTERM. It then has 55 seconds to end, or until the next such signal."""
    stop = asyncio.Event()
    _at_first_signal(stop.set)
    await stop.wait()


def _at_first_signal(act: Callable[[], object]) -> None:
    def first() -> None:
        act()
        # Not a timer of the event loop, which may be what hangs. Nobody handles this signal, so it ends the process.
        # That is safe at any moment: what a killed process leaves, others clean up.
        signal.alarm(HARD_END)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, os._exit, 128 + number)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, first)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # `::` takes IPv4 too, as it does by default on Linux. Without SO_REUSEPORT, a second server on this port fails.
    bound = socket.create_server((host, port), family=family, dualstack_ipv6=host == "::", backlog=BACKLOG)
    # Connections inherit it on Linux. asyncio sets it only for sockets that name their protocol, which this one does
    # not. Without it, an answer in two packets waits 40 ms for the client's acknowledgment.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return bound


@asynccontextmanager
async def _alive(connections: HttpConnections) -> AsyncIterator[None]:
    """Between the startup and the shutdown of the app's lifespan."""
    lifespan = LifespanOn(connections.config)
    try:
        await lifespan.startup()
        if lifespan.should_exit:
            raise RuntimeError("The app did not start.")
        connections.app_state = lifespan.state
        yield
    finally:
        await lifespan.shutdown()
