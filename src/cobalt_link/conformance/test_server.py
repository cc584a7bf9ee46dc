"""The EHR that cases run against: a program that the connector brings, started for the cases."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from cobalt_link.conformance.cases import CaseBroken, CaseStep, Program
from cobalt_link.conformance.recording import trust
from cobalt_link.net.errors import BrokenAnswer, HttpError
from cobalt_link.net.http import Http

START_SECONDS = 30.0
NO_SERVER = (502, 503, 504)


@asynccontextmanager
async def started(program: Program) -> AsyncIterator[str]:
    """Runs the program during the block, and gives its address. Raises CaseBroken if it does not print one."""
    with TemporaryDirectory(prefix="cobalt-check-") as folder:
        errors = Path(folder) / "errors"
        # Also finds the program of a connector that is checked where it lies, without being installed.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        words = ["-m", program.module, *(each.replace("{folder}", folder) for each in program.args)]
        with errors.open("wb") as stderr:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *words, env=environment, stdout=asyncio.subprocess.PIPE, stderr=stderr
            )
        try:
            yield await _address(process, program.module, errors)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.communicate()


async def _address(process: asyncio.subprocess.Process, module: str, errors: Path) -> str:
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
    except TimeoutError:
        line = b""
    address = line.decode("utf-8", "replace").strip()
    if not address.startswith(("http://", "https://")):
        said = (await asyncio.to_thread(errors.read_text, "utf-8", "replace")).strip().rpartition("\n")[2]
        raise CaseBroken(f"`python -m {module}` printed no address as its first line. {said}".strip())
    return address.rstrip("/")


async def why_down(address: str) -> str:
    """Why nothing answers at the address. "" if something does, with any status but that of a gateway without a server.

    Asked without the connector, so that a connector's mistake is never taken for an EHR that is down.
    """
    http = Http(allow_private=True, tls=trust())
    try:
        answer = await http.request("GET", address)
    except BrokenAnswer:
        return ""
    except HttpError as error:
        return str(error)
    finally:
        await http.close()
    return f"It answers with HTTP {answer.status}." if answer.status in NO_SERVER else ""


async def send(http: Http, address: str, step: CaseStep) -> None:
    """Sends the request of a `send` step. Raises CaseBroken unless the EHR answers with 2xx."""
    method, _, path = (step.send or "").partition(" ")
    try:
        answer = await http.request(method, f"{address}{path}", json=step.json)
    except HttpError as trouble:
        raise CaseBroken(f"{step.send}: {trouble}") from None
    if not 200 <= answer.status < 300:
        raise CaseBroken(f"{step.send}: the EHR answered {answer.status}")
