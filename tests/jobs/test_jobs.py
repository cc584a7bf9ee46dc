"""Wake-ups in the caller's transaction, and a worker that does them, its chores, and ends with grace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from cobalt_link.jobs import worker
from cobalt_link.jobs.queue import Jobs
from cobalt_link.jobs.worker import Chore
from cobalt_link.store.database import Database


@pytest.fixture
async def jobs(dsn: str) -> AsyncIterator[Jobs]:
    made = Jobs(dsn)
    await made.open()
    yield made
    await made.close()


@asynccontextmanager
async def at_work(jobs: Jobs, chores: list[Chore] | None = None, concurrency: int = 4) -> AsyncIterator[None]:
    task = asyncio.create_task(worker.work(jobs, chores or [], concurrency=concurrency))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def met(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def queued(db: Database) -> int:
    row = await db.one("SELECT count(*) AS n FROM procrastinate_jobs")
    return row["n"] if row else -1


async def test_a_wake_up_that_was_committed_is_done_once_and_leaves_nothing(db: Database, jobs: Jobs) -> None:
    done: list[str] = []

    async def work(thing_id: str) -> None:
        done.append(thing_id)

    jobs.task("thing", work)
    async with at_work(jobs):
        for number in range(20):
            async with db.transaction() as tx:
                await jobs.wake(tx, "thing", thing_id=str(number))
        await met(lambda: len(done) == 20)
        assert sorted(done, key=int) == [str(number) for number in range(20)]
        async with asyncio.timeout(10):
            while await queued(db):
                await asyncio.sleep(0.01)


async def test_a_wake_up_that_was_rolled_back_never_happened(db: Database, jobs: Jobs) -> None:
    async def work(thing_id: str) -> None:
        raise AssertionError("woken by what was rolled back")

    jobs.task("thing", work)

    async def woken_in_vain() -> None:
        async with db.transaction() as tx:
            await jobs.wake(tx, "thing", thing_id="1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await woken_in_vain()
    assert await queued(db) == 0


async def test_a_later_wake_up_waits(db: Database, jobs: Jobs) -> None:
    async def work(thing_id: str) -> None: ...

    jobs.task("thing", work)
    async with db.transaction() as tx:
        await jobs.wake(tx, "thing", after=3600, thing_id="1")
    row = await db.one("SELECT scheduled_at > now() + interval '59 minutes' AS later FROM procrastinate_jobs")
    assert row == {"later": True}


async def test_a_job_that_fails_neither_stops_the_worker_nor_stays(
    db: Database, jobs: Jobs, caplog: pytest.LogCaptureFixture
) -> None:  # S-087
    done: list[str] = []

    async def work(thing_id: str) -> None:
        if thing_id == "bad":
            raise RuntimeError("a poison")
        done.append(thing_id)

    jobs.task("thing", work)
    async with at_work(jobs, concurrency=1):
        for thing in ("bad", "good", "bad", "better"):
            async with db.transaction() as tx:
                await jobs.wake(tx, "thing", thing_id=thing)
        await met(lambda: done == ["good", "better"])
        async with asyncio.timeout(10):
            while await queued(db):
                await asyncio.sleep(0.01)


async def test_chores_repeat_though_one_fails(jobs: Jobs) -> None:
    done: list[str] = []

    async def failing() -> None:
        done.append("failed")
        raise OSError("the database restarts")

    async def working() -> None:
        done.append("worked")

    async with at_work(jobs, [Chore("failing", 0.01, failing), Chore("working", 0.01, working)]):
        await met(lambda: done.count("failed") > 2 and done.count("worked") > 2)


async def test_a_worker_that_is_asked_to_end_lets_a_running_job_finish(db: Database, jobs: Jobs) -> None:
    begun, may_end, done = asyncio.Event(), asyncio.Event(), []

    async def work(thing_id: str) -> None:
        begun.set()
        await may_end.wait()
        done.append(thing_id)

    jobs.task("thing", work)
    task = asyncio.create_task(worker.work(jobs, [], concurrency=1))
    async with db.transaction() as tx:
        await jobs.wake(tx, "thing", thing_id="1")
    await begun.wait()
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    may_end.set()
    with suppress(asyncio.CancelledError):
        await task
    assert done == ["1"]


async def test_the_jobs_of_a_worker_that_died_are_forgotten(db: Database, jobs: Jobs) -> None:  # S-085
    async def work(thing_id: str) -> None: ...

    jobs.task("thing", work)
    async with db.transaction() as tx:
        await jobs.wake(tx, "thing", thing_id="1")
    dead = await jobs.app.job_manager.register_worker()
    assert await jobs.app.job_manager.fetch_job(queues=None, worker_id=dead) is not None
    await jobs.forget_stalled()
    assert await queued(db) == 1
    await db.run("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '61 seconds'")
    await jobs.forget_stalled()
    assert await queued(db) == 0


async def test_a_worker_ends_even_if_a_chore_loses_a_cancellation(jobs: Jobs) -> None:
    began = asyncio.Event()

    async def losing() -> None:
        began.set()
        with suppress(asyncio.CancelledError):  # as wait_for does in Python 3.11 when what it waits for comes, too
            await asyncio.Event().wait()

    async with asyncio.timeout(20):
        async with at_work(jobs, [Chore("losing", 60.0, losing)]):
            await began.wait()


async def test_a_process_that_works_does_so_many_at_once_itself_and_ends_with_them(dsn: str) -> None:
    jobs, done, go = Jobs(dsn), list[str](), asyncio.Event()

    async def work(thing_id: str) -> None:
        await go.wait()
        done.append(thing_id)
        if thing_id == "1":
            raise ValueError(thing_id)

    await jobs.open()
    jobs.task("thing", work)
    assert not jobs.works_here
    async with at_work(jobs, concurrency=2):
        await met(lambda: jobs.works_here)
        jobs.start("thing", thing_id="1")
        assert jobs.works_here
        jobs.start("thing", thing_id="2")
        assert not jobs.works_here
        go.set()
        await met(lambda: jobs.works_here)
        go.clear()
        jobs.start("thing", thing_id="3")
        asyncio.get_running_loop().call_later(0.2, go.set)
    assert (sorted(done), jobs.works_here) == (["1", "2", "3"], False)
    await jobs.close()


async def test_a_worker_ends_although_its_start_lost_the_cancellation(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    register, begun = jobs.app.job_manager.register_worker, asyncio.Event()

    async def registered() -> int:
        begun.set()
        with suppress(asyncio.CancelledError):  # as the pool does when a connection comes at that moment
            await asyncio.sleep(60)
        return await register()

    monkeypatch.setattr(jobs.app.job_manager, "register_worker", registered)
    working = asyncio.create_task(worker.work(jobs, [], concurrency=1))
    await begun.wait()
    working.cancel()
    _, late = await asyncio.wait({working}, timeout=20)
    assert not late


async def test_what_waits_in_a_slow_lane_keeps_nobody_else_waiting(jobs: Jobs, db: Database) -> None:
    slow, done = asyncio.Event(), list[str]()

    async def work(thing_id: str) -> None:
        if thing_id.startswith("slow"):
            await slow.wait()
        done.append(thing_id)

    async def lane(thing_id: str) -> str:
        return thing_id.partition("-")[0]

    jobs.task("thing", work, lane=lane)
    async with at_work(jobs, concurrency=20):
        await met(lambda: jobs.works_here)
        for number in range(30):  # more than there are slots, started here and by jobs
            jobs.start("thing", lane="slow", thing_id=f"slow-{number}")
            async with db.transaction() as tx:
                await jobs.wake(tx, "thing", thing_id=f"slow-{number + 100}")
        assert not jobs.works_here
        async with db.transaction() as tx:
            await jobs.wake(tx, "thing", thing_id="quick-by-job")
        jobs.start("thing", lane="quick", thing_id="quick-here")
        await met(lambda: sorted(done) == ["quick-by-job", "quick-here"])
        slow.set()
        await met(lambda: len(done) == 62)


async def test_what_already_waits_is_not_started_twice(jobs: Jobs) -> None:
    go, done = asyncio.Event(), list[str]()

    async def work(thing_id: str) -> None:
        done.append(thing_id)
        await go.wait()

    jobs.task("thing", work)
    async with at_work(jobs, concurrency=2):
        await met(lambda: jobs.works_here)
        for _ in range(3):
            jobs.start("thing", lane="one", thing_id="1")
        await met(lambda: done == ["1"])
        # It runs now, so whatever happened after it began needs another run.
        jobs.start("thing", lane="one", thing_id="1")
        await met(lambda: done == ["1", "1"])
        go.set()


async def test_a_worker_that_ends_leaves_to_others_what_waits_for_a_slot(dsn: str) -> None:  # S-092
    jobs, go, begun, done = Jobs(dsn), asyncio.Event(), list[str](), list[str]()

    async def work(thing_id: str) -> None:
        begun.append(thing_id)
        await go.wait()
        done.append(thing_id)

    await jobs.open()
    jobs.task("thing", work)
    async with at_work(jobs, concurrency=4):
        await met(lambda: jobs.works_here)
        for number in range(10):
            jobs.start("thing", lane="one", thing_id=str(number))
        await met(lambda: len(begun) == 2)
        asyncio.get_running_loop().call_later(0.2, go.set)
    assert begun == done == ["0", "1"]
    async with at_work(jobs, concurrency=4):
        await met(lambda: jobs.works_here)
        jobs.start("thing", lane="one", thing_id="2")
        await met(lambda: done == ["0", "1", "2"])
    await jobs.close()
