"""Processes that hold a lease, and a look at the server they share."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

# Holds a lease, writes a row, tells what it sees, then does what it is told: "load" writes rows one by one and prints
# each number once it is acknowledged; a closed standard input gives the lease back.
PROGRAM = """
import faulthandler, signal; faulthandler.register(signal.SIGUSR1)
import asyncio, json, sys
from pathlib import Path
from cobalt_link.store.database import Database
from cobalt_link.store.embedded import acquire

async def load(db, n):
    while True:
        await db.run("INSERT INTO rows VALUES (%s, %s)", (sys.argv[2], n))
        print(n, flush=True)
        n += 4

async def main():
    async with await acquire(Path(sys.argv[1])) as lease:
        db = await Database.open(lease.dsn, size=4)
        async with db.transaction() as tx:
            await tx.execute("SELECT pg_advisory_xact_lock(1)")
            await tx.execute("CREATE TABLE IF NOT EXISTS rows (who text, n int, PRIMARY KEY (who, n))")
        await db.run("INSERT INTO rows VALUES (%s, -1) ON CONFLICT DO NOTHING", (sys.argv[2],))
        print(json.dumps({"dsn": lease.dsn}), flush=True)
        told = (await asyncio.to_thread(sys.stdin.readline)).strip()
        if told:
            first = int(told)
            await asyncio.gather(*(load(db, first + n) for n in range(4)))
        await db.close()

asyncio.run(main())
"""


class Holder:
    """One process with a lease."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.dsn = ""

    @classmethod
    async def start(cls, folder: Path, who: str = "one", python: str = sys.executable, **options: Any) -> "Holder":
        pipe = asyncio.subprocess.PIPE
        return cls(
            await asyncio.create_subprocess_exec(
                python, "-c", PROGRAM, str(folder), who, stdin=pipe, stdout=pipe, **options
            )
        )

    async def ready(self) -> "Holder":
        self.dsn = json.loads(await self.line())["dsn"]
        return self

    async def line(self) -> bytes:
        assert self.process.stdout is not None
        return await self.process.stdout.readline()

    def tell(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{text}\n".encode())

    async def leave(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert await self.process.wait() == 0

    async def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):  # it may have ended by itself, its server gone
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()


def postmaster(folder: Path) -> psutil.Process:
    return psutil.Process(int((folder / "data" / "postmaster.pid").read_text().splitlines()[0]))


def server_processes(folder: Path) -> list[psutil.Process]:
    """The supervisor, the postmaster and its children: whatever holds the lock that says "this folder is served"."""
    lock = (folder / "server.lock").stat()
    return [process for process in psutil.process_iter() if (lock.st_ino, lock.st_dev) in set(_open_files(process.pid))]


def _open_files(pid: int) -> Iterator[tuple[int, int]]:
    with contextlib.suppress(OSError):  # the process ended
        for handle in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):  # the file was closed
                status = os.stat(f"/proc/{pid}/fd/{handle}")
                yield status.st_ino, status.st_dev


def kill_server(folder: Path) -> None:
    """As a power cut would: supervisor, postmaster and children at once, without a word."""
    for process in sorted(server_processes(folder), key=lambda process: process.pid):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


async def gone(folder: Path) -> None:
    """Returns when nobody serves the folder any more."""
    async with asyncio.timeout(30):
        while server_processes(folder):
            await asyncio.sleep(0.01)
