"""One pool of connections to PostgreSQL.

A statement outside a transaction is one round trip and is durable when it returns. A server that could lose an
acknowledged write is refused when the pool opens; a server that restarts is found again by itself.
"""

import select
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, LiteralString, Self, cast

import msgspec
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from cobalt_link.store.errors import DatabaseUnavailable, UnsafeDatabase, telling_unavailable

__all__ = ["Database", "DatabaseUnavailable", "Row", "Tx", "UnsafeDatabase", "as_json"]

Row = dict[str, Any]
Tx = AsyncConnection[DictRow]
Params = Sequence[Any] | Mapping[str, Any] | None

OLDEST = 150000  # PostgreSQL 15

_STATE = """
SELECT current_setting('server_version_num')::int AS version,
       current_setting('fsync') AS fsync,
       current_setting('full_page_writes') AS full_page_writes,
       current_setting('synchronous_commit') AS synchronous_commit
"""

# A dead peer must be noticed without our sending anything: the LISTEN connection and idle pool members only wait.
KEEPALIVE = {
    "connect_timeout": 5,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


class Database:
    """The open database. Rows are dicts. Errors are psycopg's own, except DatabaseUnavailable (answer 503)."""

    def __init__(self, dsn: str, pool: AsyncConnectionPool[Tx], patience: float, size: int) -> None:
        self.dsn = dsn
        self.size = size
        self.lanes = 0  # groups of writes in flight, of every kind
        self._pool = pool
        self._patience = patience

    @classmethod
    async def open(cls, dsn: str, *, size: int = 10, patience: float = 5.0) -> Self:
        """At most `size` connections; a caller waits at most `patience` seconds for one."""
        pool = AsyncConnectionPool(
            dsn,
            connection_class=cast(type[Tx], AsyncConnection),
            kwargs={"autocommit": True, "row_factory": dict_row, **KEEPALIVE},
            configure=_configure,
            min_size=1,
            max_size=size,
            open=False,
            # Short, so that it is our waiting callers who cause the next attempt: the pool's own attempts double
            # their pause each time and would find a server that comes back after a minute another minute late.
            reconnect_timeout=0.2,
        )
        database = cls(dsn, pool, patience, size)
        await pool.open()
        try:
            await database._refuse_unsafe()
        except BaseException:
            await pool.close()
            raise
        return database

    async def close(self) -> None:
        await self._pool.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """A connection inside BEGIN … COMMIT; an exception rolls back. Leaving without one means: it is on disk."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def rows(self, sql: LiteralString, params: Params = None) -> list[Row]:
        async with self.connection() as connection:
            return await (await connection.execute(sql, params)).fetchall()

    async def one(self, sql: LiteralString, params: Params = None) -> Row | None:
        async with self.connection() as connection:
            return await (await connection.execute(sql, params)).fetchone()

    async def run(self, sql: LiteralString, params: Params = None) -> int:
        """How many rows the statement touched."""
        async with self.connection() as connection:
            cursor: AsyncCursor[DictRow] = await connection.execute(sql, params)
            return cursor.rowcount

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Tx]:
        """A connection outside any transaction: each of its statements is durable when it returns."""
        with telling_unavailable():
            connection = await self._take()
            try:
                yield connection
            finally:
                await self._pool.putconn(connection)

    async def _take(self) -> Tx:
        deadline = time.monotonic() + self._patience
        while True:
            left = deadline - time.monotonic()
            try:
                connection = await self._pool.getconn(timeout=min(0.5, left))
            except PoolTimeout:
                if left <= 0.5:
                    raise
                continue
            if not _is_hung_up(connection):
                return connection
            await self._pool.putconn(connection)

    async def _refuse_unsafe(self) -> None:
        state = await self.one(_STATE)
        assert state is not None
        if state["version"] < OLDEST:
            raise UnsafeDatabase(
                f"This PostgreSQL server is version {state['version'] // 10000}; Cobalt Link needs 15 or newer. "
                "Upgrade the server or point DATABASE_URL at a newer one."
            )
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            if state[setting] == "off":
                raise UnsafeDatabase(
                    f"The PostgreSQL server runs with {setting} = off, so a crash could lose data that was already "
                    f"acknowledged. Set {setting} = on for this server, role and database, reload, and start again."
                )


def as_json(rows: Iterable[Any]) -> str:
    """Rows as one parameter for `json_to_recordset`, bytes as base64.

    For groups: an array for each column costs five times as much here, and twice as much on the server.
    """
    return msgspec.json.encode(list(rows)).decode()


async def _configure(connection: Tx) -> None:
    # The same timestamps come out of every server, wherever it stands; and a process that was stopped in the middle of
    # a transaction must not hold its locks for ever.
    await connection.execute("SET TIME ZONE 'UTC'; SET idle_in_transaction_session_timeout = '15s'")


def _is_hung_up(connection: Tx) -> bool:
    """Whether the server ended this idle connection: a look at the socket (about 1 µs) instead of a round trip.

    A server says nothing to an idle connection but its good-bye, so whoever has something to read is replaced.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        connection.pgconn.finish()
    return connection.closed
