"""Makes what was deleted from small tables leave the disk: their files and the log (WAL) are written anew.

PostgreSQL keeps deleted and replaced rows in the table's file until the space is used again, and in the WAL.
"""

import re
from collections.abc import Sequence
from typing import Final

import psycopg
import structlog
from psycopg import AsyncConnection, sql

from cobalt_link.store.database import KEEPALIVE
from cobalt_link.store.errors import telling_unavailable

log = structlog.get_logger()

# Pushes the WAL into its next file. pg_switch_wal() would do it with fewer bytes, but only a superuser may call it.
NEXT_WAL_FILE: Final = """
SELECT count(pg_logical_emit_message(false, 'erase', repeat('.', 1048576)))
FROM generate_series(1, pg_size_bytes(current_setting('wal_segment_size')) / 1048576)
"""


async def rewrite(dsn: str, tables: Sequence[str], patience: int = 10) -> bool:
    """Writes these tables anew, locking each for the moment that takes, then has the server drop its old WAL files.

    False if a transaction that is still open (a backup, say) could see deleted rows, so that they stayed: call again
    later. Raises psycopg's LockNotAvailable if a table stays in use for `patience` seconds. A server that recycles its
    WAL files (`wal_recycle`, on by default) overwrites them later instead; replicas, archives and backups keep theirs.
    """
    with telling_unavailable():
        async with await AsyncConnection.connect(dsn, autocommit=True, **KEEPALIVE) as connection:
            await connection.execute(sql.SQL("SET lock_timeout = {}").format(f"{patience}s"))
            left = [await _write_anew(connection, table) for table in tables]
            await connection.execute(NEXT_WAL_FILE)
            await _checkpoint(connection)
    return not any(left)


async def _write_anew(connection: AsyncConnection, table: str) -> int:
    """How many deleted rows had to stay: only VACUUM itself knows, and says so in its report."""
    reports: list[str] = []
    connection.add_notice_handler(lambda notice: reports.append(notice.message_detail or ""))
    await connection.execute(sql.SQL("VACUUM (FULL, VERBOSE) {}").format(sql.Identifier(table)))
    numbers = [int(found[0]) for report in reports if (found := re.search(r"\d+", report))]
    return numbers[0] if numbers else 1


async def _checkpoint(connection: AsyncConnection) -> None:
    try:
        await connection.execute("CHECKPOINT")
    except psycopg.errors.InsufficientPrivilege:
        # The server's own timed checkpoint (every 5 minutes by default) does the same a little later.
        log.info("erased_at_next_checkpoint", advice="GRANT pg_checkpoint to our role to have it at once")
