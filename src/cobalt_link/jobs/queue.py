"""Wake-ups and rare jobs on the same database: enqueued in the caller's transaction, done by any worker.

A job carries ids only. It may be done twice or, after a crash, not at all: the tables that hold the work are the
queues, and each is swept besides.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import procrastinate
from psycopg.rows import dict_row

from cobalt_link.store.database import Tx

Work = Callable[..., Awaitable[None]]


class Jobs:
    """One per process. `task` registers what a worker does; `wake` enqueues it."""

    def __init__(self, dsn: str, *, size: int = 3) -> None:
        connector = procrastinate.PsycopgConnector(
            conninfo=dsn, min_size=1, max_size=size, kwargs={"row_factory": dict_row}
        )
        self.app = procrastinate.App(connector=connector)

    async def open(self) -> None:
        await self.app.open_async()

    async def close(self) -> None:
        await self.app.close_async()

    def task(self, name: str, work: Work) -> None:
        """Registers `work` under a name such as `link.advance`; its keyword arguments are ids."""
        self.app.task(name=name)(work)

    async def forget_stalled(self) -> None:
        """Deletes the jobs of workers that died: the tables that hold the work are swept, so nothing is lost."""
        for job in await self.app.job_manager.get_stalled_jobs(seconds_since_heartbeat=60):
            await self.app.job_manager.finish_job(job, procrastinate.jobs.Status.FAILED, delete_job=True)

    async def wake(self, tx: Tx, name: str, *, after: float | None = None, **ids: str) -> None:
        """Enqueues a task in the caller's transaction, due at once or `after` seconds."""
        due = {"seconds": after} if after else None
        deferrer = self.app.configure_task(name, schedule_in=due, connection=tx)
        await deferrer.defer_async(**ids)
