"""The real command in a process of its own, with nothing of this machine's settings. `cobalt` forks that process,
`running` starts Python anew."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from tests.support.commands import execute
from tests.support.processes import forks


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
    line = (*(str(word) for word in words), "--data", str(data))
    with TemporaryDirectory(prefix="cobalt-said-") as folder:
        process = forks.Process(target=execute, args=(line, environment(data.parent, **env), folder), daemon=True)
        process.start()
        try:
            await asyncio.to_thread(process.join)
        finally:
            if process.is_alive():  # the test was cut off
                process.kill()
        assert process.exitcode is not None
        out, err = (Path(folder, name).read_text() for name in ("out", "err"))
    return Said(process.exitcode, out, err)


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
