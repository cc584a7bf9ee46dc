"""How long `/healthz` and `link/token/create` take for everybody else while the server is attacked (S-147)."""

import asyncio
import contextlib
import itertools
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from statistics import median

import httpx2
import msgspec

from benchmarks.attackers import ATTACKS
from benchmarks.load import answered, message, post
from benchmarks.world import World, ended, free_port, program, world

TARGET = 2.0  # times as long as without an attack
PAUSE = 0.005  # seconds between two requests
ASKED = ("healthz", "token create")


class Latencies(msgspec.Struct):
    """The seconds of each request, and how many failed."""

    times: list[float]
    failed: int = 0

    def at(self, part: float) -> float:
        return sorted(self.times)[min(len(self.times) - 1, int(len(self.times) * part))]


async def run(seconds: float = 6.0, rounds: int = 3, names: Iterable[str] = ATTACKS) -> None:
    """Each attack so many times for so many seconds, with as long a time without it directly before."""
    async with world(COBALT_LOG_LEVEL="error") as here:
        port = free_port()
        serve = ("-m", "cobalt_link", "serve", "--port", str(port), "--public-url", f"http://127.0.0.1:{port}")
        async with program(*serve, env=here.env, port=port):
            async with httpx2.AsyncClient(trust_env=False) as http:
                await http.get(f"http://127.0.0.1:{port}/openapi.json")  # made once, at the first request
            await _asked(here, port, 0.5)
            for name in names:
                pairs = [await _pair(here, port, name, seconds) for _ in range(rounds)]
                print(f"{name}, {rounds} × {seconds:g} s, load {os.getloadavg()[0]:.1f}")
                for place, what in enumerate(ASKED):
                    _tell(what, [(calm[place], attacked[place]) for calm, attacked in pairs])


Both = list[Latencies]


async def _pair(here: World, port: int, name: str, seconds: float) -> tuple[Both, Both]:
    calm = await _asked(here, port, seconds)
    async with _attack(name, port):
        await asyncio.sleep(min(1.0, seconds))  # until all of its connections stand
        return calm, await _asked(here, port, seconds)


def _tell(what: str, pairs: list[tuple[Latencies, Latencies]]) -> None:
    calm, attacked = (median(each[side].at(0.99) for each in pairs) * 1000 for side in (0, 1))
    p50 = median(each.at(0.5) for _, each in pairs) * 1000
    count, failed = sum(len(each.times) for _, each in pairs), sum(each.failed for _, each in pairs)
    ratio = attacked / calm
    said = "reached" if ratio <= TARGET else "missed"
    print(
        f"  {what}: p99 {attacked:.1f} ms (p50 {p50:.1f}), {calm:.1f} without the attack; ratio {ratio:.2f}, target"
        f" {TARGET:.2f}: {said}; {count} answered, {failed} failed"
    )


async def _asked(here: World, port: int, seconds: float) -> Both:
    """Both kinds of request, each one after the other on a connection of its own."""
    numbers = itertools.count()

    def create() -> bytes:
        body = {"user_id": f"user-{next(numbers)}", "org_id": "bench", "emr_name": "Sandbox EHR"}
        return post("/v1/link/token/create", msgspec.json.encode(body), here.headers)

    health = message("GET", "/healthz", b"", {})
    return list(await asyncio.gather(_ask(port, lambda: health, seconds), _ask(port, create, seconds)))


async def _ask(port: int, request: Callable[[], bytes], seconds: float) -> Latencies:
    found, end = Latencies([]), time.perf_counter() + seconds
    while time.perf_counter() < end:
        with contextlib.suppress(OSError, EOFError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with contextlib.closing(writer):
                while time.perf_counter() < end:
                    began = time.perf_counter()
                    found.failed += 1  # until it is answered
                    writer.write(request())
                    status = await answered(reader)
                    found.times.append(time.perf_counter() - began)
                    found.failed -= status == 200
                    await asyncio.sleep(PAUSE)
    return found


@asynccontextmanager
async def _attack(name: str, port: int) -> AsyncIterator[None]:
    null = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.attackers", name, str(port), stdout=null, stderr=null
    )
    try:
        yield
        assert process.returncode is None, f"the attack {name} ended by itself"
    finally:
        await ended(process)
