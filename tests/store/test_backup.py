import asyncio
import stat
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from tests.conftest import database_on
from tests.store.conftest import Server

from cobalt_link.store.backup import BackupFailed, DatabaseNotEmpty, backup, restore
from cobalt_link.store.binaries import find_binaries
from cobalt_link.store.database import Database
from cobalt_link.store.migrate import migrate

# S-099


async def dumped(dsn: str) -> str:
    """The database as text, without the lines that differ by run."""
    process = await asyncio.create_subprocess_exec(
        str(find_binaries().path / "pg_dump"), "-d", dsn, "--no-owner", stdout=asyncio.subprocess.PIPE
    )
    text, _ = await process.communicate()
    assert process.returncode == 0
    return "\n".join(line for line in text.decode().splitlines() if "restrict" not in line and line[:2] != "--")


async def test_a_restored_database_equals_the_one_backed_up(dsn: str, empty_dsn: str, tmp_path: Path) -> None:
    before = await Database.open(dsn)
    await before.run("CREATE TABLE things (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, seal bytea)")
    await before.run(
        "INSERT INTO things (name, seal) SELECT 'thing ' || n, sha256(n::text::bytea) FROM generate_series(1, 1000) n"
    )
    await before.close()
    file = tmp_path / "all.dump"
    await backup(dsn, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["all.dump"]
    await restore(empty_dsn, file)
    original = await dumped(dsn)
    assert "thing 1000" in original
    assert await dumped(empty_dsn) == original


async def test_restoring_over_data_is_refused_unless_told(dsn: str, empty_dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "all.dump"
    await backup(dsn, file)
    later = await Database.open(empty_dsn)
    await later.run("CREATE TABLE made_by_a_later_release (a int)")
    with pytest.raises(DatabaseNotEmpty, match="--replace"):
        await restore(empty_dsn, file)
    assert await later.rows("SELECT * FROM made_by_a_later_release") == []
    await restore(empty_dsn, file, replace=True)
    assert await dumped(empty_dsn) == await dumped(dsn)
    with pytest.raises(psycopg.errors.UndefinedTable):
        await later.rows("SELECT * FROM made_by_a_later_release")
    await later.close()


async def test_a_restore_that_fails_leaves_what_was_there(dsn: str, empty_dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "all.dump"
    await backup(dsn, file)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    there = await Database.open(empty_dsn)
    await there.run("CREATE TABLE precious AS SELECT 42 AS a")
    with pytest.raises(BackupFailed, match=r"(pg_restore|psql) failed"):
        await restore(empty_dsn, file, replace=True)
    assert await there.one("SELECT a FROM precious") == {"a": 42}
    await there.close()


async def test_a_backup_that_fails_leaves_no_file(dsn: str, tmp_path: Path) -> None:
    with pytest.raises(BackupFailed, match="pg_dump failed"):
        await backup(make_conninfo(dsn, dbname="missing"), tmp_path / "all.dump")
    assert list(tmp_path.iterdir()) == []


async def test_no_backup_file_is_said_plainly(empty_dsn: str, tmp_path: Path) -> None:
    with pytest.raises(BackupFailed, match="no backup file"):
        await restore(empty_dsn, tmp_path / "missing.dump")


# S-089: the wheel's newer programs serve an older server, whose address holds a password
async def test_backup_and_restore_work_on_an_outside_server_of_an_older_version(
    outside: Server, tmp_path: Path
) -> None:
    async with database_on(outside.dsn) as first, database_on(outside.dsn) as second:
        await migrate(first)
        await backup(first, tmp_path / "all.dump")
        await restore(second, tmp_path / "all.dump")
        assert await dumped(second) == await dumped(first)
