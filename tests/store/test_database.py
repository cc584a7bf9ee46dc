import asyncio
import signal

import psycopg
import pytest
from tests.store.conftest import Server

from cobalt_link.store import database
from cobalt_link.store.database import Database, DatabaseUnavailable, UnsafeDatabase


async def test_a_row_written_is_a_row_read(db: Database) -> None:
    await db.run("CREATE TABLE t (a int)")
    assert await db.run("INSERT INTO t VALUES (%s), (%s)", (1, 2)) == 2
    assert await db.rows("SELECT a FROM t ORDER BY a") == [{"a": 1}, {"a": 2}]
    assert await db.one("SELECT a FROM t WHERE a = %(a)s", {"a": 3}) is None


async def test_a_transaction_is_all_or_nothing(db: Database) -> None:
    await db.run("CREATE TABLE t (a int)")

    async def fail() -> None:
        async with db.transaction() as tx:
            await tx.execute("INSERT INTO t VALUES (1)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await db.rows("SELECT a FROM t") == []
    async with db.transaction() as tx:
        await tx.execute("INSERT INTO t VALUES (2)")
        assert await db.rows("SELECT a FROM t") == []
    assert await db.rows("SELECT a FROM t") == [{"a": 2}]


async def test_a_callers_own_mistake_is_not_called_unavailable(db: Database) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable):
        await db.rows("SELECT * FROM nothing_here")
    assert await db.one("SELECT 1 AS one") == {"one": 1}


async def test_times_come_back_in_utc_from_every_server(db: Database) -> None:
    row = await db.one("SELECT timestamptz '2026-03-01 12:00+05' AS at")
    assert row is not None and row["at"].isoformat() == "2026-03-01T07:00:00+00:00"


async def test_a_cancelled_caller_gives_its_connection_back(dsn: str) -> None:
    db = await Database.open(dsn, size=1)
    async with asyncio.timeout(10):
        sleeper = asyncio.create_task(db.run("SELECT pg_sleep(60)"))
        watcher = await Database.open(dsn, size=1)
        while not await watcher.rows("SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'"):
            pass
        sleeper.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeper
        assert await db.one("SELECT 1 AS one") == {"one": 1}
    await watcher.close()
    await db.close()


async def test_no_free_connection_in_time_is_told_as_unavailable(dsn: str) -> None:
    db = await Database.open(dsn, size=1, timeout=0.05)
    async with db.transaction():
        with pytest.raises(DatabaseUnavailable):
            await db.rows("SELECT 1")
    assert await db.one("SELECT 1 AS one") == {"one": 1}
    await db.close()


async def test_a_server_that_is_not_there_is_told_as_unavailable(outside: Server) -> None:
    outside.stop()
    try:
        with pytest.raises(DatabaseUnavailable, match="Nothing answers at this host and port"):
            await Database.open(outside.dsn, timeout=0.2)
    finally:
        outside.start()


# S-093
@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
async def test_a_server_that_could_lose_acknowledged_writes_is_refused(outside: Server, setting: str) -> None:
    outside.stop()
    outside.start(f"{setting}=off")
    try:
        with pytest.raises(UnsafeDatabase, match=f"Set {setting} = on"):
            await Database.open(outside.dsn)
    finally:
        outside.stop()
        outside.start()


# S-093
async def test_a_server_that_is_too_old_is_refused(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        version = connection.info.server_version
    monkeypatch.setattr(database, "MIN_VERSION", version + 1)
    with pytest.raises(UnsafeDatabase, match=f"is version {version // 10000}. Cobalt Link needs 15 or newer"):
        await Database.open(dsn)
    monkeypatch.setattr(database, "MIN_VERSION", version)
    await (await Database.open(dsn)).close()


# S-093: synchronous_commit can also be off for one role or database only
async def test_a_role_that_does_not_wait_for_the_disk_is_refused(outside: Server) -> None:
    with psycopg.connect(outside.dsn, autocommit=True) as admin:
        admin.execute("ALTER ROLE tester SET synchronous_commit = off")
    try:
        with pytest.raises(UnsafeDatabase, match="role"):
            await Database.open(outside.dsn)
    finally:
        with psycopg.connect(outside.dsn, autocommit=True) as admin:
            admin.execute("ALTER ROLE tester RESET synchronous_commit")


# S-101
async def test_the_pool_heals_after_the_server_was_killed_and_restarted(outside: Server) -> None:
    db = await Database.open(outside.dsn, size=8)
    await db.run("CREATE TABLE IF NOT EXISTS healed (a int)")
    await db.run("TRUNCATE healed")
    acknowledged = set()
    some = asyncio.Event()

    async def write(a: int) -> None:
        try:
            await db.run("INSERT INTO healed VALUES (%s)", (a,))
        except DatabaseUnavailable:
            return
        acknowledged.add(a)
        some.set()

    for round_ in range(3):
        some.clear()
        burst = [asyncio.create_task(write(round_ * 100 + n)) for n in range(60)]
        await some.wait()
        await asyncio.to_thread(outside.stop, signal.SIGQUIT)
        await asyncio.to_thread(outside.start)
        await asyncio.gather(*burst)
        # Not one caller after the restart meets a dead connection.
        await asyncio.gather(*(db.rows("SELECT 1") for _ in range(20)))
    stored = {row["a"] for row in await db.rows("SELECT a FROM healed")}
    assert acknowledged <= stored
    await db.run("DROP TABLE healed")
    await db.close()
