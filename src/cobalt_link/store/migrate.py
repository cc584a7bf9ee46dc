"""The schema grows by numbered steps, each in one transaction with the row that says it was done.

Any number of processes may migrate at once: an advisory lock lets one at a time through. A process that dies in the
middle leaves the last whole step, and the next one goes on from there (S-100).
"""

import re
import runpy
from pathlib import Path
from typing import LiteralString, cast

from psycopg import AsyncConnection, sql

from cobalt_link.store.database import KEEPALIVE
from cobalt_link.store.errors import telling_unavailable

STEPS = Path(__file__).parent / "migrations"

_LOCK = 0x0C0BA17  # any number, ours alone; the lock is per database
_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.(sql|py)")

_CREATE = """
CREATE TABLE IF NOT EXISTS schema_steps (
    number int PRIMARY KEY,
    name text NOT NULL,
    done_at timestamptz NOT NULL DEFAULT now()
)
"""


class SchemaTooNew(Exception):
    """A newer release has migrated this database: this code must not touch it (S-093)."""


async def migrate(dsn: str, steps: Path = STEPS) -> list[str]:
    """Bring the database up to this code; gives the names of the steps it did itself, in order."""
    done = []
    with telling_unavailable():
        async with await AsyncConnection.connect(dsn, autocommit=True, **KEEPALIVE) as connection:
            while name := await _next_step(connection, _found(steps), steps):
                done.append(name)
    return done


async def pending(dsn: str, steps: Path = STEPS) -> list[str]:
    """The names of the steps that `migrate` would do now; changes nothing."""
    with telling_unavailable():
        async with await AsyncConnection.connect(dsn, autocommit=True, **KEEPALIVE) as connection:
            cursor = await connection.execute("SELECT to_regclass('schema_steps') IS NOT NULL")
            exists = (await cursor.fetchone() or (False,))[0]
            return _missing(_found(steps), await _numbers(connection) if exists else set())


async def _next_step(connection: AsyncConnection, found: dict[int, str], steps: Path) -> str | None:
    # One transaction per step with the lock inside it: also right behind a transaction pooler, and freed by a crash.
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        await connection.execute(_CREATE)
        missing = _missing(found, await _numbers(connection))
        if not missing:
            return None
        name = missing[0]
        await connection.execute(sql.SQL(cast(LiteralString, _text(steps / name))))
        await connection.execute("INSERT INTO schema_steps (number, name) VALUES (%s, %s)", (int(name[:4]), name))
        return name


async def _numbers(connection: AsyncConnection) -> set[int]:
    cursor = await connection.execute("SELECT number FROM schema_steps")
    return {number for (number,) in await cursor.fetchall()}


def _missing(found: dict[int, str], done: set[int]) -> list[str]:
    if unknown := sorted(done - found.keys()):
        raise SchemaTooNew(
            f"The database already has step {unknown[-1]:04d}, which this release does not know: a newer Cobalt Link "
            "has migrated it. Start that release (or a newer one), or restore the backup made before the upgrade."
        )
    return [found[number] for number in sorted(found.keys() - done)]


def _found(steps: Path) -> dict[int, str]:
    found: dict[int, str] = {}
    for path in sorted(steps.iterdir()):
        match = _NAME.fullmatch(path.name)
        if match is None:
            continue
        number = int(match[1])
        if number in found:
            raise RuntimeError(f"Two steps share the number {number:04d}: {found[number]} and {path.name}.")
        found[number] = path.name
    return found


def _text(path: Path) -> str:
    if path.suffix == ".sql":
        return path.read_text(encoding="utf-8")
    return runpy.run_path(str(path))["sql"]()
