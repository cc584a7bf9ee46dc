"""Backup and restore of the whole database, in PostgreSQL's custom format, which any pg_restore can read.

A backup is consistent, also of a running system. It contains sealed secrets but not the master key that opens them, so
keep a copy of the key in another place.
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

from cobalt_link.store.binaries import find_binaries
from cobalt_link.store.connection import connect

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

_HEADER_LINES = 40  # pg_restore writes its settings into the first lines
_CHUNK = 2**20  # bytes


class BackupFailed(Exception):
    """The backup or restore failed. The database is unchanged."""


class DatabaseNotEmpty(BackupFailed):
    """The database already has tables, and a restore would mix two systems."""


async def backup(dsn: str, target: Path, binaries: Path | None = None) -> None:
    """Writes the database to `target` (mode 0600). The file appears only when it is complete and on disk."""
    with _atomic_file(target) as file:
        await _dump("pg_dump", ["--format=custom", "--no-owner", "--no-privileges"], dsn, binaries, file)


async def restore(dsn: str, source: Path, binaries: Path | None = None, *, replace: bool = False) -> None:
    """Fills an empty database from a file of `backup`. `replace` drops what a database contains.

    If it fails, the database is unchanged. Stop `serve` and `worker` first.
    """
    source = _existing(source)
    aside = await _set_aside(dsn, replace)
    try:
        await _load(dsn, source, binaries)
    except BaseException:
        await _put_back(dsn, aside)
        raise
    await _drop(dsn, aside)


@contextmanager
def _atomic_file(target: Path) -> Iterator[IO[bytes]]:
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
        raise BackupFailed(f"There is no backup file at {source}. Check the path.")
    return source.absolute()


async def _set_aside(dsn: str, replace: bool) -> list[str]:
    async with await _connect(dsn) as connection, connection.transaction():
        schemas = await _column(connection, _SCHEMAS)
        if sum(await _column(connection, _OBJECTS, (schemas,))) == 0:
            return []
        if not replace:
            raise DatabaseNotEmpty(
                "This database is not empty. Restore into a new one, or drop what it contains with "
                "`cobalt restore --replace`."
            )
        for schema in schemas:
            # An earlier restore was killed after it had succeeded, or before it began.
            if schema.startswith(_ASIDE):
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
    # As initdb makes it. The dump expects this schema and does not create it.
    await connection.execute("CREATE SCHEMA IF NOT EXISTS public")
    await connection.execute("ALTER SCHEMA public OWNER TO pg_database_owner")
    await connection.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")
    await connection.execute("COMMENT ON SCHEMA public IS 'standard public schema'")


async def _connect(dsn: str) -> AsyncConnection[Any]:
    return await connect(dsn, row_factory=scalar_row)


async def _column(connection: AsyncConnection[Any], query: LiteralString, params: Sequence[Any] = ()) -> list[Any]:
    return await (await connection.execute(query, params or None)).fetchall()


async def _execute(connection: AsyncConnection[Any], query: LiteralString, *names: str) -> None:
    await connection.execute(sql.SQL(query).format(*map(sql.Identifier, names)))


async def _load(dsn: str, source: Path, binaries: Path | None) -> None:
    """Sends the file as SQL text to psql, in one transaction that commits only when the whole text has arrived."""
    options = ["--no-owner", "--no-privileges", "--file=-", str(source)]
    reading = await _start("pg_restore", options, binaries, stdout=asyncio.subprocess.PIPE, limit=_CHUNK)
    command = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
    writing = await _start("psql", command, binaries, dsn=dsn, stdin=asyncio.subprocess.PIPE)
    assert reading.stdout is not None
    assert writing.stdin is not None
    async with _killed_at_end(reading, writing):
        errors = asyncio.create_task(_errors(writing))
        writing.stdin.write(b"BEGIN;\n")
        with suppress(ConnectionError):  # psql stopped; its error output says why
            await _copy(reading.stdout, writing.stdin)
            await _check_exit("pg_restore", reading, _errors(reading))
            writing.stdin.write(b"COMMIT;\n")
            writing.stdin.close()
        await _check_exit("psql", writing, errors)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    for _ in range(_HEADER_LINES):
        line = await source.readline()
        # pg_restore 17 and newer sends this to every server. Servers before 17 do not know the setting and refuse it.
        if not line.startswith(b"SET transaction_timeout"):
            target.write(line)
    while chunk := await source.read(_CHUNK):
        target.write(chunk)
        await target.drain()


async def _dump(name: str, options: list[str], dsn: str, binaries: Path | None, stdout: IO[bytes]) -> None:
    process = await _start(name, options, binaries, dsn=dsn, stdout=stdout)
    async with _killed_at_end(process):
        await _check_exit(name, process, _errors(process))


async def _start(name: str, options: list[str], binaries: Path | None, *, dsn: str = "", **streams: Any) -> Process:
    parts = {key: value for key, value in conninfo_to_dict(dsn).items() if value is not None}
    password = parts.pop("password", None)
    # The password goes into the environment, because every user of the machine can read the arguments.
    environment = {**os.environ, **({"PGPASSWORD": str(password)} if password else {})}
    address = [f"--dbname={make_conninfo('', **parts)}"] if dsn else []
    streams = {"stdin": asyncio.subprocess.DEVNULL, "stdout": asyncio.subprocess.DEVNULL, **streams}
    program = str(find_binaries(binaries).path / name)
    return await asyncio.create_subprocess_exec(
        program, *address, *options, stderr=asyncio.subprocess.PIPE, env=environment, **streams
    )


async def _errors(process: Process) -> str:
    assert process.stderr is not None
    return (await process.stderr.read()).decode(errors="replace")[-800:].strip()


async def _check_exit(name: str, process: Process, errors: Awaitable[str]) -> None:
    said = await errors
    if await process.wait():
        raise BackupFailed(f"{name} failed: {said}")


@asynccontextmanager
async def _killed_at_end(*processes: Process) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
            if process.stdin is not None:
                process.stdin.close()
            await process.wait()
