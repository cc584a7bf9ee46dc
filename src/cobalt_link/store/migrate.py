"""Numbered migrations of the schema, each in one transaction together with the row that records it.

Any number of processes may migrate at the same time: an advisory lock lets one after another do it. If a process dies,
its open migration is rolled back, and the next process continues from there (S-100).
"""

import re
import runpy
from pathlib import Path
from typing import LiteralString, cast

from psycopg import AsyncConnection, sql

from cobalt_link.store.connection import connect
from cobalt_link.store.errors import unavailable_errors

MIGRATIONS = Path(__file__).parent / "migrations"

_LOCK = 0x0C0BA17  # an arbitrary number that nobody else uses in this database
_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.(sql|py)")

_CREATE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number int PRIMARY KEY,
    name text NOT NULL,
    done_at timestamptz NOT NULL DEFAULT now()
)
"""


class SchemaTooNew(Exception):
    """A newer release has migrated this database, so this one must not use it (S-093)."""


async def migrate(dsn: str, folder: Path = MIGRATIONS) -> list[str]:
    """Brings the schema up to date. Returns the names of the migrations that this call applied, in order."""
    done = []
    with unavailable_errors():
        async with await connect(dsn) as connection:
            while name := await _apply_next(connection, _found(folder), folder):
                done.append(name)
    return done


async def pending(dsn: str, folder: Path = MIGRATIONS) -> list[str]:
    """The names of the migrations that `migrate` would apply. Changes nothing."""
    with unavailable_errors():
        async with await connect(dsn) as connection:
            cursor = await connection.execute("SELECT to_regclass('schema_migrations') IS NOT NULL")
            exists = (await cursor.fetchone() or (False,))[0]
            return _missing(_found(folder), await _numbers(connection) if exists else set())


async def _apply_next(connection: AsyncConnection, found: dict[int, str], folder: Path) -> str | None:
    # The lock belongs to one transaction. So it works behind a transaction pooler, and a crash frees it.
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        await connection.execute(_CREATE)
        missing = _missing(found, await _numbers(connection))
        if not missing:
            return None
        name = missing[0]
        await connection.execute(sql.SQL(cast(LiteralString, _text(folder / name))))
        await connection.execute("INSERT INTO schema_migrations (number, name) VALUES (%s, %s)", (int(name[:4]), name))
        return name


async def _numbers(connection: AsyncConnection) -> set[int]:
    cursor = await connection.execute("SELECT number FROM schema_migrations")
    return {number for (number,) in await cursor.fetchall()}


def _missing(found: dict[int, str], done: set[int]) -> list[str]:
    if unknown := sorted(done - found.keys()):
        raise SchemaTooNew(
            f"A newer release has migrated this database: it has migration {unknown[-1]:04d}, which this "
            "release does not know. Start that release or a newer one, or restore the backup from before the upgrade."
        )
    return [found[number] for number in sorted(found.keys() - done)]


def _found(folder: Path) -> dict[int, str]:
    found: dict[int, str] = {}
    for path in sorted(folder.iterdir()):
        match = _NAME.fullmatch(path.name)
        if match is None:
            continue
        number = int(match[1])
        if number in found:
            raise RuntimeError(f"Two migrations have the number {number:04d}: {found[number]} and {path.name}.")
        found[number] = path.name
    return found


def _text(path: Path) -> str:
    if path.suffix == ".sql":
        return path.read_text(encoding="utf-8")
    return runpy.run_path(str(path))["sql"]()
