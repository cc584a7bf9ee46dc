"""Signals between processes: one LISTEN connection per process, which wakes watchers by topic.

A signal carries no data. A watcher that is woken reads the tables again. A process signals to itself now and then. As
long as it does not hear that (a transaction pooler, a cut connection), its watchers look again twice a second, so a
change is noticed later but never missed.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from secrets import token_hex
from typing import LiteralString, Self

import psycopg
from psycopg import AsyncConnection

from cobalt_link.store.connection import connect
from cobalt_link.store.database import Tx
from cobalt_link.store.errors import DatabaseUnavailable, unavailable_errors

CHANNEL: LiteralString = "cobalt_link"
_PAUSE = 0.25  # seconds between two tries to reconnect
LOOK_AGAIN = 0.5  # seconds between two looks of a watcher that cannot rely on signals
PROBE = 20.0  # seconds between two signals of a process to itself
HEARD = 3.0  # seconds in which it must hear one


# For a statement that writes and announces in one round trip: `SELECT {ANNOUNCED} FROM written`.
ANNOUNCED: LiteralString = f"pg_notify('{CHANNEL}', %(topic)s)"


async def announce(tx: Tx, *topics: str) -> None:
    """Wakes every watcher of these topics when the caller's transaction commits. A rollback sends nothing.

    PostgreSQL commits transactions with NOTIFY one after another, so do not use it for grouped writes.
    """
    if topics:
        await tx.execute("SELECT pg_notify(%s, topic) FROM unnest(%s::text[]) AS topic", (CHANNEL, list(topics)))


class Watch:
    """The flag of one watcher. It keeps a signal that came while nobody waited."""

    def __init__(self, *, alone: bool = False) -> None:
        self.alone = alone
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
        self.heard = False  # whether the latest signal of this process to itself arrived
        self._probe = Watch(alone=True)
        self._name = f"probe:{token_hex(8)}"
        self._watches: defaultdict[str, set[Watch]] = defaultdict(set)
        self._tasks: list[asyncio.Task[None]] = []
        self._connection: AsyncConnection | None = None

    async def start(self) -> None:
        """Returns once it listens. Raises `DatabaseUnavailable`."""
        with unavailable_errors():
            self._connection = await self._listen()
        self._watches[self._name].add(self._probe)
        self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._probing())]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if self._connection is not None:
            await self._connection.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @contextmanager
    def watch(self, topic: str, *, alone: bool = False) -> Iterator[Watch]:
        """Enter first, then read the state, then wait. So no signal after the read is missed. `alone`: wakes only for
        this topic, not when signals may have been lost, for a watcher that reads nothing and may miss one."""
        watch = Watch(alone=alone)
        self._watches[topic].add(watch)
        try:
            yield watch
        finally:
            self._watches[topic].discard(watch)
            if not self._watches[topic]:
                del self._watches[topic]

    async def changed(self, watch: Watch, timeout: float) -> bool:
        """Waits up to `timeout` seconds. Whether the state should be read again: there was a signal, or one could not
        be relied on."""
        if self.heard:
            return await watch.changed(timeout)
        await watch.changed(min(timeout, LOOK_AGAIN))
        return True

    def release(self) -> None:
        """Wakes every watcher for the last time."""
        self.released = True
        self._wake_all()

    async def _listen(self) -> AsyncConnection:
        connection = await connect(self._dsn)
        try:
            await connection.execute(f"LISTEN {CHANNEL}")
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
            self.heard = False
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

    async def _probing(self) -> None:
        """Finds out whether signals arrive, by a connection of another session: within one they always do."""
        while True:
            try:
                heard = await self._hears_itself()
            except (psycopg.Error, DatabaseUnavailable):
                heard = False
            if self.heard and not heard:
                self._wake_all()  # those that rely on signals must begin to look again
            self.heard = heard
            await asyncio.sleep(PROBE if heard else PROBE / 10)

    async def _hears_itself(self) -> bool:
        await self._probe.changed(0)
        async with await connect(self._dsn) as other:
            await other.execute("SELECT pg_notify(%s, %s)", (CHANNEL, self._name))
        return await self._probe.changed(HEARD)

    def _wake_all(self) -> None:
        self._wake([watch for watches in self._watches.values() for watch in watches if not watch.alone])

    @staticmethod
    def _wake(watches: Iterable[Watch]) -> None:
        for watch in watches:
            watch.wake()
