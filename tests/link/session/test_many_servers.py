"""The exchange on four real server processes with one database: one winner in a race, no token lost to a crash."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import product
from pathlib import Path

import httpx2
import pytest

from cobalt_link.app import House
from cobalt_link.kit import tokens
from cobalt_link.link.session.tokens import PUBLIC
from tests.support.processes import Running, a_server
from tests.support.proof import EXCHANGE_KILLS, OLD_TOKEN_CALLS, RACES
from tests.support.text_browser import link_by_http, public_token_by_http
from tests.support.world import Sandbox, Shop, settings_for

CONTENDERS = 32


@pytest.fixture
async def servers(house: House, dsn: str, sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[list[httpx2.AsyncClient]]:
    async with AsyncExitStack() as stack:
        clients, processes = [], []
        for _ in range(4):
            settings = settings_for(tmp_path, dsn, sandbox.address)
            processes.append(stack.enter_context(a_server(settings)))
            http = httpx2.AsyncClient(base_url=settings.public_url, trust_env=False, timeout=60.0)
            clients.append(await stack.enter_async_context(http))
        for process in processes:
            await process.ready()
        yield clients


async def granted(house: House, acme: Shop, client: httpx2.AsyncClient) -> str:
    """The id of one granted link session; others are made from it by copying its rows, which costs no sign-in."""
    assert (await link_by_http(client, await acme.link_token())).pane == "done"
    row = await house.db.one("SELECT id FROM link_sessions")
    assert row is not None
    return row["id"]


async def fresh_tokens(house: House, acme: Shop, link_session: str, number: str) -> tuple[str, str]:
    """A copy of a granted link_session, with a public token handed to the browser and one to the app's server."""
    vault = house.deps.vault
    made = tokens.mint(tokens.PUBLIC, "test"), tokens.mint(tokens.PUBLIC, "test")
    async with house.db.transaction() as tx:
        await tx.execute(
            """INSERT INTO link_sessions (id, link_token, client, org, user_id, browser, state, public_key, granted,
                                     created_at, expires_at, settled_at)
               SELECT %s, sha256(%s::bytea), client, org, user_id, browser, state, public_key, granted,
                      created_at, expires_at, settled_at FROM link_sessions WHERE id = %s""",
            (number, number.encode(), link_session),
        )
        for token, via in zip(made, ("browser", "server"), strict=True):
            await tx.execute(
                """INSERT INTO public_tokens (hash, link_session, client, via, expires_at)
                   VALUES (%s, %s, %s, %s, now() + interval '30 minutes')""",
                (vault.fingerprint(PUBLIC, token), number, acme.record.id, via),
            )
    return made


KINDS = ("one token", "both tokens of a link session", "one token, each with its own key")


