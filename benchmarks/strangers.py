"""How long another client's token takes beside an unknown one: what an answer hides, its time must not tell (S-004).

For each kind of token, asked by a client of the same and of the other environment, and at every route that takes it.
The baseline is the difference between two unknown tokens, in the same run.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager
from statistics import median
from typing import Any, NamedTuple

import httpx2
import msgspec

from benchmarks.load import answered, message
from benchmarks.tokens import granted
from benchmarks.world import World, free_port, program, world
from cobalt_link import app
from cobalt_link.developers.clients import Clients
from cobalt_link.kit import tokens
from cobalt_link.kit.clock import SystemClock
from cobalt_link.web import Auth

TARGET = 2.0  # ms between the medians
NOBODY = "0" * 32


class Way(NamedTuple):
    """A method and a path that take a token, and the field or header in which it stands."""

    method: str
    path: str
    field: str


# Every route of an account refuses at the same place, so the calls go round all of them.
OF_AN_ACCOUNT = [
    Way(row.method, re.sub(r"{[^}]*}", NOBODY, path), "")
    for routes in app.TABLE
    for row in routes
    for path in row.paths
    if row.auth is Auth.ACCOUNT
]
WAYS = {
    "link token": (tokens.LINK, [Way("GET", "/v1/link/token/get", "link_token")]),
    "public token": (tokens.PUBLIC, [Way("POST", "/v1/link/token/exchange", "public_token")]),
    "access token to repair": (tokens.ACCESS, [Way("POST", "/v1/link/token/create", "access_token")]),
    f"access token at {len(OF_AN_ACCOUNT)} paths": (tokens.ACCESS, OF_AN_ACCOUNT),
}


async def run(calls: int = 500) -> None:
    """So many calls with each token, in turns."""
    async with _places() as (here, port):
        owned = await _owned(here, port)
        for test in (True, False):
            client, secret = await Clients(here.db, here.vault, SystemClock()).create("Stranger", test=test)
            keys = {"client_id": client.client_id, "client_secret": secret}
            for name, (kind, ways) in WAYS.items():
                unknown = [tokens.mint(kind, "test") for _ in range(2)]
                times = await _timed(port, ways, [owned[kind], *unknown], keys, calls)
                _tell(name, "test" if test else "live", times)


@asynccontextmanager
async def _places() -> Any:
    async with world() as here:
        port = free_port()
        async with program("-m", "benchmarks.serve", str(port), env=here.env, port=port):
            yield here, port


async def _owned(here: World, port: int) -> dict[str, str]:
    """A live token of each kind, of the world's own client."""
    (spent, _), (public, _) = await granted(here, 2)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=here.headers, trust_env=False) as http:
        link = await http.post("/link/token/create", json={"user_id": "u", "org_id": "o"})
        access = await http.post("/link/token/exchange", json={"public_token": spent})
        return {
            tokens.LINK: link.json()["token"],
            tokens.PUBLIC: public,
            tokens.ACCESS: access.raise_for_status().json()["token"],
        }


async def _timed(port: int, ways: list[Way], asked: list[str], keys: dict[str, str], calls: int) -> list[list[float]]:
    """The milliseconds of each call with each of the tokens; every round asks with all of them, in another order."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    times: list[list[float]] = [[] for _ in asked]
    orders: Iterator[tuple[int, ...]] = itertools.cycle(itertools.permutations(range(len(asked))))
    try:
        for way, order in itertools.islice(zip(itertools.cycle(ways), orders, strict=False), calls):
            statuses = set()
            for which in order:
                request = _request(way, asked[which], keys)
                began = time.perf_counter()
                writer.write(request)
                statuses.add(await answered(reader))
                times[which].append((time.perf_counter() - began) * 1000)
            if len(statuses) != 1 or statuses.pop() < 400:
                raise RuntimeError(f"{way.method} {way.path} tells a stranger's token from an unknown one.")
    finally:
        writer.close()
    return times


def _request(way: Way, token: str, keys: dict[str, str]) -> bytes:
    if not way.field:
        return message(way.method, way.path, b"", {**keys, "access_token": token})
    return message(way.method, way.path, msgspec.json.encode({way.field: token}), keys)


def _tell(name: str, asker: str, times: list[list[float]]) -> None:
    foreign, unknown, other = (median(each) for each in times)
    apart = abs(foreign - unknown)
    print(f"another client's {name}, asked by a {asker} client, {len(times[0])} calls each: median {foreign:.2f} ms")
    print(
        f"  an unknown one {unknown:.2f}; difference {apart:.3f}, between two unknown ones {abs(unknown - other):.3f};",
        end="",
    )
    print(f" target below {TARGET:.1f}: {'reached' if apart < TARGET else 'missed'}")
