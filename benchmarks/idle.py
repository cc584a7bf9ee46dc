"""Memory at idle: the server with its worker and its PostgreSQL, against a Python that has only imported them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from contextlib import suppress

import psutil

from benchmarks.cpu import postgres
from benchmarks.world import free_port, program, world

IMPORTED = "import sys; {}; print(flush=True); sys.stdin.read()"
MODULES = "import cobalt_link.app, uvicorn, psycopg, procrastinate"


async def run(seconds: float = 3.0) -> None:
    """After so many seconds without a request."""
    async with world() as here:
        port = free_port()
        serve = ("-m", "cobalt_link", "serve", "--port", str(port), "--public-url", f"http://127.0.0.1:{port}")
        async with program(*serve, env=here.env, port=port) as pid:
            await asyncio.sleep(seconds)
            ours = _resident(psutil.Process(pid))
            server = postgres(here.settings.postgres_path)
            database = [server, *server.children(recursive=True)]
            theirs, count = _proportional(database), len(database)
    nothing, imported = await _python("pass"), await _python(MODULES)
    print(f"server with its worker, MB: {ours:.0f}; baseline, a Python that imported the same: {imported:.0f}", end="")
    print(f", an empty one: {nothing:.0f}; ratio {ours / imported:.2f}")
    print(f"its PostgreSQL, MB in {count} processes, what they share counted once: {theirs:.0f}")


async def _python(code: str) -> float:
    """Megabytes of a Python after this code."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", IMPORTED.format(code), stdin=pipe, stdout=pipe)
    assert process.stdout
    await process.stdout.readline()
    used = _resident(psutil.Process(process.pid))
    await process.communicate(b"")
    return used


def _resident(process: psutil.Process) -> float:
    return process.memory_info().rss / 1e6


def _proportional(processes: Iterable[psutil.Process]) -> float:
    """Each page counts for a process by its share in it (PSS); one that ended meanwhile counts for nothing."""
    found = 0
    for each in processes:
        with suppress(psutil.NoSuchProcess):
            found += each.memory_full_info().pss
    return found / 1e6
