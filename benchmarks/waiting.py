"""What it costs that people wait for an approval on their phones, each with a page open, and how soon it is seen.

The baseline is the same server before anybody waits.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median
from urllib.parse import urlencode, urlsplit

import httpx2
import msgspec

from benchmarks.cpu import Meter
from benchmarks.load import load, post
from benchmarks.world import World, free_port, program, world

TARGET = 1.5  # times the p50 of link/token/create while nobody waits
SEEN = 3.0  # seconds until an approval is seen
OPENED_AT_ONCE = 16
EVERYBODY = {"COBALT_MAX_CONNECTIONS_PER_ADDRESS": "100000", "COBALT_RATE_LIMITS": "false", "COBALT_LOG_LEVEL": "error"}


class Places(msgspec.Struct):
    """The server with its worker and the EHR, each a process, and what the server costs."""

    here: World
    keys: dict[str, str]
    port: int
    ehr: str
    meter: Meter
    http: httpx2.AsyncClient

    async def polls(self) -> int:
        return (await self.http.get(f"{self.ehr}/polls")).json()["polls"]


class Costs(msgspec.Struct):
    """Of the server and its PostgreSQL: seconds of CPU per second, polls per second, and p50 of a call in ms."""

    cpu: float
    polls: float
    p50: float


async def run(sessions: int = 100, approvals: int = 50, seconds: float = 8.0, within: float = 4.0) -> None:
    """So many wait. They are measured for so many seconds. Then so many approve, spread `within` so many seconds."""
    async with _places() as places, AsyncExitStack() as stack:
        calm = await _costs(places, seconds)
        began = time.perf_counter()
        people = await _waiting(places, sessions)
        stack.callback(lambda: [each.close() for each in people])
        print(f"{sessions} sessions wait, opened in {time.perf_counter() - began:.0f} s; baseline: none waits")
        await asyncio.sleep(min(20.0, seconds))  # the first polls come sooner than the later ones
        crowded = await _costs(places, seconds)
        times = await _approved(places, people[:approvals], within)
    own = (crowded.cpu - calm.cpu) / sessions * 1000
    print(f"  CPU per waiting session and second, ms: {own:.3f}, with PostgreSQL; polls a second {crowded.polls:.0f}")
    print(f"  CPU of both, cores: {crowded.cpu:.2f}; baseline {calm.cpu:.3f}")
    ratio = crowded.p50 / calm.p50
    verdict = "reached" if ratio <= TARGET else "missed"
    print(f"  link/token/create, p50 in ms: {crowded.p50:.2f}; baseline {calm.p50:.2f}; ratio {ratio:.2f}, ", end="")
    print(f"target {TARGET:.2f}: {verdict}")
    late = sum(each > SEEN for each in times)
    print(
        f"  {len(times)} of {min(approvals, sessions)} approvals within {within:g} s reached their pages, seconds: ",
        end="",
    )
    print(
        f"p50 {median(times):.2f}, p99 {_at(times, 0.99):.2f}, most {max(times):.2f}; later than {SEEN:.0f} s: {late}"
    )
    print(f"  load {os.getloadavg()[0]:.1f}")


@asynccontextmanager
async def _places() -> AsyncIterator[Places]:
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(world(**EVERYBODY))
        ours, theirs = free_port(), free_port()
        address, ehr = (f"http://127.0.0.1:{port}" for port in (ours, theirs))
        serve = ("-m", "cobalt_link", "serve", "--port", str(ours), "--public-url", address)
        pid = await stack.enter_async_context(program(*serve, env=here.env, port=ours))
        pushing = ("-m", "benchmarks.pushing_ehr", str(theirs))
        await stack.enter_async_context(program(*pushing, env=here.env, port=theirs))
        http = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False, timeout=60))
        keys = await here.app(f"{address}/linked")
        yield Places(here, keys, ours, ehr, Meter(pid, here.settings.postgres_path), http)


async def _costs(places: Places, seconds: float) -> Costs:
    """First the CPU without any calls, then calls one after another."""
    cpu, polls, began = places.meter.seconds(), await places.polls(), time.perf_counter()
    await asyncio.sleep(seconds)
    took = time.perf_counter() - began
    used, asked = places.meter.seconds() - cpu, await places.polls() - polls
    bodies = ({"user_id": f"user-{n}", "org_id": "bench", "emr_name": "Sandbox EHR"} for n in itertools.count())
    calls = (post("/v1/link/token/create", msgspec.json.encode(body), places.keys) for body in bodies)
    measured = await load(places.port, calls, connections=1, seconds=seconds)
    return Costs(used / took, asked / took, measured.p50 * 1000)


class Person:
    """Somebody with a browser that shows the waiting page. `user` is their login at the EHR."""

    def __init__(self, user: str, port: int) -> None:
        self.user = user
        self._port = port
        self._cookies = ""
        self._page: asyncio.StreamWriter | None = None
        self.moved_on: asyncio.Task[float] | None = None

    async def wait(self, places: Places, link_token: str) -> None:
        """Goes through Link up to the waiting page, and leaves that open."""
        page = await self._opened(await self._get(f"/?{urlencode({'token': link_token})}"))
        page = await self._send_form(page, agree="yes")
        await self._send_form(page, username=self.user, password="approve-it")
        self.moved_on = asyncio.create_task(self._watch())

    def close(self) -> None:
        if self._page is not None:
            self._page.close()
        if self.moved_on is not None:
            self.moved_on.cancel()

    async def _watch(self) -> float:
        """When the page goes on. A page whose time is over is loaded again, as a browser would."""
        while True:
            reader, self._page = await asyncio.open_connection("127.0.0.1", self._port)
            self._page.write(self._request("GET", self.path, "").replace(b"connection: close\r\n", b""))
            await reader.readuntil(b"</footer>")
            await reader.readuntil(b'http-equiv="refresh"')
            at = time.perf_counter()
            self._page.close()
            if 'data-pane="waiting"' not in await self._get(self.path):
                return at

    async def _send_form(self, page: str, **typed: str) -> str:
        form = re.search(r"<form[^>]*data-pane.*?</form>", page, re.S)
        assert form, page
        fields = dict(re.findall(r'<input[^>]*name="(pane|csrf)"[^>]*value="([^"]*)"', form[0]))
        return await self._opened(await self._get(self.path, urlencode(fields | typed)))

    async def _opened(self, page: str) -> str:
        """The next pane, after the steps of the sign-in."""
        while 'http-equiv="refresh"' in page:
            page = await self._get(self.path)
        return page

    async def _get(self, path: str, form: str | None = None) -> str:
        """A page as text, up to its end or to the end of what a person can read of it."""
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            writer.write(self._request("GET" if form is None else "POST", path, form or ""))
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            if cookie := re.search(r"^set-cookie: ([^;]+)", head, re.I | re.M):
                self._cookies = cookie[1]
            body = b""
            while part := await reader.read(65536):
                body += part
                if b'data-pane="waiting"' in body and b"</footer>" in body:
                    break
            writer.close()
            if not (place := re.search(r"^location: (\S+)", head, re.I | re.M)):
                return body.decode()
            path, form = place[1], None
            self.path = urlsplit(path).path

    def _request(self, method: str, path: str, form: str) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"host: 127.0.0.1:{self._port}", f"cookie: {self._cookies}"]
        lines += [f"origin: http://127.0.0.1:{self._port}", "connection: close"]
        lines += ["content-type: application/x-www-form-urlencoded", f"content-length: {len(form)}"] if form else []
        return ("\r\n".join(lines) + "\r\n\r\n" + form).encode()


async def _waiting(places: Places, count: int) -> list[Person]:
    people = [Person(f"user{n}", places.port) for n in range(count)]
    waiting = iter(people)

    async def in_turn() -> None:
        for each in waiting:
            wanted = {"user_id": each.user, "org_id": f"org-{each.user}", "emr_name": "Sandbox EHR"}
            wanted |= {"emr_domain": places.ehr, "show_summary": True}
            create = f"http://127.0.0.1:{places.port}/link/token/create"
            created = (await places.http.post(create, json=wanted, headers=places.keys)).raise_for_status()
            await each.wait(places, created.json()["token"])

    await asyncio.gather(*(in_turn() for _ in range(OPENED_AT_ONCE)))
    return people


async def _approved(places: Places, people: list[Person], within: float) -> list[float]:
    """How many seconds after each approval its page went on."""

    async def approve(number: int, person: Person) -> float:
        await asyncio.sleep(number / len(people) * within)
        began = time.perf_counter()
        await places.http.post(f"{places.ehr}/approve", params={"user": person.user})
        assert person.moved_on
        return await asyncio.wait_for(person.moved_on, 120) - began

    found = await asyncio.gather(*(approve(*each) for each in enumerate(people)), return_exceptions=True)
    return [each for each in found if isinstance(each, float)]


def _at(times: list[float], part: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * part))]
