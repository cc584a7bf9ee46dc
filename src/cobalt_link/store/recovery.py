"""Waits for a database that recovers from a crash, starts, or is a standby that has not been promoted yet."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from psycopg.pq import PGconn, Ping

from cobalt_link.store.connection import connect
from cobalt_link.store.errors import DatabaseUnavailable
from cobalt_link.store.migrate import migrate

log = structlog.get_logger()

PAUSE = 1.0  # seconds between two tries
LOGGED_EVERY = 10  # tries

Result = TypeVar("Result")


async def after_recovery(dsn: str, work: Callable[[], Awaitable[Result]]) -> Result:
    """Does the work, as soon as the database is not in recovery any more. For all else, `DatabaseUnavailable` passes.

    There is no limit, because a recovery takes as long as it takes, and starting again would not make it shorter.
    """
    tries = 0
    while True:
        try:
            return await work()
        except DatabaseUnavailable:
            if not await _is_in_recovery(dsn):
                raise
        if tries % LOGGED_EVERY == 0:
            log.warning("waiting_for_database", reason="It is starting, recovering, or a standby.")
        tries += 1
        await asyncio.sleep(PAUSE)


async def migrate_after_recovery(dsn: str) -> None:
    """Brings the schema up to date as soon as the database can be written to."""
    await after_recovery(dsn, lambda: migrate(dsn))


async def _is_in_recovery(dsn: str) -> bool:
    # The text of a refused connection is in the language of the server, and its code does not reach psycopg.
    if await asyncio.to_thread(PGconn.ping, dsn.encode()) == Ping.REJECT:
        return True
    try:
        async with await connect(dsn) as connection:
            row = await (await connection.execute("SELECT pg_is_in_recovery()")).fetchone()
            return row is not None and row[0]
    except DatabaseUnavailable:
        return False
