"""SMART on FHIR at the sandbox EHR: a link, reads through us against the same call made directly, and one refresh."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import httpx2
import msgspec
from tests.support.smart_app import CALLBACK, SmartApp
from tests.support.text_browser import Browser, Page, go_on, public_token_of

from benchmarks.practice import client, told
from benchmarks.telling import spread
from benchmarks.world import free_port, program, world
from cobalt_link.developers.clients import Clients
from cobalt_link.kit.clock import SystemClock

TARGET = 1.20
SCOPES = "openid fhirUser offline_access user/*.rs"
PATIENT = "Patient/10001"

Read = Callable[[], Awaitable[int]]  # gives how many resources it got


class Place(msgspec.Struct, frozen=True):
    """A server of ours at two ports, an app of a live client, and the sandbox EHR with an app of its own registered."""

    address: str
    second: str
    ehr: str
    app: httpx2.AsyncClient
    direct: SmartApp

    async def link(self, number: int) -> str:
        """A whole link. Gives the public token."""
        wanted = {"user_id": f"user-{number}", "org_id": f"org-{number}", "emr_name": "SMART",
                  "emr_instance_domain": f"{self.ehr}/fhir/r4"}  # fmt: skip
        token = (await told(self.app, "POST", "/link/token/create", json=wanted))["token"]
        async with client(self.address, {}) as http, client(self.ehr, {}) as portal:
            person = Browser(http)
            page = await go_on(person, await person.open(f"/?token={token}"), "", "", until="redirect")
            sent = {"data": page.form.fields, "headers": {"origin": self.address}}
            away = Page(await http.post(page.form.action, **sent)).refresh or ""
            login = SmartApp(portal)
            consent = await login.submit(await portal.get(away), username="user_good", password="pass_good")
            back = await login.submit(consent, decision="allow")
            page = await person.open(back.headers["location"])
            if not page.response.is_redirect:
                raise RuntimeError(f"A link ended at: {page.text[:300]}")
            return public_token_of(page)

    async def linked(self) -> dict[str, str]:
        """The headers of the app's calls for an account."""
        answer = await told(self.app, "POST", "/link/token/exchange", json={"public_token": await self.link(-1)})
        return {**self.app.headers, "access_token": answer["token"]}


async def run(rounds: int = 7, calls: int = 30, links: int = 15, refreshes: int = 5) -> None:
    async with _place() as place:
        await _links(place, links)
        keys = await place.linked()
        async with client(place.address, keys) as http:
            await _reads(place, http, rounds, calls)
        await _refreshes(place, keys, refreshes)


async def _links(place: Place, links: int) -> None:
    """One after another. Only machines: the person takes no time."""
    ours, theirs = [], []
    for number in range(links + 1):
        ours.append(await _ms(lambda number=number: place.link(number)))
        theirs.append(await _ms(lambda: place.direct.tokens(SCOPES)))
    print(f"SMART link, from the link token to the public token, {links} links one by one")
    print(f"  p50 in ms: {spread(ours[1:])}; the EHR's own pages and its token endpoint alone {spread(theirs[1:])}")


async def _reads(place: Place, http: httpx2.AsyncClient, rounds: int, calls: int) -> None:
    token = (await place.direct.tokens(SCOPES))["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    first = datetime.now(UTC).date() - timedelta(days=3)
    days = {
        "date": [f"ge{first}", f"lt{first + timedelta(days=7)}"],
        "_count": "50",
        "_include": "Appointment:patient:Patient",
    }
    async with client(f"{place.ehr}/fhir/r4", headers) as direct:
        for name, path, query in (("a patient", PATIENT, {}), ("50 appointments", "Appointment", days)):

            async def ours(path: str = path, query: Any = query) -> int:
                return _size(await told(http, "GET", f"/v1/fhir/{path}", params=query))

            async def theirs(path: str = path, query: Any = query) -> int:
                return _size(await told(direct, "GET", f"/{path}", params=query))

            await _compare(name, ours, theirs, rounds, calls)


async def _compare(name: str, ours: Read, theirs: Read, rounds: int, calls: int) -> None:
    counts = (await ours(), await theirs())
    if counts[0] != counts[1]:
        raise RuntimeError(f"{name}: {counts[0]} resources through us, {counts[1]} directly.")
    found: list[list[float]] = [[], []]
    for number in range(rounds):
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            found[which].append(median([await _ms((ours, theirs)[which]) for _ in range(calls)]))
    ratios = sorted(us / them for us, them in zip(*found, strict=True))
    verdict = "reached" if median(ratios) <= TARGET else "missed"
    print(f"FHIR read of {name} ({counts[0]} resources) through /v1/fhir, {rounds} rounds of {calls} calls each")
    print(f"  p50 in ms: {spread(found[0])}; directly {spread(found[1])}", end="")
    print(f"; ratio {median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}), target below {TARGET:.2f}: {verdict}")


async def _refreshes(place: Place, keys: dict[str, str], times: int, calls: int = 64) -> None:
    """Every access token ends at the EHR, then so many calls at once through two server processes."""
    counts, took = [], []
    async with client(place.ehr, {}) as lab, client(place.address, keys) as one, client(place.second, keys) as two:
        for _ in range(times):
            before = await _refreshed(lab)
            await told(lab, "DELETE", "/api/_lab/access-tokens")
            reads = [told((one, two)[n % 2], "GET", f"/v1/fhir/{PATIENT}") for n in range(calls)]
            took.append(await _ms(lambda reads=reads: asyncio.gather(*reads)))
            counts.append(await _refreshed(lab) - before)
    verdict = "reached" if set(counts) == {1} else "missed"
    print(f"{calls} calls at once on an ended token, two server processes, {times} times")
    print(f"  refreshes each time: {', '.join(map(str, counts))}; target 1: {verdict}; ms for all: {spread(took)}")


async def _refreshed(lab: httpx2.AsyncClient) -> int:
    return (await told(lab, "GET", "/api/_lab/log"))["counts"]["refreshes"]


async def _ms(step: Callable[[], Awaitable[Any]]) -> float:
    began = time.perf_counter()
    await step()
    return (time.perf_counter() - began) * 1000


def _size(found: dict[str, Any]) -> int:
    return len(found["entry"]) if found["resourceType"] == "Bundle" else 1


@asynccontextmanager
async def _place() -> AsyncIterator[Place]:
    async with AsyncExitStack() as stack:
        ports = [free_port() for _ in range(3)]
        ours, second, ehr = (f"http://127.0.0.1:{port}" for port in ports)
        here = await stack.enter_async_context(world())
        sandbox = ("-m", "cobalt_link", "sandbox", "--port", str(ports[2]))
        await stack.enter_async_context(program(*sandbox, env=here.env, port=ports[2], path="/"))
        for port in ports[:2]:
            serve = ("-m", "benchmarks.smart_serve", str(port), ours, ehr)
            await stack.enter_async_context(program(*serve, env=here.env, port=port))
        clients = Clients(here.db, here.vault, SystemClock())
        made, secret = await clients.create("Bench", test=False, callback_urls=["http://127.0.0.1:9/linked"])
        keys = {"client_id": made.client_id, "client_secret": secret}
        app = await stack.enter_async_context(client(ours, keys))
        portal = await stack.enter_async_context(client(ehr, {}))
        direct = SmartApp(portal)
        await direct.register(redirect_uris=[CALLBACK])
        yield Place(ours, second, ehr, app, direct)
