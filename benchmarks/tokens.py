"""Durable `link/token/create` and `exchange` per second at 32 connections, against the same rows written one by one."""

import itertools
import os
from collections.abc import Awaitable, Callable, Iterator

import msgspec

from benchmarks.cpu import Meter
from benchmarks.load import Measured, load, post
from benchmarks.telling import ratio, spread
from benchmarks.world import World, free_port, program, world
from cobalt_link.kit import tokens
from cobalt_link.link.session.tokens import PUBLIC

CONNECTIONS, TARGET = 32, 1.0

Requests = Callable[[], Awaitable[Iterator[bytes]]]  # made before the clock runs


class Side(msgspec.Struct):
    """One of the two that are compared: where it listens, and what it costs."""

    port: int
    meter: Meter

    async def loaded(self, requests: Iterator[bytes], seconds: float) -> tuple[Measured, float]:
        """What was measured, and the µs of CPU per request."""
        before = self.meter.seconds()
        measured = await load(self.port, requests, connections=CONNECTIONS, seconds=seconds)
        return measured, (self.meter.seconds() - before) / measured.answered * 1e6


async def run(rounds: int = 15, seconds: float = 0.8, exchanges: int = 3000) -> None:
    """Rounds of so many seconds, and of so many exchanges at most, for each of the two."""
    async with world() as here:
        ours, bare = free_port(), free_port()
        async with (
            program("-m", "benchmarks.serve", str(ours), env=here.env, port=ours) as us,
            program("-m", "benchmarks.bare", str(bare), env=here.env, port=bare) as them,
        ):
            sides = [Side(port, Meter(pid, here.settings.postgres_path)) for port, pid in ((ours, us), (bare, them))]
            create = _create(here)
            await compare("link/token/create", sides, (create, create), rounds, seconds)
            exchange = _exchange(here, exchanges), _bare_exchange(here, exchanges)
            await compare("link/token/exchange", sides, exchange, rounds, seconds)


async def compare(
    name: str,
    sides: list[Side],
    loads: tuple[Requests, Requests],
    rounds: int,
    seconds: float,
    target: float = TARGET,
) -> None:
    """Alternates the two and who begins, so that a noisy neighbor hits both."""
    found: list[list[tuple[Measured, float]]] = [[], []]
    began = os.getloadavg()[0]
    for number in range(rounds):
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            found[which].append(await sides[which].loaded(await loads[which](), seconds))
    print(f"{name}, {rounds} rounds each, load {began:.1f} to {os.getloadavg()[0]:.1f}")
    pairs = list(zip(*found, strict=True))
    speeds = [(us.per_second, them.per_second) for (us, _), (them, _) in pairs]
    _line("requests per second", speeds, target, more_is_better=True)
    used = [(us, them) for (_, us), (_, them) in pairs]
    _line("µs of CPU per request, PostgreSQL's too", used, target, more_is_better=False)
    times = [(us.p50 * 1000, them.p50 * 1000) for (us, _), (them, _) in pairs]
    _line("p50 in ms", times, target, more_is_better=False)
    if failed := sum(each.failed for side in found for each, _ in side):
        print(f"  {failed} requests failed")


def _line(what: str, pairs: list[tuple[float, float]], target: float, *, more_is_better: bool) -> None:
    ours, bare = zip(*pairs, strict=True)
    ratios = [us / them if more_is_better else them / us for us, them in pairs]
    print(f"  {what}: {spread(ours)}; one by one {spread(bare)}; {ratio(ratios, target)}")


def _create(here: World) -> Requests:
    async def requests() -> Iterator[bytes]:
        bodies = ({"user_id": f"user-{n}", "org_id": "bench", "emr_name": "Sandbox EHR"} for n in itertools.count())
        return (post("/v1/link/token/create", msgspec.json.encode(body), here.headers) for body in bodies)

    return requests


def _exchange(here: World, most: int) -> Requests:
    async def requests() -> Iterator[bytes]:
        return _posts(here, [{"public_token": text} for text, _ in await granted(here, most)])

    return requests


def _bare_exchange(here: World, most: int) -> Requests:
    async def requests() -> Iterator[bytes]:
        return _posts(here, [{"hash": each.hex(), "client": here.client} for _, each in await granted(here, most)])

    return requests


def _posts(here: World, bodies: list[dict[str, str]]) -> Iterator[bytes]:
    return iter([post("/v1/link/token/exchange", msgspec.json.encode(body), here.headers) for body in bodies])


async def granted(here: World, count: int) -> list[tuple[str, bytes]]:
    """Public tokens of link sessions that were granted, written as Link writes them; (token, its hash)."""
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
    INSERT INTO link_sessions (id, link_token, client, org, user_id, browser, answered, state, public_key, granted,
                          created_at, expires_at, settled_at)
    SELECT replace(gen_random_uuid()::text, '-', ''), hash, %(client)s, 'o', 'u', hash, true, 'granted', hash,
           account.id,
           now(), now() + interval '30 minutes', now()
    FROM unnest(%(hashes)s::bytea[]) AS hash, account
    RETURNING id, link_token
)
INSERT INTO public_tokens (hash, link_session, client, via, expires_at)
SELECT link_token, id, %(client)s, 'browser', now() + interval '30 minutes' FROM made
"""
