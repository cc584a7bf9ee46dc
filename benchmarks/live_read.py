"""Fifty appointments read through us, against the same read made directly: at GNU Health and at the sandbox EHR."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from statistics import median
from typing import Any

import httpx2
from tests.stories.person import Person
from tests.support.ehrs import gnuhealth_seed as seed
from tests.support.ehrs.gnuhealth import prepared
from tests.support.ehrs.gnuhealth_server import Server

from benchmarks.practice import client, practice, told
from benchmarks.telling import spread
from benchmarks.world import free_port, program, world
from cobalt_link.connectors.gnuhealth.appointments import FIELDS, ORDER, TAKEN
from cobalt_link.connectors.gnuhealth.values import at
from cobalt_link.developers.clients import Clients
from cobalt_link.kit.clock import SystemClock

TARGET = 1.20
WANTED = 50
MODEL = "gnuhealth.appointment"

Read = Callable[[], Awaitable[int]]  # gives how many appointments it got


async def run(rounds: int = 7, calls: int = 30, ehrs: tuple[str, ...] = ("sandbox", "GNU Health")) -> None:
    """Rounds of so many calls for each of the two, which take turns."""
    for name in ehrs:
        async with PLACES[name]() as (ours, theirs):
            await _compare(name, ours, theirs, rounds, calls)


async def _compare(name: str, ours: Read, theirs: Read, rounds: int, calls: int) -> None:
    counts = (await ours(), await theirs())
    if counts[0] != counts[1]:
        raise RuntimeError(f"{name}: {counts[0]} appointments through us, {counts[1]} directly.")
    found: list[list[float]] = [[], []]
    for number in range(rounds):
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            found[which].append(await _p50((ours, theirs)[which], calls))
    ratios = sorted(us / them for us, them in zip(*found, strict=True))
    verdict = "reached" if median(ratios) <= TARGET else "missed"
    print(f"live read of {counts[0]} appointments at {name}, {rounds} rounds of {calls} calls each")
    print(f"  p50 in ms: {spread(found[0])}; directly {spread(found[1])}", end="")
    print(f"; ratio {median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}), target below {TARGET:.2f}: {verdict}")


async def _p50(read: Read, calls: int) -> float:
    times = []
    for _ in range(calls):
        began = time.perf_counter()
        await read()
        times.append((time.perf_counter() - began) * 1000)
    return median(times)


@asynccontextmanager
async def _sandbox() -> AsyncIterator[tuple[Read, Read]]:
    """The days whose appointments are nearest to fifty. The EHR answers in a few ms, so the ratio is that of two
    programs on one machine, and not what an app would notice."""
    async with practice() as here, here.http as http:
        first = datetime.now(UTC).date() - timedelta(days=7)
        sizes = {}
        for last in (first + timedelta(days=more) for more in range(14)):
            sizes[last] = len(await _directly(here.ehr, first, last))
        last = min(sizes, key=lambda day: abs(sizes[day] - WANTED))
        days = {"start_date": str(first), "end_date": str(last)}

        async def ours() -> int:
            return len((await told(http, "GET", "/v1/appointments", params=days))["appointments"])

        async def theirs() -> int:
            # As an app would have to: an appointment has only the ids of its provider and its location.
            names = (told(here.ehr, "GET", f"/api/{each}") for each in ("providers", "locations"))
            found, *_ = await asyncio.gather(_directly(here.ehr, first, last), *names)
            return len(found)

        yield ours, theirs


async def _directly(ehr: httpx2.AsyncClient, first: date, last: date) -> list[Any]:
    return (await told(ehr, "GET", "/api/appointments", params={"start": str(first), "end": str(last)}))["appointments"]


@asynccontextmanager
async def _gnuhealth() -> AsyncIterator[tuple[Read, Read]]:
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="cobalt-bench-"))
        server = await asyncio.to_thread(lambda: prepared(Path(folder), "riverside"))
        stack.callback(server.stop)
        await asyncio.to_thread(server.start_seeded)
        day = server.today + timedelta(days=40)
        await asyncio.to_thread(_fifty, server, day)
        http = await stack.enter_async_context(_linked(server))
        rpc = await stack.enter_async_context(_signed_in(server))
        days = {"start_date": str(day), "end_date": str(day)}
        begins = datetime.combine(day, clock_time(), seed.ZONE)
        bounds = [["appointment_date", ">=", at(begins)], ["appointment_date", "<", at(begins + timedelta(days=1))]]
        params = [[*TAKEN, *bounds], 0, 1000, ORDER, FIELDS, {}]
        call = {"id": 1, "method": f"model.{MODEL}.search_read", "params": params}

        async def ours() -> int:
            return len((await told(http, "GET", "/v1/appointments", params=days))["appointments"])

        async def theirs() -> int:
            return len((await told(rpc, "POST", f"/{server.database}/", json=call))["result"])

        yield ours, theirs


def _fifty(server: Server, day: date) -> None:
    starts = [datetime.combine(day, clock_time(8), seed.ZONE) + timedelta(minutes=10 * n) for n in range(WANTED)]
    same = {"healthprof": 1, "institution": 1, "state": "confirmed", "urgency": "a", "visit_type": "followup"}
    same |= {"appointment_type": "outpatient", "comments": "Cough for three days"}
    rows = [same | {"patient": 1 + n % 7, "appointment_date": seed.a_moment(at)} for n, at in enumerate(starts)]
    server.rpc(f"model.{MODEL}.create", rows)


@asynccontextmanager
async def _signed_in(server: Server) -> AsyncIterator[httpx2.AsyncClient]:
    authorization = await asyncio.to_thread(server.sign_in, "ccameron", seed.USERS["ccameron"])
    async with client(server.url, {"authorization": authorization}) as rpc:
        yield rpc


@asynccontextmanager
async def _linked(server: Server) -> AsyncIterator[httpx2.AsyncClient]:
    """A live app's calls to us, for an account that somebody has linked through Link."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    serve = ("-m", "cobalt_link", "serve", "--port", str(port), "--public-url", address)
    async with world() as here, program(*serve, env=here.env, port=port):
        callbacks = [f"http://127.0.0.1:{free_port()}/linked"]
        made, secret = await Clients(here.db, here.vault, SystemClock()).create(
            "Bench", test=False, callback_urls=callbacks
        )
        keys = {"client_id": made.client_id, "client_secret": secret}
        wanted = {"user_id": "ann", "org_id": "ward", "emr_name": "GNU Health", "emr_instance_domain": server.url}
        async with client(address, keys) as http, client(address, {}) as browser:
            person = Person(browser, "ccameron", seed.USERS["ccameron"])
            await person.open((await told(http, "POST", "/link/token/create", json=wanted))["token"])
            await person.go_on("credentials")
            await person.sign_in()
            public = (await person.return_to_app())["token"]
            token = (await told(http, "POST", "/v1/link/token/exchange", json={"public_token": public}))["token"]
            http.headers["access_token"] = token
            yield http


PLACES = {"sandbox": _sandbox, "GNU Health": _gnuhealth}
