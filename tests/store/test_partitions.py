"""Large tables have partitions by time, which are dropped as a whole (S-098). A database in use is converted later."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import LiteralString

import httpx2
import pytest
from tests.support.text_browser import link_by_http, public_token_by_http
from tests.support.world import Sandbox, Shop, open_for_business, opened, settings_for, shop

from cobalt_link.app import House
from cobalt_link.kit.clock import MovedClock
from cobalt_link.kit.ids import dated_id, day_of_ids
from cobalt_link.link.session.sessions import LinkSessionTable, NewLinkSession
from cobalt_link.store import partitions
from cobalt_link.store.database import Database
from cobalt_link.store.migrate import MIGRATIONS, migrate
from cobalt_link.store.partitions import Partitions
from cobalt_link.store.turns import one_at_a_time
from cobalt_link.vault import Keyring, Vault

TODAY = datetime.now(UTC).date()
DAY = timedelta(days=1)
BY_TIME: tuple[LiteralString, ...] = ("audit", "journal", "link_events", "link_sessions", "record_ids")
ALWAYS = ["data_keys", "webhook_events", "webhook_tries"]  # those that no release had as a whole


async def names(db: Database, table: str) -> list[str]:
    return [row["name"].removeprefix(f"{table}_") for row in await db.rows(partitions.LIST, (table,))]


def named(*days: int) -> list[str]:
    return [f"{TODAY + each * DAY:%Y%m%d}_{TODAY + (each + 1) * DAY:%Y%m%d}" for each in days]


async def partitioned(db: Database) -> list[str]:
    rows = await db.rows("SELECT relname FROM pg_class WHERE relkind = 'p' ORDER BY relname")
    return [row["relname"] for row in rows]


async def test_a_new_database_has_the_tables_in_partitions(db: Database) -> None:
    assert await partitioned(db) == sorted([*BY_TIME, *ALWAYS])
    assert (await names(db, "journal"))[1:] == [*named(0, 1, 2, 3), "other"]


async def test_days_are_added_ahead_and_dropped_when_they_are_over(db: Database) -> None:
    journal = Partitions(db, "journal")
    for day in range(5):
        now = datetime.now(UTC) + day * DAY
        await db.run(
            "INSERT INTO journal (link_session, n, kind, name, state, began_at) VALUES (%s, 1, 'ask', '', 'open', %s)",
            (dated_id(now), now),
        )
        await journal.keep_days(now.date(), now.date() - 2 * DAY)
    assert await names(db, "journal") == [*named(*range(2, 8)), "other"]
    assert len(await db.rows("SELECT FROM journal")) == 3
    assert await db.rows("SELECT FROM journal_other") == []


async def test_a_row_of_a_day_without_a_partition_is_kept_until_it_is_deleted(db: Database) -> None:
    """Such as after days in which no worker ran."""
    later = datetime.now(UTC) + 20 * DAY
    sql = "INSERT INTO journal (link_session, n, kind, name, state, began_at) VALUES (%s, 1, 'ask', '', 'open', now())"
    await db.run(sql, (dated_id(later),))
    await Partitions(db, "journal").keep_days(later.date(), TODAY)
    assert len(await db.rows("SELECT FROM journal_other")) == 1
    assert named(21)[0] in await names(db, "journal") and named(20)[0] not in await names(db, "journal")
    await db.run(sql, (dated_id(later),))
    assert len(await db.rows("SELECT FROM journal_other")) == 2


async def test_a_long_retention_needs_few_partitions(db: Database) -> None:
    for day in range(0, 70, 1):
        today = TODAY + day * DAY
        await Partitions(db, "journal").keep_days(today, today - 400 * DAY)
    assert len(await names(db, "journal")) <= 10


async def test_a_partition_that_is_read_holds_up_nobody_for_long(db: Database) -> None:
    async with db.transaction() as reader:
        await reader.execute("SELECT FROM journal")
        async with asyncio.timeout(2):
            await Partitions(db, "journal").keep_days(TODAY, TODAY + DAY)
            await db.rows("SELECT FROM journal")
    assert named(0)[0] in await names(db, "journal")
    await Partitions(db, "journal").keep_days(TODAY, TODAY + DAY)
    assert named(0)[0] not in await names(db, "journal")


async def test_a_link_token_opens_one_session_even_around_midnight(db: Database) -> None:
    """Each of them would be the only one in its partition."""
    sessions = LinkSessionTable(db, Vault(Keyring.generate()))
    for token in (f"{number}".encode() for number in range(5)):
        await db.run(
            "INSERT INTO link_tokens (hash, client, created_at, expires_at) VALUES (%s, 'c', now(), now())", (token,)
        )

        async def opening(token: bytes, day: int) -> bool:
            now = datetime.now(UTC) + day * DAY
            new = NewLinkSession(
                id=dated_id(now), link_token=token, client="c", browser=b"", created_at=now, expires_at=now
            )
            async with db.transaction() as tx:
                return await sessions.open(tx, new)

        won = await asyncio.gather(*(opening(token, day % 2) for day in range(6)))
        assert won.count(True) == 1


def test_an_id_begins_with_its_day_as_the_database_has_it() -> None:
    made = [dated_id(datetime(2026, 11, 28, 23, 59, tzinfo=UTC)) for _ in range(100)]
    assert {len(each) for each in made} == {32}
    assert len(set(made)) == 100
    assert {each[:6] for each in made} == {day_of_ids(datetime(2026, 11, 28).date())} == {"ff5131"}


async def test_the_database_makes_the_same_days(db: Database) -> None:
    assert await db.one("SELECT cobalt_day(%s) AS day", (TODAY,)) == {"day": day_of_ids(TODAY)}


# ── a database in use ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def former(empty_dsn: str, tmp_path: Path) -> AsyncIterator[tuple[str, Database]]:
    """A database that the former release has used, migrated by this one."""
    shutil.copytree(MIGRATIONS, tmp_path / "former", ignore=lambda _, files: [each for each in files if each > "006"])
    await migrate(empty_dsn, tmp_path / "former")
    db = await Database.open(empty_dsn, size=4)
    for sql in FORMER_ROWS:
        await db.run(sql)
    await migrate(empty_dsn)
    yield empty_dsn, db
    await db.close()


FORMER_ROWS: tuple[LiteralString, ...] = (
    "INSERT INTO clients (id, client_id, name, env, created_at) VALUES (repeat('a', 32), 'ci', 'Acme', 'live', now())",
    "INSERT INTO data_keys (owner, wrapped) VALUES ('account:1', '\\x01'), ('account:2', '\\x02')",
    """INSERT INTO link_sessions
           (id, link_token, client, browser, state, public_key, created_at, expires_at, settled_at)
       VALUES (repeat('e', 32), 'old', 'c', 'b', 'left', 'k', now(), now(), now())""",
    """INSERT INTO journal (link_session, n, kind, name, state, began_at)
       VALUES (repeat('e', 32), 1, 'ask', '', 'open', now())""",
    "INSERT INTO link_events (link_token, seq, name, at) VALUES ('old', 1, 'opened', now())",
    "INSERT INTO audit (at, client, what) VALUES (now(), 'c', 'read'), (now(), 'c', 'read')",
    """INSERT INTO record_ids (org, id, client, kind, scope, sealed_ehr_id)
       VALUES ('o', repeat('f', 32), 'c', 'patient', 's', 'x')""",
)
# What the former release writes, in its own words.
FORMER_WRITES: tuple[LiteralString, ...] = (
    """INSERT INTO link_sessions (id, link_token, client, browser, state, public_key, created_at, expires_at)
       VALUES (repeat('d', 32), 'new', 'c', 'b', 'due', 'k', now(), now()) ON CONFLICT (link_token) DO NOTHING""",
    """INSERT INTO journal (link_session, n, kind, name, state, began_at)
       VALUES (repeat('d', 32), 1, 'ask', '', 'open', now())
       ON CONFLICT (link_session, n) DO UPDATE SET state = excluded.state""",
    """INSERT INTO link_events (link_token, seq, name, at)
       SELECT 'new', coalesce(max(seq), 0) + 1, 'opened', now() FROM link_events WHERE link_token = 'new'""",
    """INSERT INTO record_ids (org, client, id, kind, scope, sealed_ehr_id)
       VALUES ('o', 'c', repeat('1', 32), 'patient', 's', 'x') ON CONFLICT (org, id) DO NOTHING""",
    "INSERT INTO audit (at, client, what) SELECT now(), 'c', 'read'",
    "INSERT INTO data_keys (owner, wrapped) VALUES ('account:1', 'x') ON CONFLICT (owner) DO NOTHING",
    """WITH gone AS (DELETE FROM data_keys WHERE owner = 'account:2' RETURNING owner)
       INSERT INTO data_keys_erased (owner) SELECT owner FROM gone""",
    "VACUUM (FULL, VERBOSE) data_keys",
    "DELETE FROM link_sessions WHERE settled_at < now() - interval '1 day'",
)


# S-100
async def test_the_former_release_works_with_the_new_schema(former: tuple[str, Database]) -> None:
    """S-093: its processes may run for a week beside those of this release."""
    _, db = former
    assert await partitioned(db) == ALWAYS
    for sql in FORMER_WRITES:
        await db.run(sql)
    assert not await partitions.convert(db, datetime.now(UTC))
    assert await partitioned(db) == ALWAYS


async def week_later(db: Database) -> None:
    await db.run("UPDATE schema_migrations SET done_at = done_at - interval '8 days'")


async def test_a_week_later_the_tables_are_converted_and_nothing_is_lost(former: tuple[str, Database]) -> None:
    _, db = former
    before = {table: await db.rows(f"SELECT * FROM {table}") for table in BY_TIME}
    await week_later(db)
    assert await partitions.convert(db, datetime.now(UTC))
    assert [name for name in await partitioned(db) if name not in ALWAYS] == list(BY_TIME)
    assert {table: await db.rows(f"SELECT * FROM {table}") for table in BY_TIME} == before
    assert not await partitions.convert(db, datetime.now(UTC)), "It is done once."
    # The next days get partitions, and numbers of the audit go on.
    await Partitions(db, "journal").keep_days(TODAY, TODAY - 30 * DAY)
    assert await names(db, "journal") == [f"19700101_{TODAY + 2 * DAY:%Y%m%d}", *named(2, 3), "other"]
    await db.run("INSERT INTO audit (at, client, what) VALUES (now(), 'c', 'linked')")
    assert [row["what"] for row in await db.rows("SELECT what FROM audit ORDER BY id")] == ["read", "read", "linked"]
    # What is left of the former release ends with its partition.
    await Partitions(db, "journal").keep_days(TODAY + 40 * DAY, TODAY + 10 * DAY)
    assert await db.rows("SELECT FROM journal") == []


async def test_an_id_of_the_former_release_that_sorts_among_those_of_this_one_is_waited_for(
    former: tuple[str, Database],
) -> None:
    _, db = former
    await week_later(db)
    await db.run(
        "INSERT INTO link_sessions (id, link_token, client, browser, state, public_key, created_at, expires_at)"
        " VALUES (repeat('f', 32), 'b', 'c', 'b', 'due', 'k', now(), now())"
    )
    assert not await partitions.convert(db, datetime.now(UTC))
    assert await partitioned(db) == ALWAYS
    await db.run("DELETE FROM link_sessions WHERE link_token = 'b'")
    assert await partitions.convert(db, datetime.now(UTC))


async def test_people_link_before_and_after_the_conversion(
    former: tuple[str, Database], tmp_path: Path, sandbox: Sandbox, clock: MovedClock
) -> None:
    """The statements of this release work with both forms, and a session that is open meanwhile goes on."""
    dsn, db = former
    await db.run("DELETE FROM data_keys")  # made up, and sealed by no keyring
    async with (
        opened(settings_for(tmp_path, dsn, sandbox.address), clock) as house,
        open_for_business(house) as http,
    ):
        acme = await shop(house, http, "Acme Scribe")
        assert await linked(acme, http, "before")
        page = await link_by_http(http, open_one := await acme.link_token(user_id="open"), until="credentials")
        await week_later(db)
        assert await partitions.convert(db, clock.now())
        assert page.form
        assert (await acme.session(open_one))["state"] == "open"
        assert len((await acme.session(open_one))["events"]) > 1
        assert await linked(acme, http, "after")
        await prune(house)
    assert len(await db.rows("SELECT FROM audit WHERE what = 'linked'")) >= 1


async def linked(acme: Shop, http: httpx2.AsyncClient, user_id: str) -> bool:
    public = await public_token_by_http(http, await acme.link_token(user_id=user_id))
    return (await acme.exchange(public)).status_code == 200


async def prune(house: House) -> None:
    for chore in house.chores:
        if chore.name in ("pruning", "shredding", "record ids", "expiry"):
            await chore.work()


async def test_one_process_at_a_time_does_a_chore(db: Database) -> None:
    running, most = 0, 0

    async def work() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.05)
        running -= 1

    turns = [one_at_a_time(db, "pruning", work) for _ in range(5)]
    await asyncio.gather(*(turn() for turn in turns))
    assert most == 1

    async def failing() -> None:
        raise ValueError("no luck")

    with pytest.raises(ValueError, match="no luck"):
        await one_at_a_time(db, "pruning", failing)()
    await turns[0]()
    assert await db.rows("SELECT FROM upkeep_turns") == []
    # A process that died in its turn: the others go on when its time is over.
    await db.run("INSERT INTO upkeep_turns (chore, until) VALUES ('pruning', now() - interval '1 second')")
    most = 0
    await turns[0]()
    assert most == 1
