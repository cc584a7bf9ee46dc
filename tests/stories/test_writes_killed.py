"""Workers are killed and stopped in mid-write: nothing is written twice, nothing is lost, and every receipt is true."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator

import psutil
import pytest

from cobalt_link.app import House
from cobalt_link.records.writes.run import MOST_BROKEN
from cobalt_link.records.writes.table import LEASE
from tests.stories.ward import SandboxWard, ward
from tests.support import proof
from tests.support.processes import Running, a_worker
from tests.support.world import Sandbox
from tests.support.write_moments import WriteMoment
from tests.webhooks.receiver import OK

LIES = ("write_error_although_done", "write_done_although_not", "write_empty_201", "")
JOBS = 12  # in each round
ROWS = "SELECT id, claim, fence, broken, intent_at, settled_at, state, steps FROM write_jobs ORDER BY id"
TABLES = ("write_jobs", "record_bindings", "webhook_events", "webhook_outbox", "accounts")


@pytest.fixture
async def place(house: House, sandbox: Sandbox) -> AsyncIterator[SandboxWard]:
    async with ward(house, sandbox) as place:
        yield place
        await place.nothing_is_stuck()


MOMENTS: list[tuple[WriteMoment, str]] = [
    ("before the intent", "succeeded"),
    ("intent", "failed"),  # nobody can know, so nobody sends it again, and the EHR does not have it
    ("answer", "succeeded"),
    ("settling", "succeeded"),
    ("settled", "succeeded"),
]


async def test_a_worker_may_die_at_every_step_of_a_write(place: SandboxWard) -> None:  # S-083, S-086
    ended = {}
    for moment, _ in MOMENTS:
        ended[moment] = await place.accepted()
        with a_worker(place.house.settings, write=(moment, signal.SIGKILL)) as worker:
            assert await worker.ended() == -signal.SIGKILL
        await place.time_passes()
        await place.finished(ended[moment])
    states = {moment: (await place.is_true(job))["state"] for moment, job in ended.items()}
    assert states == dict(MOMENTS)


@pytest.mark.parametrize(
    ("hold", "drop", "state"),
    [("before", True, "failed"), ("before", False, "succeeded"), ("after", True, "succeeded")],
)
async def test_a_worker_may_die_while_the_ehr_has_its_write(
    place: SandboxWard, hold: str, drop: bool, state: str
) -> None:  # S-086
    await place.clinic.sandbox.lab("faults", {"hold_writes": hold})
    job = await place.accepted()
    with a_worker(place.house.settings) as worker:
        await place.held()
        worker.kill()
        await worker.ended()
    await place.let_go(drop=drop)
    await place.time_passes()
    (found,) = await place.finished(job)
    assert found["state"] == state
    assert found["code"] == (None if state == "succeeded" else "NOT_IN_EHR")


async def test_a_worker_may_die_while_it_tells_the_app(place: SandboxWard) -> None:  # S-071
    go = asyncio.Event()

    async def answer(_: bytes) -> bytes:
        await go.wait()
        return OK

    place.receiver.answers = answer
    job = await place.accepted()
    with a_worker(place.house.settings) as worker:
        await place.receiver.gets(1, 60)
        worker.kill()
        await worker.ended()
    go.set()
    await place.leases_run_out()
    with a_worker(place.house.settings):
        await place.receiver.gets(2, 60)
    await place.is_true(job)
    first, again = place.receiver.got
    assert first.id == again.id


async def test_workers_killed_at_random_write_nothing_twice_and_lose_nothing(
    place: SandboxWard,
) -> None:  # S-071, S-083, S-085, S-086
    chance, jobs, met = random.Random(86), list[int](), 0
    for _ in range(proof.WRITE_KILLS.times):
        lie = chance.choice(LIES)
        await place.clinic.sandbox.lab("faults", {lie: True, "times": JOBS // 3} if lie else {})
        jobs += await asyncio.gather(*(place.accepted() for _ in range(JOBS)))
        with a_worker(place.house.settings) as one, a_worker(place.house.settings) as two:
            await both_ready(one, two)
            await place.begun()
            await asyncio.sleep(chance.uniform(0, 0.3))  # whatever they do then
            one.kill()
            two.kill()
            await one.ended()
            await two.ended()
        met += bool(await place.house.db.rows("SELECT id FROM write_jobs WHERE claim IS NOT NULL LIMIT 1"))
        await everything_arrived(place)
        await place.time_passes()
    await place.clinic.sandbox.lab("faults", {})
    found = await place.finished(*jobs, seconds=60 + len(jobs))
    states = [each["state"] for each in found]
    print(f"{len(jobs)} writes, {2 * proof.WRITE_KILLS.times} kills: {states.count('failed')} not in the EHR")
    assert met >= proof.WRITE_KILLS.times // 2, "The kills came when nothing was under way."
    assert states.count("succeeded") > len(jobs) // 2


async def test_a_worker_that_slept_past_its_lease_changes_nothing(place: SandboxWard) -> None:  # S-084
    for _ in range(proof.STOPPED_WRITERS.times):
        await place.clinic.sandbox.lab("faults", {"hold_writes": "after"})
        job = await place.accepted()
        with a_worker(place.house.settings) as sleeper:
            await place.held()
            sleeper.send(signal.SIGSTOP)
            await place.leases_run_out()
            (found,) = await place.finished(job)
            assert found["state"] == "succeeded"
            before = await everything(place.house)
            await place.let_go()
            sleeper.send(signal.SIGCONT)
            sleeper.send(signal.SIGTERM)
            assert await sleeper.ended() == 0
        assert await everything(place.house) == before


async def test_a_worker_that_slept_before_it_sent_the_write_sends_it_no_more(
    place: SandboxWard,
) -> None:  # S-084, S-086
    for moment in ("before the intent", "intent"):
        job = await place.accepted()
        with a_worker(place.house.settings, write=(moment, signal.SIGSTOP), limits={"sent_within": 1.0}) as sleeper:
            await stopped(sleeper)
            began = time.monotonic()
            await place.time_passes()
            (found,) = await place.finished(job)
            assert found["state"] == ("failed" if moment == "intent" else "succeeded")
            await asyncio.sleep(began + 1.1 - time.monotonic())
            sleeper.send(signal.SIGCONT)
            sleeper.send(signal.SIGTERM)
            assert await sleeper.ended() == 0
        await place.is_true(job)


async def test_a_job_at_which_every_worker_fails_is_given_up_and_blocks_nobody(place: SandboxWard) -> None:  # S-087
    count = proof.POISON_WRITES.times
    poison = [await place.accepted() for _ in range(count)]
    await place.house.db.run("UPDATE write_jobs SET sealed_request = '\\xdead' WHERE id = ANY(%s)", (poison,))
    good = await asyncio.gather(*(place.accepted() for _ in range(10 * count)))
    began = time.monotonic()
    with a_worker(place.house.settings):
        await settled(place, good)
        rows = {row["id"]: row for row in await place.house.db.rows(ROWS)}
        # Tried once each, and left alone for a lease: they took nobody's place.
        assert all(rows[each]["settled_at"] is None for each in poison)
        assert max(rows[each]["fence"] for each in poison) <= 1 + (time.monotonic() - began) // LEASE.total_seconds()
        await place.leases_run_out()
        async with asyncio.timeout(60):
            while await place.house.db.rows("SELECT id FROM write_jobs WHERE settled_at IS NULL AND broken = 0"):
                await asyncio.sleep(0.02)
        # Instead of eight more leases.
        await place.house.db.run("UPDATE write_jobs SET broken = %s WHERE settled_at IS NULL", (MOST_BROKEN - 1,))
        await place.leases_run_out()
        await settled(place, poison)
    for each in poison:
        job = await place.clinic.job(each, wait=0)
        assert (job["state"], job["code"], await place.clinic.rows(each)) == ("failed", "INTERNAL_ERROR", 0)
    assert {(await place.is_true(each))["state"] for each in good} == {"succeeded"}


async def test_a_worker_that_is_asked_to_end_finishes_or_gives_back_what_it_has(place: SandboxWard) -> None:  # S-092
    await place.clinic.sandbox.lab("faults", {"write_slow_ms": 300})
    jobs = await asyncio.gather(*(place.accepted() for _ in range(12)))
    with a_worker(place.house.settings) as worker:
        await place.begun(2)
        worker.send(signal.SIGTERM)
        began = time.monotonic()
        assert await worker.ended() == 0 and time.monotonic() - began < 25
    rows = await place.house.db.rows(ROWS)
    assert {row["claim"] for row in rows} == {None}
    finished = {row["id"] for row in rows if row["settled_at"]}
    assert finished == {row["id"] for row in rows if row["intent_at"]} and 2 <= len(finished) < len(jobs)

    # One that the EHR does not finish in time is given back, and another worker looks at once.
    await place.clinic.sandbox.lab("faults", {"hold_writes": "before"})
    with a_worker(place.house.settings, limits={"grace": 0.3}) as worker:
        await place.held()
        worker.send(signal.SIGTERM)
        assert await worker.ended() == 0
    assert {row["claim"] for row in await place.house.db.rows(ROWS)} == {None}
    await place.let_go()
    await everything_arrived(place)
    assert {each["state"] for each in await place.finished(*jobs)} == {"succeeded"}


async def both_ready(*workers: Running) -> None:
    for each in workers:
        await each.ready()


async def stopped(worker: Running) -> None:
    async with asyncio.timeout(60):
        while psutil.Process(worker.pid).status() != psutil.STATUS_STOPPED:
            await asyncio.sleep(0.01)


async def settled(place: SandboxWard, jobs: list[int]) -> None:
    async with asyncio.timeout(60 + len(jobs)):
        while await place.house.db.rows("SELECT id FROM write_jobs WHERE id = ANY(%s) AND settled_at IS NULL", (jobs,)):
            await asyncio.sleep(0.02)


async def everything_arrived(place: SandboxWard) -> None:
    """Until the EHR has answered whatever reached it: also for a worker that is gone."""
    async with asyncio.timeout(60):
        while True:
            counts = await place.clinic.sandbox.counts()
            if counts["requests"] == counts["answered"]:
                return
            await asyncio.sleep(0.02)


async def everything(house: House) -> list[object]:
    """All that a worker could have changed."""
    return [await house.db.rows(f"SELECT * FROM {name} ORDER BY 1, 2") for name in TABLES]  # type: ignore[arg-type]