@pytest.mark.slow
async def test_of_32_contenders_on_four_servers_one_wins_every_round(
    house: House, acme: Shop, client: httpx2.AsyncClient, servers: list[httpx2.AsyncClient]
) -> None:  # S-010
    link_session = await granted(house, acme, client)
    # Each contender has a connection that is open before the barrier, so that all requests leave in the same moment.
    await asyncio.gather(*(servers[who % 4].get("/healthz") for who in range(CONTENDERS)))
    winners = Counter[int]()
    for kind, number in product(KINDS, range(RACES.times)):
        pair = await fresh_tokens(house, acme, link_session, f"{kind}-{number}")
        gate = asyncio.Barrier(CONTENDERS)

        async def contend(who: int, kind: str, pair: tuple[str, str], gate: asyncio.Barrier) -> httpx2.Response:
            token = pair[who // 4 % 2 if kind == "both tokens of a link session" else 0]
            key = f"{token[-9:]}-{who}" if kind.endswith("own key") else None
            await gate.wait()
            return await Shop(acme.record, acme.secret, servers[who % 4]).exchange(token, key)

        answers = await asyncio.gather(*(contend(who, kind, pair, gate) for who in range(CONTENDERS)))
        assert Counter(each.status_code for each in answers) == {200: 1, 400: CONTENDERS - 1}, (kind, number)
        errors = {each.json()["error"] for each in answers if each.status_code == 400}
        assert errors == {"invalid_public_token"}, (kind, number)
        winners[next(who % 4 for who, each in enumerate(answers) if each.status_code == 200)] += 1
    rounds = len(KINDS) * RACES.times
    assert await issued(house) == rounds
    print(f"S-010: {rounds} rounds of {len(KINDS)} kinds, 1 winner each; wins by server {sorted(winners.values())}")


@pytest.mark.slow
async def test_no_server_takes_a_token_that_another_has_rotated(
    house: House, acme: Shop, client: httpx2.AsyncClient, servers: list[httpx2.AsyncClient]
) -> None:  # S-003
    everywhere = [Shop(acme.record, acme.secret, each) for each in servers]
    token = (await acme.exchange(await public_token_by_http(client, await acme.link_token()))).json()["access_token"]
    (account,) = (await acme.call("GET", "/v1/accounts")).json()["accounts"]

    async def asked(token: str) -> list[int]:
        """Of each server, whether it takes the token, in the first call with it there."""
        calls = await asyncio.gather(*(each.call("GET", "/v1/providers", access_token=token) for each in everywhere))
        return [each.status_code for each in calls]

    assert await asked(token) == [200] * 4
    tried = 0
    while tried < OLD_TOKEN_CALLS.times:
        rotating = everywhere[tried // 100 % 4]
        answer = await rotating.call("POST", f"/v1/accounts/{account['id']}/rotate-token")
        old, token = token, answer.json()["access_token"]
        for _ in range(25):
            assert await asked(old) == [401] * 4
        assert await asked(token) == [200] * 4
        tried += 100
    fresh = await asyncio.gather(
        *(everywhere[who % 4].call("POST", f"/v1/accounts/{account['id']}/rotate-token") for who in range(8))
    )
    taken = [await asked(each.json()["access_token"]) for each in fresh]
    assert Counter(map(tuple, taken)) == {(200,) * 4: 1, (401,) * 4: 7}
    print(
        f"S-003: 0 of {tried} calls with a rotated token succeeded on 4 servers; of 8 rotations at once 1 token is left"
    )


@pytest.mark.slow
async def test_a_retry_with_the_same_key_gets_the_same_token_wherever_the_server_was_killed(
    house: House, acme: Shop, client: httpx2.AsyncClient, dsn: str, sandbox: Sandbox, tmp_path: Path
) -> None:  # S-011
    link_session = await granted(house, acme, client)
    dice, seen = random.Random(11), Counter[str]()
    for number in range(EXCHANGE_KILLS.times):
        token, _ = await fresh_tokens(house, acme, link_session, f"kill-{number}")
        _, warming = await fresh_tokens(house, acme, link_session, f"warm-{number}")
        settings = settings_for(tmp_path, dsn, sandbox.address)
        with a_server(settings) as server:
            await server.ready()
            before = await killed_in_the_middle(server, settings.public_url, acme, (warming, token), dice.random())
        committed = await house.db.one(
            "SELECT 1 FROM link_sessions WHERE id = %s AND exchanged_at > '-infinity'", (f"kill-{number}",)
        )
        retries = [(await acme.exchange(token, f"order-{token[-9:]}")) for _ in range(2)]
        assert [each.status_code for each in retries] == [200, 200], retries[0].text
        given = {each.json()["token"] for each in retries} | ({before} if before else set())
        assert len(given) == 1
        seen["answer received" if before else "committed, answer lost" if committed else "nothing committed"] += 1
    assert await issued(house) == 2 * EXCHANGE_KILLS.times
    print(f"S-011: {EXCHANGE_KILLS.times} kills, the same token every time: {dict(seen)}")
    assert seen["answer received"] < EXCHANGE_KILLS.times, "The kills come too late."
    if EXCHANGE_KILLS.times == EXCHANGE_KILLS.nightly:
        assert min(seen[each] for each in ("committed, answer lost", "nothing committed")) > 0, seen


async def killed_in_the_middle(
    server: Running, url: str, acme: Shop, tokens: tuple[str, str], part: float
) -> str | None:
    """What the exchange of the second token answered, if it did before its server died. The exchange of the first one
    tells how long that may take; the second one is quicker, because everything is warm."""
    warming, token = tokens
    async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=20.0) as http:
        app = Shop(acme.record, acme.secret, http)
        await app.call("GET", "/v1/accounts")  # whose caller is known from now on
        began = time.perf_counter()
        assert (await app.exchange(warming, f"order-{warming[-9:]}")).status_code == 200
        takes = time.perf_counter() - began
        asking = asyncio.create_task(app.exchange(token, f"order-{token[-9:]}"))
        await asyncio.sleep(part * takes * 0.6)
        server.kill()
        try:
            return (await asking).json()["token"]
        except httpx2.TransportError:
            return None


async def issued(house: House) -> int:
    row = await house.db.one("SELECT count(*) AS n FROM access_tokens")
    return row["n"] if row else -1
