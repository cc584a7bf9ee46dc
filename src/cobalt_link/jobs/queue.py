"""Wake-ups and rare jobs on the same database: enqueued in the caller's transaction, done by any worker.

A job carries ids only. It may be done twice or, after a crash, not at all: the tables that hold the work are the
queues, and each is swept besides.
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
        self._room = 0
        self._slots = asyncio.Semaphore(0)
        self._running: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        await self.app.open_async()

    async def close(self) -> None:
        await self.app.close_async()

    def task(self, name: str, work: Work) -> None:
        """Registers `work` under a name such as `link.advance`; its keyword arguments are ids."""
        self._tasks[name] = work
        self.app.task(name=name)(work)

    @property
    def works_here(self) -> bool:
        """Whether a worker of this process has room for one more: then what is to be done at once needs no job."""
        return len(self._running) < self._room

    def start(self, name: str, **ids: str) -> None:
        """Does a task in this process now, after the commit of what it is about. If the process ends or dies, the sweep
        of the table that holds the work finds it."""
        if not self._room:
            return
        task = asyncio.create_task(self._do(name, ids))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _do(self, name: str, ids: dict[str, str]) -> None:
        try:
            async with self._slots:
                await self._tasks[name](**ids)
        except Exception as error:
            log.warning("task_failed", task=name, error=type(error).__name__, **ids)

    def opens(self, room: int) -> None:
        """From now on this process does up to so many tasks at once by itself; 0: none any more."""
        self._room = room
        self._slots = asyncio.Semaphore(room)

    async def closed(self, seconds: float) -> None:
        """Nothing new is started; returns when what runs has ended, which after so long it is made to."""
        self._room = 0
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def forget_stalled(self) -> None:
        """Deletes the jobs of workers that died: the tables that hold the work are swept, so nothing is lost."""
        for job in await self.app.job_manager.get_stalled_jobs(seconds_since_heartbeat=60):
            await self.app.job_manager.finish_job(job, procrastinate.jobs.Status.FAILED, delete_job=True)

    async def wake(self, tx: Tx, name: str, *, after: float | None = None, **ids: str) -> None:
        """Enqueues a task in the caller's transaction, due at once or `after` seconds."""
        due = {"seconds": after} if after else None
        deferrer = self.app.configure_task(name, schedule_in=due, connection=tx)
        await deferrer.defer_async(**ids)
