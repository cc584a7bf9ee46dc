"""Signals between processes: one LISTEN connection per process, which wakes watchers by topic.

A signal carries no data. A watcher that is woken reads the tables again. Without LISTEN (a transaction pooler, a cut
connection), watchers time out or are all woken, so a change is noticed later but never missed.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import LiteralString, Self

import psycopg
from psycopg import AsyncConnection

from cobalt_link.store.connection import connect
from cobalt_link.store.database import Tx
from cobalt_link.store.errors import DatabaseUnavailable, unavailable_errors

_CHANNEL: LiteralString = "cobalt_link"
_PAUSE = 0.25  # seconds between two tries to reconnect


# For a statement that writes and announces in one round trip: `SELECT {ANNOUNCED} FROM written`.
ANNOUNCED: LiteralString = f"pg_notify('{_CHANNEL}', %(topic)s)"


async def announce(tx: Tx, topic: str) -> None:
    """Wakes every watcher of `topic` when the caller's transaction commits. A rollback sends nothing.

    PostgreSQL commits transactions with NOTIFY one after another, so do not use it for grouped writes.
    """
    await tx.execute("SELECT pg_notify(%s, %s)", (_CHANNEL, topic))


class Watch:
    """The flag of one watcher. It keeps a signal that came while nobody waited."""

    def __init__(self) -> None:
        self._flag = asyncio.Event()

    def wake(self) -> None:
        self._flag.set()

    async def changed(self, timeout: float) -> bool:
        """True if a signal has come since the last call, or since the start. False after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._flag.wait()
        except TimeoutError:
            return False
        self._flag.clear()
        return True


class Signals:
    """The LISTEN connection of a process. Through a transaction pooler it receives nothing."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self.released = False  # whether watchers should stop waiting, because the server ends
        self._watches: defaultdict[str, set[Watch]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None
        self._connection: AsyncConnection | None = None

    async def start(self) -> None:
        """Returns once it listens. Raises `DatabaseUnavailable`."""
        with unavailable_errors():
            self._connection = await self._listen()
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._connection is not None:
            await self._connection.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @contextmanager
    def watch(self, topic: str) -> Iterator[Watch]:
        """Enter first, then read the state, then wait. So no signal after the read is missed."""
        watch = Watch()
        self._watches[topic].add(watch)
        try:
            yield watch
        finally:
            self._watches[topic].discard(watch)
            if not self._watches[topic]:
                del self._watches[topic]

    def release(self) -> None:
        """Wakes every watcher for the last time."""
        self.released = True
        self._wake_all()

    async def _listen(self) -> AsyncConnection:
        connection = await connect(self._dsn)
        try:
            await connection.execute(f"LISTEN {_CHANNEL}")
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _run(self) -> None:
        while True:
            assert self._connection is not None
            with contextlib.suppress(psycopg.Error):
                async with contextlib.aclosing(self._connection.notifies()) as notes:
                    async for note in notes:
                        self._wake(self._watches.get(note.payload, ()))
            await self._connection.close()
            self._connection = await self._reconnect()
            # Signals may have been lost in between, so everybody reads again.
            self._wake_all()

    async def _reconnect(self) -> AsyncConnection:
        while True:
            try:
                return await self._listen()
            except (psycopg.Error, DatabaseUnavailable):
                await asyncio.sleep(_PAUSE)

    def _wake_all(self) -> None:
        self._wake([watch for watches in self._watches.values() for watch in watches])

    @staticmethod
    def _wake(watches: Iterable[Watch]) -> None:
        for watch in watches:
            watch.wake()
