"""Tables in partitions by time (migration 0063), which are added ahead of time and dropped as a whole.

Adding or dropping a partition needs a lock that waits for open transactions. It waits for a tenth of a second at most,
and the next round of the upkeep tries again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Final, LiteralString

import msgspec
import psycopg
import structlog
from psycopg import sql

from cobalt_link.kit.ids import day_of_ids
from cobalt_link.store.database import Database

log = structlog.get_logger()

DAYS_AHEAD: Final = 3
DAYS_OF_MONTHS_AHEAD: Final = 62
MOST_DAYS: Final = 45  # of retention with a partition for each day. For a longer one, a partition has thirty days
_NAME: Final = re.compile(r"_(\d{8})_(\d{8})")

BY_DAY: tuple[LiteralString, ...] = ("link_sessions", "journal", "link_events")
_COLUMN: dict[LiteralString, LiteralString] = {
    "link_sessions": "id",
    "journal": "link_session",
    "link_events": "session_day",
    "record_ids": "created_at",
    "audit": "at",
}

LIST: LiteralString = """
SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = to_regclass(%s) ORDER BY c.relname"""
ADD: LiteralString = "SELECT cobalt_add_partition(%s, %s, %s) AS added"
DROP: LiteralString = "SELECT cobalt_drop_partition(%s)"
# Migration 0063 was applied to a database in use so long ago that no process of the former release can be left.
DUE: LiteralString = """
SELECT FROM schema_migrations WHERE number = 63 AND done_at < now() - interval '7 days'
  AND (SELECT relkind FROM pg_class WHERE oid = to_regclass('audit')) = 'r'"""
CHECK: tuple[LiteralString, ...] = (
    "ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}",
    "ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({column} < {bound}) NOT VALID",
    "ALTER TABLE {table} VALIDATE CONSTRAINT {name}",
)
CONVERT: LiteralString = "SELECT cobalt_partition_tables(%s, %s)"


class Partition(msgspec.Struct, frozen=True):
    """Holds the rows from the day `first` until before the day `last`."""

    name: str
    first: date
    last: date


class Partitions:
    """The partitions of one table. Before the conversion of a database it has none, and nothing is done."""

    def __init__(self, db: Database, table: LiteralString) -> None:
        self._db = db
        self._table = table

    async def keep_days(self, today: date, before: date) -> None:
        """Adds the partitions of the next days, and drops those that end by the day `before`."""
        days = 1 if today - before <= timedelta(days=MOST_DAYS) else 30
        await self._keep(today, before, DAYS_AHEAD, lambda day: day + timedelta(days=days))

    async def keep_months(self, today: date, before: date) -> None:
        """Adds the partitions of this and the next months, and drops those that end by the day `before`."""
        await self._keep(today.replace(day=1), before, DAYS_OF_MONTHS_AHEAD, _month_after)

    async def _keep(self, first: date, before: date, ahead: int, end: Callable[[date], date]) -> None:
        names = [row["name"] for row in await self._db.rows(LIST, (self._table,))]
        existing, day = [each for name in names if (each := _partition(name))], first
        while names and day <= first + timedelta(days=ahead):
            there = next((each for each in existing if each.first <= day < each.last), None)
            if there is None:
                await _brief(self._db, ADD, (self._table, day, end(day)))
            day = there.last if there else end(day)
        for each in existing:
            if each.last <= before and await _brief(self._db, DROP, (each.name,)):
                log.info("partition_dropped", partition=each.name)


async def convert(db: Database, now: datetime) -> bool:
    """In a database from the former release, when no process of it can be left: partitions the tables.

    Checking the rows takes a minute if there are many, without a lock. The change itself takes a moment.
    """
    if await db.one(DUE) is None:
        return False
    day = now.date() + timedelta(days=2)
    month = _month_after(_month_after(now.date()))
    for table, column in _COLUMN.items():
        bound = day_of_ids(day) if table in BY_DAY else f"{month} 00:00:00+00"
        if not await _checked(db, table, column, bound):
            return False
    return await _brief(db, CONVERT, (day, month))


async def _checked(db: Database, table: LiteralString, column: LiteralString, bound: str) -> bool:
    """Proves that all rows come before the bound, so that attaching the table need not read it under a lock."""
    names = {"table": sql.Identifier(table), "name": sql.Identifier(f"{table}_before")}
    more = {"column": sql.Identifier(column), "bound": sql.Literal(bound)}
    async with db.connection() as connection:
        try:
            await connection.execute("SET lock_timeout = '100ms'")
            for statement in CHECK:
                await connection.execute(sql.SQL(statement).format(**names, **more))
        except (psycopg.errors.LockNotAvailable, psycopg.errors.CheckViolation) as error:
            log.info("not_partitioned_yet", table=table, reason=type(error).__name__)
            return False
        finally:
            await connection.execute("RESET lock_timeout")
    return True


async def _brief(db: Database, statement: LiteralString, given: Sequence[object]) -> bool:
    try:
        async with db.transaction() as tx:
            await tx.execute("SET LOCAL lock_timeout = '100ms'")
            await tx.execute(statement, given)
    except psycopg.errors.LockNotAvailable:
        log.info("partition_in_use", partition=str(given[0]), advice="This is tried again in the next round.")
        return False
    return True


def _partition(name: str) -> Partition | None:
    found = _NAME.search(name)
    if found is None:
        return None
    first, last = (date.fromisoformat(each) for each in found.groups())
    return Partition(name, first, last)


def _month_after(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
