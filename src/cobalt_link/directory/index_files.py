"""The files of the index on this machine: one for each version of the directory, which all its processes share."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from cobalt_link.directory.engine.build import build, entries_of
from cobalt_link.directory.engine.index import DirectoryIndex
from cobalt_link.directory.engine.sections import IndexBroken

log = structlog.get_logger()

AT_ONCE = 500  # entries up to which an index is built in the process itself


class IndexFiles:
    """Files in `folder`, which only this user can read. It is created when it is needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, version: str) -> DirectoryIndex | None:
        """The index of a version, None if it is not built here."""
        try:
            return DirectoryIndex(self._path(version))
        except FileNotFoundError:
            return None
        except (IndexBroken, msgspec.DecodeError, ValueError) as error:
            log.warning("directory_index_broken", error=str(error))
            return None

    async def build(
        self, version: str, count: int, aliases: dict[str, list[str]], blocks: AsyncIterator[bytes]
    ) -> bool:
        """Builds the index of a version. False if another process of this machine is at it."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            if self.open(version):
                return True
            new = self._folder / "new"
            await (_build_here if count <= AT_ONCE else _build_apart)(new, aliases, blocks)
            os.replace(new, self._path(version))
            self._remove_others(version)
        return True

    def _path(self, version: str) -> Path:
        return self._folder / f"{version}.index"

    def _remove_others(self, version: str) -> None:
        """A process that still uses one keeps it until it lets go of it."""
        for path in self._folder.glob("*"):
            if path.suffix == ".index" and path != self._path(version):
                with suppress(OSError):
                    path.unlink()


async def _build_here(path: Path, aliases: dict[str, list[str]], blocks: AsyncIterator[bytes]) -> None:
    data = b"".join([block async for block in blocks])
    build(path, aliases, entries_of(data.splitlines()))


async def _build_apart(path: Path, aliases: dict[str, list[str]], blocks: AsyncIterator[bytes]) -> None:
    program = (sys.executable, "-m", "cobalt_link.directory.engine.build", str(path))
    process = await asyncio.create_subprocess_exec(*program, stdin=asyncio.subprocess.PIPE)
    assert process.stdin is not None
    try:
        process.stdin.write(msgspec.json.encode(aliases) + b"\n")
        async for block in blocks:
            process.stdin.write(block)
            await process.stdin.drain()
        process.stdin.close()
        ended = await process.wait()
    except ConnectionError:
        ended = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if ended:
        raise IndexBroken("The index of the directory could not be built. See the log for the reason.")
