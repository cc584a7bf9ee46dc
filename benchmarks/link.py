"""A whole sandbox link by plain HTTP clients, against as many requests to a bare ASGI function and the EHR's own login.

One link: create a token, open Link, consent, sign in, go back to the app's callback, exchange, read the schedule.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from statistics import median
from typing import Any

import httpx2
import msgspec
from tests.support.text_browser import Browser, go_on, public_token_of

from benchmarks.cpu import Meter
from benchmarks.telling import spread
from benchmarks.world import World, free_port, program, world

PEOPLE = 8
LOGIN = {"username": "user_good", "password": "pass_good"}
DAY = {"start_date": "2026-01-01", "end_date": "2026-01-07"}

Visit = Callable[[int], Awaitable[int]]  # of the person with this number; gives how many requests it took


async def run(rounds: int = 3, seconds: float = 5.0) -> None:
    """Alternates rounds of so many seconds each."""
    async with places() as (here, ours, bare, ehr, meter):
        app = await here.app(f"http://127.0.0.1:{free_port()}/linked")
        link = link_visit(here, app, ours, ehr)
        requests = await link(0)
        like = _baseline(bare, ehr, requests)
        print(f"a whole link, {requests} requests; baseline: as many bare requests and one login at the EHR")
        pairs, used = [], []
        for _ in range(rounds):
            before = meter.seconds()
            linked = await visits(link, PEOPLE, seconds)
            used.append((meter.seconds() - before) / linked.visits * 1000)
            pairs.append((linked, await visits(like, PEOPLE, seconds)))
        alone = [(await visits(each, 1, seconds / 2)).p50 * 1000 for each in (link, like)]
    speeds = [linked.per_second / based.per_second for linked, based in pairs]
    us, them = zip(*pairs, strict=True)
    print(f"  {PEOPLE} people, links per second: {_both(us, them, 'per_second')}; ratio {spread(speeds)}")
    print(f"  {PEOPLE} people, p50 in ms: {_both(us, them, 'p50', 1000)}")
    print(f"  one person alone, p50 in ms: {alone[0]:.0f}; baseline {alone[1]:.0f}")
    print(f"  ms of CPU per link, server, worker and PostgreSQL: {spread(used)}")


class Visited(msgspec.Struct):
    """How many visits, per second, and the median seconds of one."""

    visits: int
    per_second: float
    p50: float


def _both(us: Iterable[Visited], them: Iterable[Visited], name: str, times: int = 1) -> str:
    ours, base = ([getattr(each, name) * times for each in side] for side in (us, them))
    return f"{spread(ours)}; baseline {spread(base)}"


@asynccontextmanager
async def places() -> AsyncIterator[tuple[World, str, str, str, Meter]]:
    """A server with its worker, the bare function, the sandbox EHR, each a process; their addresses."""
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(world())
        ports = [free_port() for _ in range(3)]
        ours, bare, ehr = (f"http://127.0.0.1:{port}" for port in ports)
        serve = ("-m", "cobalt_link", "serve", "--port", str(ports[0]), "--public-url", ours)
        pid = await stack.enter_async_context(program(*serve, env=here.env, port=ports[0]))
        await stack.enter_async_context(program("-m", "benchmarks.bare", str(ports[1]), env=here.env, port=ports[1]))
        sandbox = ("-m", "cobalt_link", "sandbox", "--port", str(ports[2]))
        await stack.enter_async_context(program(*sandbox, env=here.env, port=ports[2], path="/"))
        yield here, ours, bare, ehr, Meter(pid, here.settings.postgres_path)


async def visits(visit: Visit, people: int, seconds: float) -> Visited:
    """So many people, each one visit after another until time is up."""
    times: list[float] = []
    started = time.perf_counter()

    async def person(number: int) -> None:
        while (began := time.perf_counter()) < started + seconds:
            await visit(number)
            times.append(time.perf_counter() - began)

    await asyncio.gather(*(person(number) for number in range(people)))
    return Visited(len(times), len(times) / (time.perf_counter() - started), median(times))


def link_visit(here: World, keys: dict[str, str], ours: str, ehr: str) -> Visit:
    async def visit(number: int) -> int:
        # An org for each, so that each has an account: two people of one account would wait for each other.
        wanted = {"user_id": f"user-{number}", "org_id": f"org-{number}", "emr_name": "Sandbox EHR"}
        async with _client(ours) as app, _client(ours) as browser:
            token = (await _json(app, "POST", "/link/token/create", keys, json={**wanted, "emr_domain": ehr}))["token"]
            person = Browser(browser)
            page = await go_on(person, await person.open(f"/?token={token}"), *LOGIN.values())
            public = public_token_of(page)  # the browser goes back to the app by itself
            access = (await _json(app, "POST", "/link/token/exchange", keys, json={"public_token": public}))["token"]
            await _json(app, "GET", "/v1/appointments", {**keys, "access_token": access}, params=DAY)
        return len(person.seen) + 3

    return visit


def _baseline(bare: str, ehr: str, requests: int) -> Visit:
    numbers = count()

    async def visit(number: int) -> int:
        async with _client(bare) as app, _client(ehr) as portal:
            for _ in range(requests):
                await _json(app, "POST", "/create", {}, json={"user_id": f"user-{next(numbers)}", "org_id": "bench"})
            session = await _json(portal, "POST", "/api/login", {}, json=LOGIN)
            assert session
        return requests + 1

    return visit


def _client(address: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=address, trust_env=False, timeout=30)


async def _json(http: httpx2.AsyncClient, method: str, path: str, headers: dict[str, str], **sent: Any) -> Any:
    answer = await http.request(method, path, headers=headers, **sent)
    return answer.raise_for_status().json()
