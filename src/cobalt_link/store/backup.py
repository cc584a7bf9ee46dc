"""The whole database in one file, and back: PostgreSQL's own custom format, which any pg_restore can read.

A backup is one consistent moment of a running system. It holds sealed secrets but not the master key that opens them:
keep the key elsewhere, and keep it.
"""

import asyncio
import os
import tempfile
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
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

_HEAD = 40  # lines, in which pg_restore's settings stand
_LINE = 2**20  # bytes


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
        await _pour(dsn, source, binaries)
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


async def _pour(dsn: str, source: Path, binaries: Path | None) -> None:
    """The file as SQL text into psql, in one transaction that commits only when all of the text has come."""
    options = ["--no-owner", "--no-privileges", "--file=-", str(source)]
    reading = await _start("pg_restore", options, binaries, stdout=asyncio.subprocess.PIPE, limit=_LINE)
    command = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
    writing = await _start("psql", command, binaries, dsn=dsn, stdin=asyncio.subprocess.PIPE)
    assert reading.stdout is not None
    assert writing.stdin is not None
    async with _ended(reading, writing):
        errors = asyncio.create_task(_errors(writing))
        writing.stdin.write(b"BEGIN;\n")
        with suppress(ConnectionError):  # psql gave up: it says why
            await _copy(reading.stdout, writing.stdin)
            await _finished("pg_restore", reading, _errors(reading))
            writing.stdin.write(b"COMMIT;\n")
            writing.stdin.close()
        await _finished("psql", writing, errors)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    for _ in range(_HEAD):
        line = await source.readline()
        # pg_restore 17 and newer says this to every server; those before 17 do not know the setting and give up.
        if not line.startswith(b"SET transaction_timeout"):
            target.write(line)
    while chunk := await source.read(_LINE):
        target.write(chunk)
        await target.drain()


async def _program(name: str, options: list[str], dsn: str, binaries: Path | None, stdout: IO[bytes]) -> None:
    process = await _start(name, options, binaries, dsn=dsn, stdout=stdout)
    async with _ended(process):
        await _finished(name, process, _errors(process))


async def _start(name: str, options: list[str], binaries: Path | None, *, dsn: str = "", **streams: Any) -> Process:
    parts = {key: value for key, value in conninfo_to_dict(dsn).items() if value is not None}
    password = parts.pop("password", None)
    # The password goes by environment: arguments can be read by every user of the machine.
    environment = {**os.environ, **({"PGPASSWORD": str(password)} if password else {})}
    address = [f"--dbname={make_conninfo('', **parts)}"] if dsn else []
    streams = {"stdin": asyncio.subprocess.DEVNULL, "stdout": asyncio.subprocess.DEVNULL, **streams}
    program = str((binaries or wheel_binaries()) / name)
    return await asyncio.create_subprocess_exec(
        program, *address, *options, stderr=asyncio.subprocess.PIPE, env=environment, **streams
    )


async def _errors(process: Process) -> str:
    assert process.stderr is not None
    return (await process.stderr.read()).decode(errors="replace")[-800:].strip()


async def _finished(name: str, process: Process, errors: Awaitable[str]) -> None:
    said = await errors
    if await process.wait():
        raise BackupFailed(f"{name} failed: {said}")


@asynccontextmanager
async def _ended(*processes: Process) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
            if process.stdin is not None:
                process.stdin.close()
            await process.wait()
