"""Removes deleted rows of small tables from the disk: it rewrites their files and drops the old log (WAL).

PostgreSQL keeps deleted and replaced rows in the table's file until it reuses the space, and in the WAL.
"""

import re
from collections.abc import Sequence
from typing import Final

import psycopg
import structlog
from psycopg import AsyncConnection, sql

from cobalt_link.store.connection import connect
from cobalt_link.store.errors import unavailable_errors

log = structlog.get_logger()

# Fills the current WAL file. pg_switch_wal() would do it with fewer bytes, but only a superuser may call it.
NEXT_WAL_FILE: Final = """
SELECT count(pg_logical_emit_message(false, 'erase', repeat('.', 1048576)))
FROM generate_series(1, pg_size_bytes(current_setting('wal_segment_size')) / 1048576)
"""


async def rewrite(dsn: str, tables: Sequence[str], lock_timeout: int = 100) -> set[str]:
    """Rewrites these tables, each under a short exclusive lock, then lets the server drop its old WAL files.

    Returns the tables in which no deleted row is left. Those with one stay for a later call: an open transaction, such
    as a backup, could still see it, or used the table for longer than `lock_timeout` milliseconds, while others would
    have waited too. A server that recycles its WAL files (`wal_recycle`, on by default) overwrites them later.
    Replicas, archives and backups keep theirs.
    """
    with unavailable_errors():
        async with await connect(dsn) as connection:
            await connection.execute(sql.SQL("SET lock_timeout = {}").format(f"{lock_timeout}ms"))
            clean = {table for table in tables if await _is_clean_after_rewrite(connection, table)}
            await connection.execute(NEXT_WAL_FILE)
            await _checkpoint(connection)
    return clean


async def _is_clean_after_rewrite(connection: AsyncConnection, table: str) -> bool:
    """Rewrites one table. Only the report of VACUUM says how many deleted rows had to stay."""
    reports: list[str] = []

    def note(notice: psycopg.errors.Diagnostic) -> None:
        reports.append(notice.message_detail or "")

    connection.add_notice_handler(note)
    try:
        await connection.execute(sql.SQL("VACUUM (FULL, VERBOSE) {}").format(sql.Identifier(table)))
    except psycopg.errors.LockNotAvailable:
        return False
    finally:
        connection.remove_notice_handler(note)
    numbers = [int(found[0]) for report in reports if (found := re.search(r"\d+", report))]
    # Without a report nothing is known, so the caller tries again.
    return bool(numbers) and numbers[0] == 0


async def _checkpoint(connection: AsyncConnection) -> None:
    try:
        await connection.execute("CHECKPOINT")
    except psycopg.errors.InsufficientPrivilege:
        # The timed checkpoint of the server (every 5 minutes by default) does the same a little later.
        log.info("erased_at_next_checkpoint", advice="GRANT pg_checkpoint to our role to have it at once")
