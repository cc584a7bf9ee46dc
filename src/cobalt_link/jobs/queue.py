"""Wake-ups for workers, on the same database: enqueued in the caller's transaction, done by any worker.

A job carries only ids. It may run twice or, after a crash, not at all. The tables that hold the work are the real
queues, and each of them is swept as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import procrastinate
import structlog
from psycopg.rows import dict_row

from cobalt_link.store.database import Tx

Work = Callable[..., Awaitable[None]]

log = structlog.get_logger()


class Jobs:
    """One per process. `task` registers what a worker does; `wake` enqueues it."""

    def __init__(self, dsn: str, *, size: int = 3) -> None:
        connector = procrastinate.PsycopgConnector(
            conninfo=dsn, min_size=1, max_size=size, kwargs={"row_factory": dict_row}
        )
        self.app = procrastinate.App(connector=connector)
        self._tasks: dict[str, Work] = {}
        self._capacity = 0
        self._slots = asyncio.Semaphore(0)
        self._running: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        await self.app.open_async()

    async def close(self) -> None:
        await self.app.close_async()

    def task(self, name: str, work: Work) -> None:
        """Registers `work` under a name such as `link.advance`. Its keyword arguments are ids."""
        self._tasks[name] = work
        self.app.task(name=name)(work)

    @property
    def works_here(self) -> bool:
        """Whether this process can do one more task now. Then urgent work needs no job."""
        return len(self._running) < self._capacity

    def start(self, name: str, **ids: str) -> None:
        """Does a task in this process now. Call it after the commit of the work: if the process dies, the sweep of the
        table that holds the work finds it."""
        if not self._capacity:
            return
        task = asyncio.create_task(self._do(name, ids))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def run(self, name: str, **ids: str) -> None:
        """Does a task here and waits for its end. What it raises reaches the caller."""
        await self._tasks[name](**ids)

    async def _do(self, name: str, ids: dict[str, str]) -> None:
        try:
            async with self._slots:
                await self.run(name, **ids)
        except Exception as error:
            log.warning("task_failed", task=name, error=type(error).__name__, **ids)

    def opens(self, capacity: int) -> None:
        """From now on, `start` does up to `capacity` tasks at once."""
        self._capacity = capacity
        self._slots = asyncio.Semaphore(capacity)

    async def closed(self, seconds: float) -> None:
        """Starts nothing new, and waits for the running tasks. Cancels those that still run after `seconds`."""
        self._capacity = 0
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def forget_stalled(self) -> None:
        """Deletes the jobs of workers that died. Nothing is lost, because the tables that hold the work are swept."""
        for job in await self.app.job_manager.get_stalled_jobs(seconds_since_heartbeat=60):
            await self.app.job_manager.finish_job(job, procrastinate.jobs.Status.FAILED, delete_job=True)

    async def wake(self, tx: Tx, name: str, *, after: float | None = None, **ids: str) -> None:
        """Enqueues a task in the caller's transaction, due immediately or `after` seconds."""
        due = {"seconds": after} if after else None
        deferrer = self.app.configure_task(name, schedule_in=due, connection=tx)
        await deferrer.defer_async(**ids)
