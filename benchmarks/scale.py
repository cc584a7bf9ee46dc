"""A million accounts: what calls and upkeep take, against the same calls with a thousand accounts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import httpx2

from benchmarks.filling import MILLION, Size, fill
from benchmarks.world import World, free_port, program, world
from cobalt_link.accounts.access import AccessTokens
from cobalt_link.accounts.table import AccountTable
from cobalt_link.connector.grant import EhrUser, Grant
from cobalt_link.developers.clients import Clients
from cobalt_link.kit import tokens
from cobalt_link.kit.clock import SystemClock
from cobalt_link.kit.ids import reference
from cobalt_link.link.session.sessions import LinkSessionTable
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.store.database import Database, Tx
from cobalt_link.store.partitions import BY_DAY, Partitions
from cobalt_link.web.paging import encoded

THOUSAND = Size(1_000, 3_000, 5_000, 3_000)
CALLS = 30
OF_ACCOUNT = ("accounts", "access_tokens", "data_keys")
OF_SESSION = ("link_tokens", "link_sessions")
OF_ENTRY = ("journal", "link_events")
Figures = dict[str, float]


class WatchedDatabase(Database):
    """Remembers how long a connection was in use at most: a statement, or a transaction."""

    longest = 0.0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Tx]:
        began = time.perf_counter()
        async with super().connection() as connection:
            yield connection
        self.longest = max(self.longest, time.perf_counter() - began)


async def run(size: Size = MILLION) -> None:
    """Fills two systems, one after the other."""
    small = await _figures(THOUSAND)
    large = await _figures(size)
    print(f"{size.accounts:,} accounts, {size.sessions:,} link sessions, {size.link_tokens:,} link tokens;", end=" ")
    print(f"baseline {THOUSAND.accounts:,} accounts")
    for name, value in large.items():
        print(f"  {name}: {value:.2f}; baseline {small[name]:.2f}")


async def _figures(size: Size) -> Figures:
    async with world() as here:
        began = time.perf_counter()
        await fill(here.db, size)
        found = {"filling, s": time.perf_counter() - began}
        found |= await _sizes(here.db, size)
        # The server works too: its upkeep runs beside the calls.
        port = free_port()
        serve = ("-m", "cobalt_link", "serve", "--port", str(port), "--public-url", f"http://127.0.0.1:{port}")
        async with program(*serve, env=here.env, port=port):
            found |= await _calls(here, f"http://127.0.0.1:{port}")
        return found | await _look_ups(here) | await _upkeep(here)


async def _sizes(db: Database, size: Size) -> Figures:
    async def of(*tables: str) -> float:
        sql = """SELECT sum(pg_total_relation_size(coalesce(relid, t))) AS size
                 FROM unnest(%s::regclass[]) t LEFT JOIN LATERAL pg_partition_tree(t) ON true"""
        row = await db.one(sql, (list(tables),))
        return float(row["size"]) if row else 0.0

    return {
        "bytes per account, with its token and key": await of(*OF_ACCOUNT) / size.accounts,
        "bytes per link session, with its link token": await of(*OF_SESSION) / size.sessions,
        "bytes per link session, of 6 journal entries and 8 events": sum(
            [await of(table) / size.entries * count for table, count in zip(OF_ENTRY, (6, 8), strict=True)]
        ),
        "bytes per read, of the audit": await of("audit") / size.accounts,
        "bytes per record id": await of("record_ids") / size.accounts,
    }


async def _calls(here: World, address: str) -> Figures:
    async with httpx2.AsyncClient(base_url=address, headers=await _client(here), trust_env=False, timeout=60) as http:

        async def listed(**query: Any) -> None:
            answer = await http.get("/v1/accounts", params=query)
            assert answer.status_code == 200, answer.text
            assert answer.json()["accounts"]

        async def created() -> None:
            wanted = {"user_id": "user-1", "org_id": "org-1"}
            assert (await http.post("/link/token/create", json=wanted)).status_code == 200

        sql = """SELECT linked_at, id, user_id, org_id FROM accounts WHERE client = md5('client 1') AND disconnected_at
                 IS NULL ORDER BY linked_at OFFSET (SELECT count(*) / 2 FROM accounts) LIMIT 1"""
        row = await here.db.one(sql)
        assert row is not None
        middle = encoded((row["linked_at"], row["id"]))
        found = {
            "GET /v1/accounts, ms": await _p50(listed),
            "GET /v1/accounts in the middle, ms": await _p50(lambda: listed(after=middle)),
            "GET /v1/accounts of a user, ms": await _p50(lambda: listed(user_id=row["user_id"])),
            "GET /v1/accounts of an org, ms": await _p50(lambda: listed(org_id=row["org_id"])),
            "link/token/create, ms": await _p50(created),
        }
        began = time.perf_counter()
        await asyncio.gather(*(listed(after=middle) for _ in range(12)))
        return found | {"twelve lists at once, ms in all": (time.perf_counter() - began) * 1000}


async def _client(here: World) -> dict[str, str]:
    """The credentials of the client that has most accounts. Its EHR is left open, so that tokens can be made."""
    clients, name = Clients(here.db, here.vault, SystemClock()), tokens.mint(tokens.CLIENT_ID, tokens.LIVE)
    await here.db.run("UPDATE clients SET client_id = %s WHERE id = md5('client 1')", (name,))
    await here.db.run("UPDATE orgs SET ehr = NULL WHERE client = md5('client 1')")
    secret = await clients.rotate_secret(await clients.find(name), timedelta())
    return {"client_id": name, "client_secret": secret}


async def _look_ups(here: World) -> Figures:
    db, clock = here.db, SystemClock()
    accounts = AccountTable(db, here.vault, DataKeys(db, here.vault), clock)
    sessions = LinkSessionTable(db, here.vault)
    row = await db.one("SELECT id FROM link_sessions LIMIT 1")
    assert row is not None
    grant = Grant(user=EhrUser(id="1", username="ann", name="Ann"), tenant="", session={}, known={})

    async def of_ehr_user() -> None:
        async with db.transaction() as tx:
            await accounts.of_ehr_user(tx, "sandbox", "https://ehr.example", grant)

    return {
        "accounts of an EHR user, ms": await _p50(of_ehr_user, 3),
        "addresses on a host, ms": await _p50(lambda: accounts.addresses_on_host("sandbox", "https://ehr.example")),
        "a link session by its reference, ms": await _p50(lambda: sessions.by_reference(reference(row["id"]))),
    }


async def _upkeep(here: World) -> Figures:
    db = await WatchedDatabase.open(here.db.dsn, size=2)
    clock, keys = SystemClock(), DataKeys(db, here.vault)
    accounts, access = AccountTable(db, here.vault, keys, clock), AccessTokens(db, here.vault, clock)
    today = datetime.now(UTC).date()

    async def drop_a_week() -> None:
        for table in BY_DAY:
            await Partitions(db, table).keep_days(today, today - timedelta(days=23))

    await db.run(
        "UPDATE access_tokens SET expires_at = now() - interval '1 minute' WHERE hash IN"
        " (SELECT hash FROM access_tokens LIMIT (SELECT count(*) / 50 FROM access_tokens))"
    )
    found: Figures = {}
    for name, work in {
        "a fiftieth of the access tokens ends": access.prune,
        "accounts that were disconnected end": lambda: accounts.prune(datetime.now(UTC)),
        "a week of link sessions is dropped": drop_a_week,
        "three months of the audit are dropped": lambda: Partitions(db, "audit").keep_months(
            today, today - timedelta(days=275)
        ),
    }.items():
        db.longest, began = 0.0, time.perf_counter()
        await work()
        found[f"{name}, ms in all"] = (time.perf_counter() - began) * 1000
        found[f"{name}, longest transaction, ms"] = db.longest * 1000
    found |= await _shredding(db, keys)
    await db.close()
    return found


async def _shredding(db: Database, keys: DataKeys) -> Figures:
    """One key is destroyed. A reader of the same part tells how long others wait."""
    sql = """SELECT owner, tableoid::regclass::text AS part FROM data_keys
             WHERE tableoid = (SELECT tableoid FROM data_keys LIMIT 1) LIMIT 2"""
    (gone, read), longest, done = await db.rows(sql), 0.0, asyncio.Event()
    async with db.transaction() as tx:
        await keys.destroy(tx, gone["owner"])

    async def reading() -> None:
        nonlocal longest
        while not done.is_set():
            began = time.perf_counter()
            await db.one("SELECT wrapped FROM data_keys WHERE owner = %s", (read["owner"],))
            longest = max(longest, time.perf_counter() - began)

    reader, began = asyncio.create_task(reading()), time.perf_counter()
    while not await keys.shred():
        await asyncio.sleep(0.1)
    took = time.perf_counter() - began
    done.set()
    await reader
    return {"a destroyed key leaves the disk, ms in all": took * 1000, "a read meanwhile, ms at most": longest * 1000}


async def _p50(call: Callable[[], Awaitable[object]], calls: int = CALLS) -> float:
    times = []
    for _ in range(calls):
        began = time.perf_counter()
        await call()
        times.append((time.perf_counter() - began) * 1000)
    return median(times)
