"""The real command in a process of its own, with nothing of this machine's settings."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple


class Said(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Running(NamedTuple):
    process: asyncio.subprocess.Process
    said: dict[str, Any]

    async def stopped(self, signal_number: int) -> int:
        """The exit code after a signal."""
        self.process.send_signal(signal_number)
        return await self.process.wait()


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "HOME": str(home), **more}


async def cobalt(*words: str | Path, data: Path, **env: str) -> Said:
    """Run `cobalt` to its end; a variable given as a keyword goes into its environment."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cobalt_link",
        *(str(word) for word in words),
        "--data",
        str(data),
        env=environment(data.parent, **env),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return Said(process.returncode, out.decode(), err.decode())


@asynccontextmanager
async def running(*words: str | Path, data: Path | None, home: Path, **env: str) -> AsyncIterator[Running]:
    """A command that runs until it is stopped, started with --json; gives what it said when it was ready."""
    more = () if data is None else ("--data", str(data))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cobalt_link",
        *(str(word) for word in words),
        "--json",
        *more,
        env=environment(home, **env),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        text = ""
        while not text.endswith("}\n") and (line := await process.stdout.readline()):
            text += line.decode()
        yield Running(process, json.loads(text))
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
