"""`cobalt sandbox`: the sandbox EHR, a program of its own with its own data."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import Annotated

from cyclopts import Parameter

from cobalt_link.cli.output import say
from cobalt_link.cli.installation import HERE, Where
from cobalt_link.cli.serve import port_free


async def sandbox(
    *,
    port: Annotated[int, Parameter(help="Port to listen on; 0 takes a free one.")] = 9100,
    host: Annotated[str, Parameter(help="Address to listen on.")] = "127.0.0.1",
    where: Where = HERE,
) -> None:
    """Run the sandbox EHR. Without --data its patients live in a temporary folder that is removed at the end."""
    import sandbox_ehr

    def ready(address: str) -> None:
        say(where.json, {"url": address}, f"The sandbox EHR is at {address}")

    serving = asyncio.ensure_future(sandbox_ehr.serve(host, port, where.data, ready))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
    with port_free(host, port), suppress(asyncio.CancelledError):
        await serving
