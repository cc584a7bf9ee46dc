import asyncio
from collections.abc import Sequence

import psycopg
import pytest
from tests.store.conftest import Server
from tests.support.proof import ANSWERED_WRITES

from cobalt_link.store.database import Database, Tx
from cobalt_link.store.grouped import Grouped

# S-095


@pytest.fixture
async def table(db: Database) -> Database:
    await db.run("CREATE TABLE t (a int PRIMARY KEY, xid xid8 DEFAULT pg_current_xact_id())")
    return db


async def store(tx: Tx, items: Sequence[int]) -> list[int]:
    cursor = await tx.execute("INSERT INTO t (a) SELECT unnest(%s::int[]) RETURNING a * 2 AS double", (list(items),))
    return [row["double"] for row in await cursor.fetchall()]


async def test_each_caller_gets_its_own_result_and_groups_share_a_transaction(table: Database) -> None:
    grouped = Grouped(table, store)
    assert await asyncio.gather(*(grouped(n) for n in range(100))) == [n * 2 for n in range(100)]
    rows = await table.rows("SELECT count(*) AS n FROM t GROUP BY xid")
    assert sum(row["n"] for row in rows) == 100
    assert len(rows) < 10


@pytest.mark.parametrize("single", [False, True])
async def test_the_answer_follows_the_commit(table: Database, dsn: str, single: bool) -> None:
    other = await Database.open(dsn, size=4)
    grouped = Grouped(table, store, single=single)

    async def write_then_look(n: int) -> bool:
        await grouped(n)
        return bool(await other.rows("SELECT 1 FROM t WHERE a = %s", (n,)))

    assert all(await asyncio.gather(*(write_then_look(n) for n in range(ANSWERED_WRITES.times))))
    await other.close()


async def test_no_write_waits_forever_when_callers_come_back_at_once(table: Database) -> None:
    grouped = Grouped(table, store)

    async def client(first: int) -> None:
        for n in range(first, first + 50):
            await grouped(n)

    async with asyncio.timeout(60):
        await asyncio.gather(*(client(first * 50) for first in range(16)))
    assert await table.one("SELECT count(*) AS n FROM t") == {"n": 800}


@pytest.mark.parametrize("single", [False, True])
async def test_a_failed_group_answers_every_caller_and_stores_nothing(table: Database, single: bool) -> None:
    grouped = Grouped(table, store, single=single)
    answers = await asyncio.gather(*(grouped(n) for n in [1, 2, 3, 3]), return_exceptions=True)
    assert [type(answer) for answer in answers] == [psycopg.errors.UniqueViolation] * 4
    assert await table.rows("SELECT a FROM t") == []
    assert await grouped(4) == 8


async def test_a_write_that_forgets_a_result_fails_before_the_commit(table: Database) -> None:
    async def forgetful(tx: Tx, items: Sequence[int]) -> list[int]:
        return (await store(tx, items))[1:]

    answers = await asyncio.gather(*(Grouped(table, forgetful)(n) for n in [1, 2]), return_exceptions=True)
    assert [type(answer) for answer in answers] == [RuntimeError] * 2
    assert await table.rows("SELECT a FROM t") == []


async def test_one_cancelled_caller_does_not_hurt_the_others(table: Database) -> None:
    started, go = asyncio.Event(), asyncio.Event()

    async def held(tx: Tx, items: Sequence[int]) -> list[int]:
        started.set()
        await go.wait()
        return await store(tx, items)

    grouped = Grouped(table, held)
    in_flight = [asyncio.create_task(grouped(n)) for n in [1, 2]]
    await started.wait()
    waiting = [asyncio.create_task(grouped(n)) for n in [3, 4]]
    await asyncio.sleep(0)
    in_flight[0].cancel()
    waiting[0].cancel()
    await asyncio.sleep(0)
    go.set()
    answers = await asyncio.gather(*in_flight, *waiting, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError) and isinstance(answers[2], asyncio.CancelledError)
    assert (answers[1], answers[3]) == (4, 8)
    stored = {row["a"] for row in await table.rows("SELECT a FROM t")}
    assert {1, 2, 4} <= stored  # what was in flight is written; a caller that left before may be left out


async def test_a_crowd_behind_groups_that_take_long_is_written_beside_them(table: Database) -> None:
    begun, go = asyncio.Queue(), asyncio.Event()

    async def held(tx: Tx, items: Sequence[int]) -> list[int]:
        begun.put_nowait(items)
        if items[0] < 3:
            await go.wait()
        return await store(tx, items)

    grouped = Grouped(table, held)
    slow = []
    for n in (1, 2):
        slow.append(asyncio.create_task(grouped(n)))
        assert await begun.get() == [n]
    few = [asyncio.create_task(grouped(n)) for n in (3, 4, 5)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert begun.empty() and not go.is_set()
    crowd = [*few, asyncio.create_task(grouped(6))]
    assert await asyncio.gather(*crowd) == [6, 8, 10, 12]
    assert not any(each.done() for each in slow)
    go.set()
    assert await asyncio.gather(*slow) == [2, 4]


async def test_a_group_is_never_larger_than_its_limit(table: Database) -> None:
    sizes = []

    async def counted(tx: Tx, items: Sequence[int]) -> list[int]:
        sizes.append(len(items))
        return await store(tx, items)

    await asyncio.gather(*(Grouped(table, counted, limit=10)(n) for n in range(3)))
    grouped = Grouped(table, counted, limit=10)
    await asyncio.gather(*(grouped(n) for n in range(100, 200)))
    assert max(sizes) == 10


# S-089
async def test_groups_work_on_an_outside_server(outside: Server) -> None:
    db = await Database.open(outside.dsn)
    await db.run("CREATE TABLE t (a int PRIMARY KEY)")
    try:
        assert sorted(await asyncio.gather(*(Grouped(db, store)(n) for n in range(5)))) == [0, 2, 4, 6, 8]
    finally:
        await db.run("DROP TABLE t")
        await db.close()
