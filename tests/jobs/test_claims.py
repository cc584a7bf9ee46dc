"""Claims on a table that holds work: one worker at a time, and one that lost its claim changes nothing."""

import asyncio
import re
from datetime import timedelta
from pathlib import Path

import pytest

import cobalt_link
from cobalt_link.jobs.claims import ABANDONED, CLAIM, CLAIMED, FREE, LEASE, RELEASE, Claims, LostClaim, Work
from cobalt_link.store.database import Database, Row

COLUMNS = "fence bigint NOT NULL DEFAULT 0, claim bigint, claimed_until timestamptz"
ERRAND = Work(
    name="errands",
    claim=f"UPDATE errands SET {CLAIM} WHERE id = %(id)s AND NOT done AND {FREE} RETURNING id, claim",
    keep=f"UPDATE errands SET {LEASE} WHERE id = %(id)s AND {CLAIMED}",
    sweep=f"SELECT id FROM errands WHERE NOT done AND {ABANDONED}",
)
DONE = f"UPDATE errands SET done = true, {RELEASE} WHERE id = %(id)s AND {CLAIMED}"


@pytest.fixture
async def claims(db: Database) -> Claims:
    await db.run(f"CREATE TABLE errands (id text PRIMARY KEY, done boolean NOT NULL DEFAULT false, {COLUMNS})")
    await db.run("INSERT INTO errands (id) VALUES ('a'), ('b')")
    return Claims(db, ERRAND, timedelta(seconds=30))


async def taken(claims: Claims) -> Row:
    row = await claims.take("a")
    assert row is not None
    return row


async def lease_runs_out(db: Database) -> None:
    await db.run("UPDATE errands SET claimed_until = clock_timestamp() - interval '1 second' WHERE claim IS NOT NULL")


async def test_of_many_workers_one_takes_a_row(claims: Claims) -> None:
    found = await asyncio.gather(*(claims.take("a") for _ in range(20)))
    assert len([each for each in found if each]) == 1
    assert await claims.take("b")


async def test_a_claim_that_is_given_back_leaves_nothing_to_take_and_settles_once(claims: Claims) -> None:
    row = await taken(claims)
    await claims.settle(DONE, row)
    assert await claims.take("a") is None
    with pytest.raises(LostClaim):
        await claims.settle(DONE, row)


async def test_a_worker_past_its_lease_settles_nothing_once_another_has_the_row(db: Database, claims: Claims) -> None:
    slow = await taken(claims)
    await lease_runs_out(db)
    fast = await taken(claims)
    assert fast["claim"] > slow["claim"]
    with pytest.raises(LostClaim):
        await claims.settle(DONE, slow)
    async with db.transaction() as tx:
        await claims.settle(DONE, fast, tx)


async def test_a_worker_past_its_lease_may_settle_while_nobody_else_has_the_row(db: Database, claims: Claims) -> None:
    row = await taken(claims)
    await lease_runs_out(db)
    await claims.settle(DONE, row)


async def test_a_row_that_was_taken_away_is_settled_no_more(db: Database, claims: Claims) -> None:
    row = await taken(claims)
    await db.run(f"UPDATE errands SET {RELEASE} WHERE id = 'a'")
    with pytest.raises(LostClaim):
        await claims.settle(DONE, row)
    assert (await taken(claims))["claim"] > row["claim"]


async def test_a_sweep_finds_only_what_lost_its_worker(db: Database, claims: Claims) -> None:
    await taken(claims)
    assert await claims.swept() == []
    await lease_runs_out(db)
    assert await claims.swept() == [{"id": "a"}]


async def test_a_heartbeat_keeps_the_claim_for_longer_than_its_lease(claims: Claims) -> None:
    claims.lease = timedelta(seconds=0.3)
    row = await taken(claims)
    async with claims.kept(row["id"], row["claim"]):
        for _ in range(10):
            await asyncio.sleep(0.1)
            assert await claims.take("a") is None
    await asyncio.sleep(0.5)
    assert await claims.take("a")


async def test_a_heartbeat_outlives_a_database_that_is_away_for_a_moment(
    claims: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims.lease = timedelta(seconds=0.6)
    row, run, asked = await taken(claims), claims._db.run, list[str]()

    async def away_at_first(sql: str, given: object) -> int:
        asked.append(sql)
        if len(asked) == 1:
            raise ConnectionError
        return await run(sql, given)  # type: ignore[arg-type]

    monkeypatch.setattr(claims._db, "run", away_at_first)
    async with claims.kept(row["id"], row["claim"]):
        await asyncio.sleep(1.0)
        assert await claims.take("a") is None


async def test_a_heartbeat_does_not_take_back_what_is_lost(db: Database, claims: Claims) -> None:
    claims.lease = timedelta(seconds=0.3)
    slow = await taken(claims)
    await lease_runs_out(db)
    claims.lease = timedelta(seconds=30)
    fast = await taken(claims)
    claims.lease = timedelta(seconds=0.3)
    async with claims.kept(slow["id"], slow["claim"]):
        await asyncio.sleep(0.3)
    await claims.settle(DONE, fast)


# The times of work that several processes must agree on.
SHARED = "claimed_until|wake_at|back_off_until"
CLOCKS = re.compile(rf"\b(?:{SHARED})\s*(?:<=?|>=?|=)\s*(clock_timestamp\(\)|NULL|\S+)")


def test_the_times_of_a_claim_run_by_the_databases_clock_everywhere() -> None:
    sources = {path: path.read_text() for path in Path(cobalt_link.__file__).parent.rglob("*.py")}
    used = {found for text in sources.values() for found in CLOCKS.findall(text)}
    assert used == {"clock_timestamp()", "NULL"}
    assert len([path for path, text in sources.items() if CLOCKS.search(text)]) >= 3


def test_the_rule_of_the_clock_finds_a_process_s_own_time() -> None:
    assert CLOCKS.findall("WHERE wake_at <= %(now)s AND claimed_until = clock_timestamp() + x") == [
        "%(now)s", "clock_timestamp()",
    ]  # fmt: skip
