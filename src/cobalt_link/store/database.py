"""The pool of connections to PostgreSQL.

A statement outside a transaction is one round trip and is durable when it returns. `open` refuses a server that could
lose an acknowledged write. After a restart of the server, the pool reconnects by itself.
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

from cobalt_link.store.connection import KEEPALIVE, connect
from cobalt_link.store.errors import DatabaseUnavailable, UnsafeDatabase, unavailable_errors

__all__ = ["Database", "DatabaseUnavailable", "Row", "Tx", "UnsafeDatabase", "as_json"]

Row = dict[str, Any]
Tx = AsyncConnection[DictRow]
Params = Sequence[Any] | Mapping[str, Any] | None

MIN_VERSION = 150000  # PostgreSQL 15

_STATE = """
SELECT current_setting('server_version_num')::int AS version,
       current_setting('fsync') AS fsync,
       current_setting('full_page_writes') AS full_page_writes,
       current_setting('synchronous_commit') AS synchronous_commit
"""


class Database:
    """The open database. Rows are dicts. Errors are those of psycopg, and `DatabaseUnavailable` (a 503)."""

    def __init__(self, dsn: str, pool: AsyncConnectionPool[Tx], timeout: float, size: int) -> None:
        self.dsn = dsn
        self.size = size
        self.group_writers = 0  # grouped writes in progress, of all kinds
        self._pool = pool
        self._timeout = timeout

    @classmethod
    async def open(cls, dsn: str, *, size: int = 10, timeout: float = 5.0) -> Self:
        """Opens at most `size` connections. A caller waits at most `timeout` seconds for one.

        Raises `UnsafeDatabase` or `DatabaseUnavailable`.
        """
        # The pool would try again and again, and then tell only that it waited.
        await (await connect(dsn)).close()
        pool = AsyncConnectionPool(
            dsn,
            connection_class=cast(type[Tx], AsyncConnection),
            kwargs={"autocommit": True, "row_factory": dict_row, **KEEPALIVE},
            configure=_configure,
            min_size=1,
            max_size=size,
            open=False,
            # Short, so that each waiting caller causes a new try. The pool doubles the pause between its own tries and
            # could notice a server that was down for a minute only after another minute.
            reconnect_timeout=0.2,
        )
        database = cls(dsn, pool, timeout, size)
        await pool.open()
        try:
            await database._check_durability()
        except BaseException:
            await pool.close()
            raise
        return database

    async def close(self) -> None:
        await self._pool.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """A connection inside BEGIN … COMMIT. An exception rolls back. After a normal exit, the writes are on disk."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def rows(self, sql: LiteralString, params: Params = None) -> list[Row]:
        async with self.connection() as connection:
            return await (await connection.execute(sql, params)).fetchall()

    async def one(self, sql: LiteralString, params: Params = None) -> Row | None:
        async with self.connection() as connection:
            return await (await connection.execute(sql, params)).fetchone()

    async def run(self, sql: LiteralString, params: Params = None) -> int:
        """Executes a statement and returns how many rows it touched."""
        async with self.connection() as connection:
            cursor: AsyncCursor[DictRow] = await connection.execute(sql, params)
            return cursor.rowcount

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Tx]:
        """A connection outside a transaction. Each of its statements is durable when it returns."""
        with unavailable_errors():
            connection = await self._acquire_connection()
            try:
                yield connection
            finally:
                await self._pool.putconn(connection)

    async def _acquire_connection(self) -> Tx:
        deadline = time.monotonic() + self._timeout
        while True:
            left = deadline - time.monotonic()
            try:
                connection = await self._pool.getconn(timeout=min(0.5, left))
            except PoolTimeout:
                if left <= 0.5:
                    raise
                continue
            if not _is_closed_by_server(connection):
                return connection
            await self._pool.putconn(connection)

    async def _check_durability(self) -> None:
        state = await self.one(_STATE)
        assert state is not None
        if state["version"] < MIN_VERSION:
            raise UnsafeDatabase(
                f"This PostgreSQL server is version {state['version'] // 10000}. Cobalt Link needs 15 or newer. "
                "Upgrade the server, or set DATABASE_URL to a newer one."
            )
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            if state[setting] == "off":
                raise UnsafeDatabase(
                    f"The PostgreSQL server runs with {setting} = off, so a crash could lose data that was already "
                    f"acknowledged. Set {setting} = on for this server, role and database, reload, and start again."
                )


def as_json(rows: Iterable[Any]) -> str:
    """Rows as one parameter for `json_to_recordset`, with bytes as base64.

    For grouped writes. One array per column takes five times as long here, and twice as long on the server.
    """
    return msgspec.json.encode(list(rows)).decode()


async def _configure(connection: Tx) -> None:
    # UTC, whatever the server has. The timeout frees the locks of a process that stopped inside a transaction.
    await connection.execute("SET TIME ZONE 'UTC'; SET idle_in_transaction_session_timeout = '15s'")


def _is_closed_by_server(connection: Tx) -> bool:
    """Whether the server closed this idle connection. Polls the socket (about 1 µs) instead of making a round trip.

    The only thing that a server sends on an idle connection is that it closes it. So any data to read means that.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        connection.pgconn.finish()
    return connection.closed
