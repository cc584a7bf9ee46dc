"""`cobalt sandbox`: the sandbox EHR, a separate program with its own data."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from cobalt_link.cli.installation import CommonOptions
from cobalt_link.cli.output import print_result
from cobalt_link.cli.serve import port_errors_explained


@Parameter(name="*")
@dataclass(frozen=True)
class SandboxOptions(CommonOptions):
    """The sandbox EHR is another program: its data is never in the data folder of an installation."""

    data: Annotated[Path | None, Parameter(help="Data folder. The default is a temporary one, removed at the end.")] = (
        None
    )


# The twins of the sandbox EHR, and itself. Named here, so that the help shows them without starting it.
Vendor = Literal["plain", "epic", "oracle", "athenahealth", "eclinicalworks", "meditech", "nextgen"]
SANDBOX_DEFAULTS = SandboxOptions()


async def sandbox(
    *,
    port: Annotated[int, Parameter(help="Port to listen on. 0 means a free one.")] = 9100,
    host: Annotated[str, Parameter(help="Address to listen on.")] = "127.0.0.1",
    like: Annotated[Vendor, Parameter(help="Vendor whose SMART and FHIR server it acts like.")] = "plain",
    options: SandboxOptions = SANDBOX_DEFAULTS,
) -> None:
    """Run the sandbox EHR, with made-up patients and logins for every case."""
    import sandbox_ehr

    def ready(address: str) -> None:
        print_result(options.json, {"url": address}, f"The sandbox EHR is at {address}")

    serving = asyncio.ensure_future(sandbox_ehr.serve(host, port, options.data, ready, like))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
    with port_errors_explained(host, port), suppress(asyncio.CancelledError):
        await serving
