"""Of four workers, one after the other is killed while jobs come in: none is lost, and none is done twice."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from cobalt_link.app import House
from cobalt_link.records.writes.table import LEASE
from tests.stories.test_writes_killed import everything_arrived
from tests.stories.ward import SandboxWard, ward
from tests.support import proof
from tests.support.processes import Running, a_worker
from tests.support.world import Sandbox

WORKERS = 4
LOOKED_INTO = 200  # jobs, each with its receipt, its event, and what the EHR holds
STATES = "SELECT state, count(*) AS n FROM write_jobs GROUP BY state"
OF_DEAD = "SELECT count(*) AS n FROM write_jobs WHERE fence > 1 OR claim IS NOT NULL"
FENCE = "SELECT fence FROM write_jobs WHERE id = %s"


@pytest.fixture
async def place(house: House, sandbox: Sandbox) -> AsyncIterator[SandboxWard]:
    async with ward(house, sandbox) as place:
        yield place
        await place.nothing_is_stuck()


class Crew:
    """The workers. Each one that dies is replaced."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._workers = [self._hired() for _ in range(WORKERS)]

    def _hired(self) -> tuple[ExitStack, Running]:
        stack = ExitStack()
        return stack, stack.enter_context(a_worker(self._house.settings))

    async def ready(self) -> None:
        for _, worker in self._workers:
            await worker.ready()

    async def lose(self, which: int) -> None:
        stack, worker = self._workers[which]
        worker.kill()
        await worker.ended()
        stack.close()
        self._workers[which] = self._hired()

    def close(self) -> None:
        for stack, _ in self._workers:
            stack.close()


@contextmanager
def crew(house: House) -> Iterator[Crew]:
    workers = Crew(house)
    try:
        yield workers
    finally:
        workers.close()


async def test_no_job_is_lost_while_workers_die_one_after_the_other(place: SandboxWard) -> None:  # S-083, S-086
    chance, kills, jobs = random.Random(83), 0, list[int]()

    async def accept() -> None:
        while len(jobs) < proof.JOBS_UNDER_FIRE.times:
            jobs.extend(await asyncio.gather(*(place.accepted() for _ in range(10))))

    with crew(place.house) as workers:
        await workers.ready()
        accepting = asyncio.create_task(accept())
        until = time.monotonic() + proof.SECONDS_UNDER_FIRE.times
        while time.monotonic() < until:
            await asyncio.sleep(chance.uniform(0.2, 1))
            await workers.lose(chance.randrange(WORKERS))
            kills += 1
        await accepting
    met = (await place.house.db.one(OF_DEAD) or {})["n"]
    await everything_arrived(place)
    await place.time_passes()
    await place.finished(*chance.sample(jobs, min(len(jobs), LOOKED_INTO)), seconds=60 + len(jobs))
    states = {row["state"]: row["n"] for row in await place.house.db.rows(STATES)}
    print(f"{len(jobs)} jobs, {kills} kills, {met} jobs met by one: {states}")
    assert sum(states.values()) == len(jobs) and states.keys() <= {"succeeded", "failed"}
    rows = [each["rows"] for each in (await place.clinic.sandbox.lab("written"))["written"] if each["client_ref"]]
    assert (len(rows), max(rows)) == (states["succeeded"], 1)
    assert met, "The kills came when nothing was under way."
    assert states.get("failed", 0) <= met


async def test_a_job_of_a_killed_worker_goes_on_within_45_seconds(place: SandboxWard) -> None:  # S-085
    assert LEASE.total_seconds() + 1 <= 45, "the lease, and a sweep"
    if proof.SIZE == "landing":
        return
    await place.clinic.sandbox.lab("faults", {"hold_writes": "after"})
    job = await place.accepted()
    with a_worker(place.house.settings) as first, a_worker(place.house.settings) as other:
        await first.ready()
        await other.ready()
        await place.held()
        began = time.monotonic()
        # Whichever has it: the one that is killed last is replaced at once.
        first.kill()
        other.kill()
        with a_worker(place.house.settings):
            async with asyncio.timeout(60):
                while (await place.house.db.one(FENCE, (job,)) or {"fence": 0})["fence"] < 2:
                    await asyncio.sleep(0.1)
            took = time.monotonic() - began
            await place.let_go()
            await place.clinic.job(job, wait=30)
    print(f"started again {took:.1f} s after its worker was killed")
    assert took <= 45
    await place.finished(job)
