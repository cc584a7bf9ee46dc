"""S-064: a destroyed data key leaves the disk, heap and log, on a server of the test's own whose files it searches."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cobalt_link.store.data_keys import DataKeys
from cobalt_link.store.database import Database
from cobalt_link.store.embedded import acquire
from cobalt_link.vault import Keyring, Vault
from tests.support.clusters import ReadyMade


class Server:
    """A database, and where its files are."""

    def __init__(self, folder: Path, db: Database, path: Path) -> None:
        self.folder = folder
        self.db = db
        self.path = path
        self.keys = DataKeys(db, Vault(Keyring.load(path), path))

    async def wrapped(self, owner: str) -> bytes:
        """What can be searched for: the part of the wrapped key that no other has."""
        row = await self.db.one("SELECT wrapped FROM data_keys WHERE owner = %s", (owner,))
        assert row is not None
        return row["wrapped"][9:]

    async def destroy(self, owner: str) -> None:
        async with self.db.transaction() as tx:
            assert await self.keys.destroy(tx, owner)

    def files_with(self, needle: bytes) -> set[str]:
        """Under `base/` are the tables, under `pg_wal/` is the log."""
        data = self.folder / "data"
        found = (file for file in data.rglob("*") if file.is_file() and needle in file.read_bytes())
        return {file.relative_to(data).parts[0] for file in found}


@pytest.fixture
async def server(tmp_path: Path, ready_made: ReadyMade) -> AsyncIterator[Server]:
    path = tmp_path / "master.key"
    Keyring.generate().save(path)
    ready_made.put(tmp_path / "postgres")
    async with await acquire(tmp_path / "postgres") as lease:
        db = await Database.open(lease.dsn)
        made = Server(tmp_path / "postgres", db, path)
        async with db.transaction() as tx:
            for number in range(300):
                await made.keys.create(tx, f"account:{number}")
        await db.run("CHECKPOINT")
        yield made
        await db.close()


async def test_destroyed_keys_leave_tables_and_log_and_the_others_stay(server: Server) -> None:
    owners = [f"account:{number}" for number in (0, 7, 299)]
    needles = [await server.wrapped(owner) for owner in owners]
    kept = await server.wrapped("account:8")
    for owner in owners:
        await server.destroy(owner)
    await server.db.run("CHECKPOINT")
    # A page that is used again may have lost its deleted rows already; the log has them all.
    assert set.union(*map(server.files_with, needles)) == {"base", "pg_wal"}
    assert all(map(server.files_with, needles))
    assert await server.keys.shred() == 3
    assert [server.files_with(needle) for needle in needles] == [set()] * 3
    assert "base" in server.files_with(kept)
    assert await server.keys.get("account:8") is not None
    assert await server.keys.shred() == 0


async def test_vacuum_alone_would_not_do(server: Server) -> None:
    """Why the table is written anew: should this fail one day, `shred` can be simpler."""
    needle = await server.wrapped("account:299")
    await server.destroy("account:299")
    await server.db.run("VACUUM data_keys")
    await server.db.run("CHECKPOINT")
    assert server.files_with(needle)


async def test_replaced_wrapped_forms_leave_too(server: Server) -> None:
    """After a rotation, what the former master key could open is not on the disk any more."""
    needle = await server.wrapped("account:1")
    ring = Keyring.load(server.path)
    ring.rotate()
    ring.save(server.path)
    assert await server.keys.rewrap_all() == 300
    assert server.files_with(needle)
    assert await server.keys.shred() == 0
    assert server.files_with(needle) == set()
    assert await server.keys.get("account:1") is not None


async def test_a_key_that_an_open_transaction_still_sees_is_shredded_next_time(server: Server) -> None:
    needle = await server.wrapped("account:7")
    async with server.db.transaction() as backup:
        await backup.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        await backup.execute("SELECT 1")
        await server.destroy("account:7")
        assert await server.keys.shred() == 0
        assert server.files_with(needle)
    assert await server.keys.shred() == 1
    assert server.files_with(needle) == set()


async def test_keys_are_made_and_read_while_others_are_shredded(server: Server) -> None:
    async def busy() -> None:
        for number in range(300, 360):
            async with server.db.transaction() as tx:
                await server.keys.create(tx, f"account:{number}")
            assert await server.keys.get(f"account:{number - 200}") is not None

    async def shredding() -> int:
        gone = 0
        for number in range(10):
            await server.destroy(f"account:{number}")
            gone += await server.keys.shred()
        return gone

    gone, _ = await asyncio.gather(shredding(), busy())
    assert gone + await server.keys.shred() == 10
    row = await server.db.one("SELECT count(*) AS count FROM data_keys")
    assert row == {"count": 350}
