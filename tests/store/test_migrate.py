import asyncio
import random
import signal
import sys
from pathlib import Path

import psycopg
import pytest
from tests.store.conftest import Server
from tests.support.proof import MIGRATION_KILLS

from cobalt_link.store.backup import backup
from cobalt_link.store.database import Database, DatabaseUnavailable
from cobalt_link.store.migrate import MIGRATIONS, SchemaTooNew, migrate, pending


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty migrations that each need the one before."""
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE grown (step int);\nINSERT INTO grown VALUES (1);\n")
    for n in range(2, 20):
        (tmp_path / f"{n:04d}_more.sql").write_text(
            f"ALTER TABLE grown ADD COLUMN c{n} int; INSERT INTO grown (step, c{n}) SELECT {n}, count(*) FROM grown;"
        )
    (tmp_path / "0020_last.py").write_text("def sql():\n    return 'INSERT INTO grown (step) VALUES (20)'\n")
    return tmp_path


async def test_every_step_is_done_once_and_in_order(empty_dsn: str, folder: Path) -> None:
    names = sorted(path.name for path in folder.iterdir())
    assert await pending(empty_dsn, folder) == names
    assert await migrate(empty_dsn, folder) == names
    assert await migrate(empty_dsn, folder) == await pending(empty_dsn, folder) == []
    db = await Database.open(empty_dsn)
    assert [row["step"] for row in await db.rows("SELECT step FROM grown")] == list(range(1, 21))
    await db.close()


async def test_our_own_schema_is_complete_in_a_migrated_database(dsn: str) -> None:
    assert await pending(dsn) == []
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await connection.execute("SELECT 1 FROM procrastinate_jobs")


async def test_looking_at_what_is_pending_changes_nothing(empty_dsn: str, tmp_path: Path) -> None:
    await pending(empty_dsn)
    db = await Database.open(empty_dsn)
    assert await db.rows("SELECT 1 FROM pg_class WHERE relnamespace = 'public'::regnamespace") == []
    await db.close()


async def test_many_processes_may_migrate_at_once(empty_dsn: str, folder: Path) -> None:
    done = await asyncio.gather(*(migrate(empty_dsn, folder) for _ in range(6)))
    assert sorted(name for names in done for name in names) == sorted(path.name for path in folder.iterdir())


async def test_a_step_that_fails_leaves_nothing_of_itself(empty_dsn: str, folder: Path) -> None:
    (folder / "0021_broken.sql").write_text("CREATE TABLE half (a int); SELECT 1 / 0;")
    with pytest.raises(psycopg.errors.DivisionByZero):
        await migrate(empty_dsn, folder)
    assert await pending(empty_dsn, folder) == ["0021_broken.sql"]
    (folder / "0021_broken.sql").write_text("CREATE TABLE half (a int);")
    assert await migrate(empty_dsn, folder) == ["0021_broken.sql"]


# S-093
async def test_a_schema_newer_than_the_code_is_refused(empty_dsn: str, folder: Path) -> None:
    await migrate(empty_dsn, folder)
    (folder / "0020_last.py").unlink()
    for look in (migrate, pending):
        with pytest.raises(SchemaTooNew, match="0020"):
            await look(empty_dsn, folder)


async def test_two_steps_of_one_number_are_a_mistake(empty_dsn: str, folder: Path) -> None:
    (folder / "0003_other.sql").write_text("SELECT 1;")
    with pytest.raises(RuntimeError, match="0003"):
        await migrate(empty_dsn, folder)


async def test_our_own_steps_have_a_number_each() -> None:
    names = [path.name for path in MIGRATIONS.iterdir() if path.name[0].isdigit()]
    assert len({name[:4] for name in names}) == len(names)


async def test_no_server_is_told_as_unavailable(empty_dsn: str) -> None:
    with pytest.raises(DatabaseUnavailable):
        await migrate("host=127.0.0.1 port=1 dbname=none user=none")


_PROGRAM = """
import asyncio, sys
from pathlib import Path
from cobalt_link.store.migrate import migrate
print("go", flush=True)
asyncio.run(migrate(sys.argv[1], Path(sys.argv[2])))
"""


# S-100
async def test_a_migration_killed_anywhere_is_finished_by_the_next(empty_dsn: str, folder: Path) -> None:
    chance = random.Random(100)
    for path in folder.glob("00??_more.sql"):
        path.write_text(path.read_text() + "SELECT pg_sleep(0.01);")
    for _ in range(MIGRATION_KILLS.times):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _PROGRAM, empty_dsn, str(folder), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"go\n"
        try:
            async with asyncio.timeout(chance.uniform(0.02, 0.08)):
                await process.wait()
        except TimeoutError:
            process.send_signal(signal.SIGKILL)
            await process.wait()
    await migrate(empty_dsn, folder)
    db = await Database.open(empty_dsn)
    assert [row["step"] for row in await db.rows("SELECT step FROM grown")] == list(range(1, 21))
    await db.close()


# S-089
async def test_our_schema_grows_on_an_outside_server(outside: Server, tmp_path: Path) -> None:
    with psycopg.connect(outside.dsn, autocommit=True) as admin:
        admin.execute("CREATE DATABASE grown")
        dsn = psycopg.conninfo.make_conninfo(outside.dsn, dbname="grown")
        try:
            assert await migrate(dsn) != []
            assert await pending(dsn) == []
            await backup(dsn, tmp_path / "dump")
        finally:
            admin.execute("DROP DATABASE grown WITH (FORCE)")
