"""Whether memory stays bounded over hours (S-150): whole links at half of the speed that the server could do.

`make soak` runs it for two hours, and fails if the server's memory grows by more than 1 MB in ten minutes.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from statistics import linear_regression

import psutil

from benchmarks.link import PEOPLE, Visit, link_visit, places, visits
from benchmarks.world import free_port

TARGET = 1.0  # MB in ten minutes
WARM_UP = 1 / 6  # of the time: caches fill, pools grow, and the allocator finds its size
SAMPLE = 5.0  # seconds


async def run(hours: float = 2.0, measure: float = 20.0) -> None:
    """`measure`: seconds to find out the full speed. Ends the program with 1 if the memory grows."""
    async with places() as (here, ours, _, ehr, meter):
        app = await here.app(f"http://127.0.0.1:{free_port()}/linked")
        visit = link_visit(here, app, ours, ehr)
        full = await visits(visit, PEOPLE, measure)
        memory = Memory(meter.server)
        began, spent = time.monotonic(), meter.seconds()
        sampling = asyncio.create_task(memory.sample())
        done, failed = await _paced(visit, full.per_second / 2, hours * 3600)
        sampling.cancel()
        used = (meter.seconds() - spent) / (time.monotonic() - began)
    growth = memory.growth(WARM_UP)
    verdict = "reached" if growth <= TARGET else "missed"
    print(
        f"{done} links in {hours:g} hours at half of {full.per_second:.1f} a second, {failed} failed; {used:.2f} cores"
    )
    print(f"  server, MB: {memory.megabytes[0]:.0f} at first, {memory.megabytes[-1]:.0f} at last; files {memory.files}")
    print(
        f"  growth after the first sixth, MB in ten minutes: {growth:.2f}, target {TARGET:.2f}: {verdict}", flush=True
    )
    if failed or growth > TARGET:
        sys.exit(1)


class Memory:
    """The resident memory of a process, again and again."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self.seconds: list[float] = []
        self.megabytes: list[float] = []
        self.files = ""

    async def sample(self) -> None:
        before = self._process.num_fds()
        for number in itertools.count():
            self.seconds.append(time.monotonic())
            self.megabytes.append(self._process.memory_info().rss / 1e6)
            self.files = f"{before} and {self._process.num_fds()}"
            if number % 120 == 0:
                print(f"  {number * SAMPLE / 60:.0f} min: {self.megabytes[-1]:.1f} MB", flush=True)
            await asyncio.sleep(SAMPLE)

    def growth(self, skip: float) -> float:
        """Megabytes in ten minutes, by a line through all samples after the first part."""
        first = int(len(self.seconds) * skip)
        return linear_regression(self.seconds[first:], self.megabytes[first:]).slope * 600


async def _paced(visit: Visit, per_second: float, seconds: float) -> tuple[int, int]:
    """Begins so many visits per second while anybody is free. Returns how many were done, and how many failed."""
    free = list(range(PEOPLE))
    running: set[asyncio.Task[None]] = set()
    done = failed = 0

    async def one(person: int) -> None:
        nonlocal done, failed
        try:
            await visit(person)
            done += 1
        except Exception as error:
            failed += 1
            print(f"  a link failed: {error!r}", flush=True)
        finally:
            free.append(person)

    end = time.monotonic() + seconds
    while (now := time.monotonic()) < end:
        if free:
            task = asyncio.create_task(one(free.pop(0)))
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.sleep(max(0.0, now + 1 / per_second - time.monotonic()))
    await asyncio.gather(*running)
    return done, failed
