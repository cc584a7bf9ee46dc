"""Wake-ups between processes: one LISTEN connection per process, spread to watchers by topic.

A signal only says "look again": watchers re-read the tables. Where LISTEN cannot work (a transaction pooler, a cut
connection) watchers time out or are all woken, so nothing is ever missed, only later.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import LiteralString, Self

import psycopg
from psycopg import AsyncConnection

from cobalt_link.store.database import KEEPALIVE, Tx
from cobalt_link.store.errors import telling_unavailable

_CHANNEL: LiteralString = "cobalt_link"
_PAUSE = 0.25  # seconds between attempts to reconnect


# For a statement that announces what it wrote, in one way to the server: `SELECT {ANNOUNCED} FROM written`.
ANNOUNCED: LiteralString = f"pg_notify('{_CHANNEL}', %(topic)s)"


async def announce(tx: Tx, topic: str) -> None:
    """Wake every watcher of `topic` when the caller's transaction commits; nothing is sent if it does not.

    PostgreSQL commits transactions that notify one after another: not for writes that must be grouped by the hundred.
    """
    await tx.execute("SELECT pg_notify(%s, %s)", (_CHANNEL, topic))


class Watch:
    """One watcher's flag; it remembers a signal that came while nobody waited."""

    def __init__(self) -> None:
        self._flag = asyncio.Event()

    def wake(self) -> None:
        self._flag.set()

    async def changed(self, timeout: float) -> bool:
        """True when a signal came since the last call (or since entering), False after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._flag.wait()
        except TimeoutError:
            return False
        self._flag.clear()
        return True


class Signals:
    """The process's ear. Give it a session connection: through a transaction pooler it hears nothing."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._watches: defaultdict[str, set[Watch]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None
        self._connection: AsyncConnection | None = None

    async def start(self) -> None:
        """Return once it listens; raises DatabaseUnavailable when the server is not there."""
        with telling_unavailable():
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
        """Enter, then read the state, then wait: a signal sent after entering is never missed."""
        watch = Watch()
        self._watches[topic].add(watch)
        try:
            yield watch
        finally:
            self._watches[topic].discard(watch)
            if not self._watches[topic]:
                del self._watches[topic]

    async def _listen(self) -> AsyncConnection:
        connection = await AsyncConnection.connect(self._dsn, autocommit=True, **KEEPALIVE)
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
            self._wake([watch for watches in self._watches.values() for watch in watches])

    async def _reconnect(self) -> AsyncConnection:
        while True:
            try:
                return await self._listen()
            except psycopg.Error:
                await asyncio.sleep(_PAUSE)

    @staticmethod
    def _wake(watches: Iterable[Watch]) -> None:
        for watch in watches:
            watch.wake()
