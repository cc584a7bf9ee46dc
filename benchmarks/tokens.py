"""Durable `link/token/create` and `exchange` per second at 32 connections, against the same rows written one by one."""

from collections.abc import Iterator
from itertools import count
from statistics import median

import msgspec

from benchmarks.load import Measured, load, post
from benchmarks.world import World, answers, free_port, program, world
from cobalt_link.kit import tokens
from cobalt_link.link.tokens import PUBLIC

CONNECTIONS, SECONDS, ROUNDS, EXCHANGES = 32, 4.0, 5, 6000


async def run() -> None:
    async with world() as here:
        ours, bare = free_port(), free_port()
        async with (
            program("-m", "benchmarks.serve", str(ours), env=here.env, port=ours),
            program("-m", "benchmarks.bare", str(bare), env=here.env, port=bare),
        ):
            await answers(bare)
            await _compare("link/token/create", lambda: _create(here, ours), lambda: _create(here, bare))
            await _compare("link/token/exchange", lambda: _exchange(here, ours), lambda: _bare_exchange(here, bare))


async def _compare(name: str, ours, baseline) -> None:
    """Alternates the two, so that a noisy neighbour hits both."""
    pairs = [(await ours(), await baseline()) for _ in range(ROUNDS)]
    ratios = sorted(us.per_second / them.per_second for us, them in pairs)
    failed = sum(us.failed + them.failed for us, them in pairs)
    us, them = (median(each.per_second for each in side) for side in zip(*pairs, strict=True))
    print(
        f"{name}: {us:.0f}/s, p50 {median(each.p50 for each, _ in pairs) * 1000:.1f} ms; baseline {them:.0f}/s; "
        f"ratio {median(ratios):.2f} (from {ratios[0]:.2f} to {ratios[-1]:.2f}); target 1.00; failed {failed}"
    )


async def _create(here: World, port: int) -> Measured:
    def requests() -> Iterator[bytes]:
        for number in count():
            body = {"user_id": f"user-{number}", "org_id": "bench", "emr_name": "Sandbox EHR"}
            yield post("/v1/link/token/create", msgspec.json.encode(body), here.headers)

    return await load(port, requests(), connections=CONNECTIONS, seconds=SECONDS)


async def _exchange(here: World, port: int) -> Measured:
    texts = [text for text, _ in await _granted(here)]
    bodies = (msgspec.json.encode({"public_token": text}) for text in texts)
    requests = (post("/v1/link/token/exchange", body, here.headers) for body in bodies)
    return await load(port, requests, connections=CONNECTIONS, seconds=SECONDS)


async def _bare_exchange(here: World, port: int) -> Measured:
    bodies = (msgspec.json.encode({"hash": each.hex(), "client": here.client}) for _, each in await _granted(here))
    requests = (post("/v1/link/token/exchange", body, here.headers) for body in bodies)
    return await load(port, requests, connections=CONNECTIONS, seconds=SECONDS)


async def _granted(here: World) -> list[tuple[str, bytes]]:
    """Public tokens of attempts that were granted, written as Link writes them; (token, its hash)."""
    texts = [tokens.mint(tokens.PUBLIC, "test") for _ in range(EXCHANGES)]
    made = [(text, here.vault.fingerprint(PUBLIC, text)) for text in texts]
    await here.db.run(GRANTED, {"client": here.client, "hashes": [each for _, each in made]})
    return made


GRANTED = """
WITH account AS (
    INSERT INTO accounts (id, client, org, org_id, user_id, connector, address, tenant, reference, health, linked_at)
    VALUES (replace(gen_random_uuid()::text, '-', ''), %(client)s, 'o', 'o', 'u', 'sandbox', 'http://x', '', 'u', 'active',
            now())
    RETURNING id
), made AS (
    INSERT INTO attempts (id, link_token, client, org, user_id, browser, answered, state, public_key, granted,
                          created_at, expires_at, settled_at)
    SELECT replace(gen_random_uuid()::text, '-', ''), hash, %(client)s, 'o', 'u', hash, true, 'granted', hash, account.id,
           now(), now() + interval '30 minutes', now()
    FROM unnest(%(hashes)s::bytea[]) AS hash, account
    RETURNING id, link_token
)
INSERT INTO public_tokens (hash, attempt, client, via, expires_at)
SELECT link_token, id, %(client)s, 'browser', now() + interval '30 minutes' FROM made
"""
