"""Processes that read with an account, as the web processes of one installation do."""

from __future__ import annotations

import asyncio
import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.accounts.reader import run
from tests.support.processes import forks


class Process:
    """One `tests.accounts.reader`."""

    def __init__(self, child: Any, line: Connection) -> None:
        self._child = child
        self._line = line
        self.pid: int = child.pid

    @classmethod
    async def started(cls, dsn: str, ring: Path, account: str) -> Process:
        line, theirs = forks.Pipe()
        child = forks.Process(target=run, args=(theirs, dsn, str(ring), account), daemon=True)
        child.start()
        theirs.close()
        process = cls(child, line)
        assert await process.heard() == "ready"
        return process

    async def does(self, command: str) -> Any:
        self.tell(command)
        return await self.heard()

    def tell(self, command: str) -> None:
        self._line.send(command)

    async def heard(self) -> Any:
        return await asyncio.to_thread(self._hear)

    def _hear(self) -> Any:
        assert self._line.poll(60), "the process said nothing for a minute"
        return self._line.recv()

    async def kill(self) -> None:
        self._child.kill()
        await asyncio.to_thread(self._child.join)

    async def end(self) -> None:
        if self._child.is_alive():
            os.kill(self.pid, signal.SIGCONT)
        self._line.close()
        await asyncio.to_thread(self._child.join, 30)
        await self.kill()
