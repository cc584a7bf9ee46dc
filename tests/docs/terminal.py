"""A reader's terminal: runs the blocks of a page as they are typed, in bash, with `cobalt` in the PATH."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from tests.cli.cobalt import environment

# A reader sees what curl prints; a test wants to know that it was no refusal.
CURL = """#!/bin/sh
exec {curl} --silent --show-error --fail-with-body "$@"
"""


class Terminal:
    """`typed` maps what stands on the page to what this reader types instead: ports, keys, tokens."""

    def __init__(self, home: Path, typed: Mapping[str, str], **env: str) -> None:
        self.typed = dict(typed)
        self._exports: list[str] = []
        self._home = home
        self._stays = AsyncExitStack()
        programs = home / "programs"
        programs.mkdir()
        (programs / "curl").write_text(CURL.format(curl=shutil.which("curl") or "curl"))
        (programs / "curl").chmod(0o755)
        self._env = environment(home, **env)
        self._env["PATH"] = os.pathsep.join([str(programs), str(Path(sys.executable).parent), self._env["PATH"]])

    def as_typed(self, text: str) -> str:
        for shown, typed in self.typed.items():
            text = text.replace(shown, typed)
        return text

    def write(self, name: str, text: str) -> None:
        """A file of the reader's."""
        (self._home / name).write_text(text)

    async def run(self, text: str) -> str:
        """What the block prints. Exports hold for the blocks after it."""
        text = self.as_typed(text)
        process = await self._bash("\n".join([*self._exports, text]))
        out, err = await asyncio.wait_for(process.communicate(), 120)
        assert process.returncode == 0, f"{text}\n{out.decode()}{err.decode()}"
        self._exports += [line for line in text.splitlines() if line.startswith("export ")]
        return out.decode()

    async def start(self, text: str) -> None:
        """Runs until `close`; returns when it has said its address."""
        process = await self._bash("\n".join([*self._exports, self.as_typed(text)]))
        self._stays.push_async_callback(_ended, process)
        assert process.stdout is not None and process.stderr is not None
        while line := await asyncio.wait_for(process.stdout.readline(), 120):
            if b"http://" in line:
                return
        raise AssertionError(f"{text} ended: {(await process.stderr.read()).decode()}")

    async def close(self) -> None:
        await self._stays.aclose()

    async def _bash(self, text: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            "bash",
            "-euo",
            "pipefail",
            "-c",
            text,
            cwd=self._home,
            env=self._env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )


async def _ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGTERM)
    await process.communicate()
