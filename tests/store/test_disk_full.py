"""A full disk stops writes, not reads, and is forgotten when there is room again (S-097)."""

import asyncio
import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.store.serving import kill_server

from cobalt_link.store.database import Database, DatabaseUnavailable
from cobalt_link.store.embedded import acquire


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128m", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("this process may not mount a small disk")
    yield place
    if (place / "postgres").exists():
        kill_server(place / "postgres")
    subprocess.run(["umount", "-l", place], check=True)


async def test_a_full_disk_refuses_writes_and_heals_without_a_restart(small_disk: Path) -> None:
    async with await acquire(small_disk / "postgres") as lease:
        db = await Database.open(lease.dsn)
        await db.run("CREATE TABLE t (a int, filler text)")
        filler = small_disk / "filler"
        with filler.open("wb") as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(65536))
        acknowledged = []
        refused = None
        for n in range(5000):
            try:
                await db.run(
                    "INSERT INTO t SELECT %s, string_agg(md5(i::text), '') FROM generate_series(1, 1000) i", (n,)
                )
            except DatabaseUnavailable as error:
                refused = error
                break
            acknowledged.append(n)
        assert refused is not None
        filler.unlink()
        async with asyncio.timeout(60):
            while True:
                try:
                    await db.run("INSERT INTO t VALUES (-1)")
                    break
                except DatabaseUnavailable:
                    continue
        stored = {row["a"] for row in await db.rows("SELECT a FROM t")}
        assert {*acknowledged, -1} <= stored
        await db.close()


async def test_reads_go_on_while_a_table_cannot_grow(small_disk: Path) -> None:
    async with await acquire(small_disk / "postgres") as lease:
        db = await Database.open(lease.dsn)
        await db.run("CREATE TABLE t AS SELECT 42 AS a, NULL::text AS filler")
        with (small_disk / "filler").open("wb") as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(65536))
        with pytest.raises(DatabaseUnavailable, match="No space left"):
            # As one statement it fails while growing the table, before the log is full.
            await db.run("INSERT INTO t SELECT 1, repeat('x', 1000) FROM generate_series(1, 3000)")
        assert await db.rows("SELECT a FROM t") == [{"a": 42}]
        (small_disk / "filler").unlink()
        await db.run("INSERT INTO t VALUES (43)")
        await db.close()
