"""Durable `link/token/create` and `exchange` per second at 32 connections, against the same rows written one by one."""

import itertools
from collections.abc import Awaitable, Callable, Iterator

import msgspec

from benchmarks.cpu import Meter
from benchmarks.load import Measured, load, post
from benchmarks.telling import ratio, spread
from benchmarks.world import World, free_port, program, world
from cobalt_link.kit import tokens
from cobalt_link.link.tokens import PUBLIC

CONNECTIONS, TARGET = 32, 1.0

Load = Callable[[], Awaitable[Measured]]


async def run(rounds: int = 4, seconds: float = 2.0, exchanges: int = 5000) -> None:
    """Rounds of so many seconds, and of so many exchanges at most, for each of the two."""
    async with world() as here:
        ours, bare = free_port(), free_port()
        async with (
            program("-m", "benchmarks.serve", str(ours), env=here.env, port=ours) as us,
            program("-m", "benchmarks.bare", str(bare), env=here.env, port=bare) as them,
        ):
            meters = (Meter(us, here.settings.postgres_path), Meter(them, here.settings.postgres_path))
            loads = _create(here, ours, seconds), _create(here, bare, seconds)
            await _compare("link/token/create", loads, meters, rounds)
            loads = _exchange(here, ours, seconds, exchanges), _bare_exchange(here, bare, seconds, exchanges)
            await _compare("link/token/exchange", loads, meters, rounds)


async def _compare(name: str, loads: tuple[Load, Load], meters: tuple[Meter, Meter], rounds: int) -> None:
    """Alternates the two, so that a noisy neighbor hits both."""
    ours, bare = [], []
    print(name)
    for _ in range(rounds):
        for side, once, meter in zip((ours, bare), loads, meters, strict=True):
            before = meter.seconds()
            measured = await once()
            side.append((measured, (meter.seconds() - before) / measured.answered * 1e6))
    pairs = list(zip(ours, bare, strict=True))
    _line(
        "requests per second", [(us.per_second, them.per_second) for (us, _), (them, _) in pairs], more_is_better=True
    )
    _line("µs of CPU per request, PostgreSQL's too", [(us, them) for (_, us), (_, them) in pairs], more_is_better=False)
    _line("p50 in ms", [(us.p50 * 1000, them.p50 * 1000) for (us, _), (them, _) in pairs], more_is_better=False)
    if failed := sum(each.failed for each, _ in ours + bare):
        print(f"  {failed} requests failed")


def _line(what: str, pairs: list[tuple[float, float]], *, more_is_better: bool) -> None:
    ours, bare = zip(*pairs, strict=True)
    ratios = [us / them if more_is_better else them / us for us, them in pairs]
    print(f"  {what}: {spread(ours)}; one by one {spread(bare)}; {ratio(ratios, TARGET)}")


def _create(here: World, port: int, seconds: float) -> Load:
    def requests() -> Iterator[bytes]:
        for number in itertools.count():
            body = {"user_id": f"user-{number}", "org_id": "bench", "emr_name": "Sandbox EHR"}
            yield post("/v1/link/token/create", msgspec.json.encode(body), here.headers)

    return lambda: load(port, requests(), connections=CONNECTIONS, seconds=seconds)


def _exchange(here: World, port: int, seconds: float, most: int) -> Load:
    async def once() -> Measured:
        bodies = [{"public_token": text} for text, _ in await _granted(here, most)]
        return await _posted(here, port, bodies, seconds)

    return once


def _bare_exchange(here: World, port: int, seconds: float, most: int) -> Load:
    async def once() -> Measured:
        bodies = [{"hash": each.hex(), "client": here.client} for _, each in await _granted(here, most)]
        return await _posted(here, port, bodies, seconds)

    return once


async def _posted(here: World, port: int, bodies: list[dict[str, str]], seconds: float) -> Measured:
    requests = (post("/v1/link/token/exchange", msgspec.json.encode(body), here.headers) for body in bodies)
    return await load(port, requests, connections=CONNECTIONS, seconds=seconds)


async def _granted(here: World, count: int) -> list[tuple[str, bytes]]:
    """Public tokens of attempts that were granted, written as Link writes them; (token, its hash)."""
    texts = [tokens.mint(tokens.PUBLIC, "test") for _ in range(count)]
    made = [(text, here.vault.fingerprint(PUBLIC, text)) for text in texts]
    await here.db.run(GRANTED, {"client": here.client, "hashes": [each for _, each in made]})
    return made


GRANTED = """
WITH account AS (
    INSERT INTO accounts (id, client, org, org_id, user_id, connector, address, tenant, reference, health, linked_at)
    VALUES (replace(gen_random_uuid()::text, '-', ''), %(client)s, 'o', 'o', 'u', 'sandbox', 'http://x', '', 'u',
            'active', now())
    RETURNING id
), made AS (
    INSERT INTO attempts (id, link_token, client, org, user_id, browser, answered, state, public_key, granted,
                          created_at, expires_at, settled_at)
    SELECT replace(gen_random_uuid()::text, '-', ''), hash, %(client)s, 'o', 'u', hash, true, 'granted', hash,
           account.id,
           now(), now() + interval '30 minutes', now()
    FROM unnest(%(hashes)s::bytea[]) AS hash, account
    RETURNING id, link_token
)
INSERT INTO public_tokens (hash, attempt, client, via, expires_at)
SELECT link_token, id, %(client)s, 'browser', now() + interval '30 minutes' FROM made
"""
