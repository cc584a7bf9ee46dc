"""The whole database in one file, and back: PostgreSQL's own custom format, which any pg_restore can read.

A backup is one consistent moment of a running system. It holds sealed secrets but not the master key that opens them:
keep the key elsewhere, and keep it.
"""

import asyncio
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, LiteralString

from psycopg import AsyncConnection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import scalar_row

from cobalt_link.store.database import KEEPALIVE
from cobalt_link.store.embedded import wheel_binaries
from cobalt_link.store.errors import telling_unavailable

_SCHEMAS = """
SELECT nspname FROM pg_namespace
WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema' ORDER BY nspname
"""
_OBJECTS = """
SELECT (SELECT count(*) FROM pg_class c WHERE c.relnamespace = n.oid)
     + (SELECT count(*) FROM pg_proc p WHERE p.pronamespace = n.oid)
     + (SELECT count(*) FROM pg_type t WHERE t.typnamespace = n.oid)
FROM pg_namespace n WHERE n.nspname = ANY (%s)
"""
_ASIDE = "replaced_by_restore_"


class BackupFailed(Exception):
    """Backup or restore did not happen; the database is as it was."""


class DatabaseNotEmpty(BackupFailed):
    """Restoring here would mix two systems."""


async def backup(dsn: str, target: Path, binaries: Path | None = None) -> None:
    """Write the database to `target` (mode 0600), which appears only when it is whole and on disk."""
    with _appearing(target) as file:
        await _program("pg_dump", ["--format=custom", "--no-owner", "--no-privileges"], dsn, binaries, file)


async def restore(dsn: str, source: Path, binaries: Path | None = None, *, replace: bool = False) -> None:
    """Fill an empty database from a file of `backup`; with `replace`, drop what a non-empty one holds.

    All or nothing: when it fails, the database holds what it held. Stop `serve` and `worker` first.
    """
    source = _existing(source)
    aside = await _set_aside(dsn, replace)
    try:
        options = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction", str(source)]
        await _program("pg_restore", options, dsn, binaries)
    except BaseException:
        await _put_back(dsn, aside)
        raise
    await _drop(dsn, aside)


@contextmanager
def _appearing(target: Path) -> Iterator[IO[bytes]]:
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.absolute().parent)  # 0600
    unfinished = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            os.fsync(file.fileno())
        unfinished.replace(target)
    except BaseException:
        unfinished.unlink()
        raise


def _existing(source: Path) -> Path:
    if not source.is_file():
        raise BackupFailed(f"There is no backup file at {source}.")
    return source.absolute()


async def _set_aside(dsn: str, replace: bool) -> list[str]:
    async with await _connect(dsn) as connection, connection.transaction():
        schemas = await _column(connection, _SCHEMAS)
        if sum(await _column(connection, _OBJECTS, (schemas,))) == 0:
            return []
        if not replace:
            raise DatabaseNotEmpty(
                "This database is not empty. Restore into a new one, or say that what it holds may be dropped "
                "(cobalt restore --replace)."
            )
        for schema in schemas:
            if schema.startswith(_ASIDE):  # a restore was killed after it had succeeded or before it began
                await _execute(connection, "DROP SCHEMA {} CASCADE", schema)
            else:
                await _execute(connection, "ALTER SCHEMA {} RENAME TO {}", schema, _ASIDE + schema)
        await _create_public(connection)
        return [schema for schema in schemas if not schema.startswith(_ASIDE)]


async def _put_back(dsn: str, aside: list[str]) -> None:
    async with await _connect(dsn) as connection, connection.transaction():
        for schema in aside:
            await _execute(connection, "DROP SCHEMA IF EXISTS {} CASCADE", schema)
            await _execute(connection, "ALTER SCHEMA {} RENAME TO {}", _ASIDE + schema, schema)


async def _drop(dsn: str, aside: list[str]) -> None:
    async with await _connect(dsn) as connection, connection.transaction():
        for schema in aside:
            await _execute(connection, "DROP SCHEMA {} CASCADE", _ASIDE + schema)


async def _create_public(connection: AsyncConnection[Any]) -> None:
    await connection.execute("CREATE SCHEMA IF NOT EXISTS public")
    await connection.execute("ALTER SCHEMA public OWNER TO pg_database_owner")
    await connection.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")
    await connection.execute("COMMENT ON SCHEMA public IS 'standard public schema'")


async def _connect(dsn: str) -> AsyncConnection[Any]:
    with telling_unavailable():
        return await AsyncConnection.connect(dsn, autocommit=True, row_factory=scalar_row, **KEEPALIVE)


async def _column(connection: AsyncConnection[Any], query: LiteralString, params: Sequence[Any] = ()) -> list[Any]:
    return await (await connection.execute(query, params or None)).fetchall()


async def _execute(connection: AsyncConnection[Any], query: LiteralString, *names: str) -> None:
    await connection.execute(sql.SQL(query).format(*map(sql.Identifier, names)))


async def _program(name: str, options: list[str], dsn: str, binaries: Path | None, stdout: Any = None) -> None:
    parts = conninfo_to_dict(dsn)
    password = parts.pop("password", None)
    address = make_conninfo("", **{key: value for key, value in parts.items() if value is not None})
    # The password goes by environment: arguments can be read by every user of the machine.
    environment = {**os.environ, **({"PGPASSWORD": str(password)} if password else {})}
    process = await asyncio.create_subprocess_exec(
        str((binaries or wheel_binaries()) / name),
        f"--dbname={address}",
        *options,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=stdout if stdout is not None else asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        _, errors = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise BackupFailed(f"{name} failed: {errors.decode(errors='replace')[-800:].strip()}")
