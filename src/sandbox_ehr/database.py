"""One SQLite file. One thread uses it, and each piece of work is one transaction."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

# Raised with every change of a table. A file of another version is begun anew: its data are made up.
SCHEMA_VERSION = 3
P = ParamSpec("P")
T = TypeVar("T")


class Database:
    """Opens the file on first use and creates it if needed. `schemas` are the SQL scripts that create the tables."""

    def __init__(self, path: Path, schemas: Sequence[str]) -> None:
        self._path = path
        self._schemas = schemas
        # One thread is enough for a sandbox, and it makes every transaction serial: no work ever sees a locked file.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sandbox-ehr-sqlite")
        self._connection: sqlite3.Connection | None = None
        self._kept: sqlite3.Connection | None = None

    async def run(self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `work(connection, …)` in one transaction. An exception rolls it back."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, partial(self._transact, work, *args, **kwargs))

    async def keep(self) -> None:
        """Copy all that is in the file, for `restore`."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._keep)

    async def restore(self) -> bool:
        """Put the file back to what `keep` copied. False if nothing was kept."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._restore)

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    def _transact(self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        connection = self._connection or self._open()
        with connection:
            return work(connection, *args, **kwargs)

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = connection = self._of_this_version()
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        # The data are made up: a power cut may cost the last second, but it never damages the file.
        connection.execute("PRAGMA synchronous = OFF")
        for schema in self._schemas:
            connection.executescript(schema)
        return connection

    def _of_this_version(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path)
        if connection.execute("PRAGMA user_version").fetchone()[0] != SCHEMA_VERSION:
            connection.close()
            for path in self._path.parent.glob(f"{self._path.name}*"):  # also its -wal and -shm
                path.unlink()
            connection = sqlite3.connect(self._path)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        return connection

    def _keep(self) -> None:
        self._kept = self._kept or sqlite3.connect(":memory:")
        (self._connection or self._open()).backup(self._kept)

    def _restore(self) -> bool:
        if self._kept is not None:
            self._kept.backup(self._connection or self._open())
        return self._kept is not None

    def _close(self) -> None:
        # SQLite connections belong to the thread that opened them, so this runs in that thread too.
        for connection in (self._connection, self._kept):
            if connection is not None:
                connection.close()
        self._connection = self._kept = None
