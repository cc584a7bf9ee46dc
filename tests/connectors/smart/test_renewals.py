"""Refresh tokens that end with their second use: one process uses each, and what a lost answer costs is said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.problems import EhrUnavailable, ReconnectRequired
from cobalt_link.connector import EhrInstance
from cobalt_link.connectors.smart import Smart
from cobalt_link.net.http import Http
from cobalt_link.store.database import Database
from tests.accounts.processes import Process
from tests.accounts.reader import providers
from tests.accounts.world import World
from tests.connectors.smart.runs import granted, run
from tests.support.ehrs.smart import App, Registered, SmartEhr

CALLS, PROCESSES, ROUNDS = 64, 2, 3


@pytest.fixture
async def world(db: Database, ehr: SmartEhr) -> AsyncIterator[World]:
    http = Http(allow_private=True)
    yield World(db, connectors={"smart": Smart(http, Registered(App(ehr.address)))})
    await http.close()


@pytest.fixture
async def account(world: World, ehr: SmartEhr) -> Account:
    connector = world.connectors["smart"]
    assert isinstance(connector, Smart)
    grant, org = granted(await run(connector, ehr)), await world.org(await world.client())
    kept = await world.keep(org, connector="smart", instance=EhrInstance(address=ehr.address), grant=grant, answers={})
    ehr.access.clear()  # what follows meets an access token that has ended
    return kept


async def reads(world: World, account: Account) -> int:
    """How many providers another process sees."""
    return len(await world.new_sessions().read(await world.again(account), providers))


async def test_calls_in_two_processes_use_each_refresh_token_once(
    world: World, account: Account, ehr: SmartEhr, dsn: str, tmp_path: Path
) -> None:
    # S-012
    world.ring.save(tmp_path / "master.key")
    processes = [await Process.started(dsn, tmp_path / "master.key", account.id) for _ in range(PROCESSES)]
    try:
        for turn in range(ROUNDS):
            ehr.access.clear()
            found = await asyncio.gather(*(each.does(f"read {CALLS // PROCESSES}") for each in processes))
            assert found == [["1 providers"]] * PROCESSES, turn
            assert ehr.count("/token") == 2 + turn  # the exchange, and one refresh a round
    finally:
        for each in processes:
            await each.end()
    assert (await world.row(account))["grant_number"] == 1 + ROUNDS
    # Each refresh token but the last was used, and none of them twice, which would have ended them all.
    assert list(ehr.refresh.values()) == [False] * ROUNDS + [True]


async def test_a_refusal_that_comes_after_anothers_renewal_ends_nothing(
    world: World, account: Account, ehr: SmartEhr
) -> None:
    # S-014: what `invalid_grant` means is decided by the grant that is stored, not by the one that was sent
    arrived, gate = asyncio.Event(), asyncio.Event()

    async def late(request: Request) -> Response:
        arrived.set()
        await gate.wait()
        return JSONResponse({"error": "invalid_grant"}, 400)

    ehr.replies["/token"] = late
    paused = asyncio.create_task(reads(world, account))
    await arrived.wait()
    del ehr.replies["/token"]
    await world.db.run("UPDATE accounts SET claimed_until = clock_timestamp() - interval '1 second'")
    assert await reads(world, account) == 1
    kept = await world.row(account)
    gate.set()
    assert await paused == 1
    after = await world.row(account)
    same = ("sealed_grant", "grant_number", "health")
    assert [after[name] for name in same] == [kept[name] for name in same] and after["health"] == "active"
    assert "renewal_superseded" in await world.trail(account)


async def test_tokens_that_got_lost_after_the_ehr_rotated_ask_the_user_once(
    world: World, account: Account, ehr: SmartEhr
) -> None:
    # S-013: the new refresh token never came, and the EHR takes the old one for stolen
    async def lost(request: Request) -> Response:
        ehr._token(dict(parse_qsl((await request.body()).decode())))
        return Response(status_code=502)

    ehr.replies["/token"] = lost
    with pytest.raises(EhrUnavailable):
        await reads(world, account)
    assert (await world.again(account)).health == "active"
    del ehr.replies["/token"]
    await world.db.run("UPDATE accounts SET back_off_until = clock_timestamp()")
    for _ in range(3):
        with pytest.raises(ReconnectRequired):
            await reads(world, account)
    assert ehr.count("/token") == 3  # the exchange, the answer that was lost, and one refusal
    assert (await world.again(account)).health_reason == "session_ended"
