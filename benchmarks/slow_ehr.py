"""What everybody else notices of one slow EHR: reads and links at another EHR, before and meanwhile.

The slow one takes six seconds for each of 230 reads at once, and then eight for each request of 20 sign-ins at once.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median
from typing import Any

import httpx2
import msgspec
from tests.support.text_browser import Browser, go_on, public_token_of

from benchmarks.practice import client, told
from benchmarks.world import World, free_port, program, world

TARGET = 1.5  # times as long as before
EVERYBODY = {"COBALT_MAX_CONNECTIONS_PER_ADDRESS": "1000", "COBALT_LOG_LEVEL": "error"}
LOGIN = ("user_good", "pass_good")


class TwoEhrs(msgspec.Struct):
    """The server, and the addresses of two sandbox EHRs. `keys` are the headers of an app's call."""

    ours: str
    keys: dict[str, str]
    slow: str
    quick: str

    async def link(self, ehr: str, number: int, login: tuple[str, str] = LOGIN) -> dict[str, str]:
        """A whole link by somebody with a browser. Gives the headers of a call with its access token."""
        wanted = {"user_id": f"user-{number}", "org_id": f"org-{number}", "emr_name": "Sandbox EHR", "emr_domain": ehr}
        async with client(self.ours, self.keys) as app, client(self.ours, {}) as browser:
            token = (await told(app, "POST", "/link/token/create", json=wanted))["token"]
            person = Browser(browser)
            public = public_token_of(await go_on(person, await person.open(f"/?token={token}"), *login))
            exchanged = await told(app, "POST", "/link/token/exchange", json={"public_token": public})
        return self.keys | {"access_token": exchanged["token"]}

    async def slow_down(self, seconds: float) -> None:
        async with client(self.slow, {}) as lab:
            await told(lab, "PUT", "/api/_lab/faults", json={"slow_ms": round(seconds * 1000)})


async def run(
    rounds: int = 3, seconds: float = 5.0, reads: int = 230, sign_ins: int = 20, slow: tuple[float, float] = (6.0, 8.0)
) -> None:
    """Each round measures for so many seconds before, and for so many meanwhile."""
    async with _places() as places:
        keys = [await places.link(ehr, number) for number, ehr in enumerate((places.slow, places.quick))]
        async with _reader(places, keys[0], reads) as slowly, _reader(places, keys[1], 1) as quickly:

            async def crowd_of_reads() -> None:
                await asyncio.gather(*(_read(slowly) for _ in range(reads)), return_exceptions=True)

            pairs = [
                await _pair(places, lambda: _read(quickly), crowd_of_reads, slow[0], seconds) for _ in range(rounds)
            ]
            _tell(f"a read at another EHR, while {reads} reads take {slow[0]:g} s each", pairs)
        await _make_users(places.slow, sign_ins)

        async def crowd_of_sign_ins() -> None:
            people = (places.link(places.slow, 100 + n, (f"user{n}", "pass_good")) for n in range(sign_ins))
            await asyncio.gather(*people, return_exceptions=True)

        pairs = [
            await _pair(places, lambda: places.link(places.quick, 1), crowd_of_sign_ins, slow[1], seconds)
            for _ in range(rounds)
        ]
        _tell(f"a link at another EHR, while {sign_ins} sign-ins take {slow[1]:g} s and more", pairs)
        print(f"  load {os.getloadavg()[0]:.1f}")


Times = list[float]


async def _pair(
    places: TwoEhrs, call: Callable[[], Awaitable[Any]], crowd: Callable[[], Awaitable[None]], slow: float, wait: float
) -> tuple[Times, Times]:
    before = await _times(call, wait)
    await places.slow_down(slow)
    waiting = asyncio.ensure_future(crowd())
    await asyncio.sleep(min(1.0, slow / 2))  # until all of them are under way
    meanwhile = await _times(call, wait)
    assert not waiting.done(), "The crowd was through before the end of the measurement."
    await places.slow_down(0)
    await waiting
    return before, meanwhile


async def _times(call: Callable[[], Awaitable[Any]], seconds: float) -> Times:
    times, end = Times(), time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        began = time.perf_counter()
        await call()
        times.append(time.perf_counter() - began)
    return times


def _tell(what: str, pairs: Iterable[tuple[Times, Times]]) -> None:
    before, meanwhile = (sorted(each) for each in zip(*((median(a), median(b)) for a, b in pairs), strict=True))
    ratio = median(meanwhile) / median(before)
    verdict = "reached" if ratio <= TARGET else "missed"
    print(
        f"{what}\n  p50 in ms: {median(meanwhile) * 1000:.1f}; baseline {median(before) * 1000:.1f}; ratio {ratio:.2f},"
        f" target {TARGET:.2f}: {verdict}"
    )


async def _read(http: httpx2.AsyncClient) -> None:
    await told(http, "GET", "/v1/locations")


@asynccontextmanager
async def _reader(places: TwoEhrs, keys: dict[str, str], connections: int) -> AsyncIterator[httpx2.AsyncClient]:
    limits = httpx2.Limits(max_connections=connections)
    async with httpx2.AsyncClient(
        base_url=places.ours, headers=keys, trust_env=False, timeout=60, limits=limits
    ) as http:
        yield http


async def _make_users(ehr: str, count: int) -> None:
    async with client(ehr, {}) as lab:
        for number in range(count):
            await told(lab, "PUT", f"/api/_lab/users/user{number}", json={"password": "pass_good"})


@asynccontextmanager
async def _places() -> AsyncIterator[TwoEhrs]:
    async with AsyncExitStack() as stack:
        here: World = await stack.enter_async_context(world(**EVERYBODY))
        ports = [free_port() for _ in range(3)]
        ours, slow, quick = (f"http://127.0.0.1:{port}" for port in ports)
        for port in ports[1:]:
            sandbox = ("-m", "cobalt_link", "sandbox", "--port", str(port))
            await stack.enter_async_context(program(*sandbox, env=here.env, port=port, path="/"))
        serve = ("-m", "cobalt_link", "serve", "--port", str(ports[0]), "--public-url", ours)
        await stack.enter_async_context(program(*serve, env=here.env, port=ports[0]))
        yield TwoEhrs(ours, await here.app(f"http://127.0.0.1:{free_port()}/linked"), slow, quick)
