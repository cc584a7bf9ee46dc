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

from cobalt_link.kit.slots import Slots
from cobalt_link.store.database import Tx

Work = Callable[..., Awaitable[None]]
Lane = Callable[..., Awaitable[str | None]]

LANES = 10  # so many lanes may be full before others wait

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
        self._slots = Slots(0, 0)
        self._waiting: dict[tuple[str, ...], asyncio.Task[None]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._endings: list[Callable[[], Awaitable[None]]] = []

    async def open(self) -> None:
        await self.app.open_async()

    async def close(self) -> None:
        await self.app.close_async()

    def task(self, name: str, work: Work, lane: Lane | None = None) -> None:
        """Registers `work` under a name such as `link.run`. Its keyword arguments are ids.

        With `lane`, which says where the work belongs, a job only starts the work and ends, so that no job waits behind
        a slow lane. If this process dies then, the sweep of the table that holds the work finds it.
        """
        self._tasks[name] = work

        async def begin(**ids: str) -> None:
            assert lane is not None
            self.start(name, lane=await lane(**ids), **ids)

        self.app.task(name=name)(begin if lane else work)

    @property
    def is_open(self) -> bool:
        """Whether this process is a worker that has not begun to end."""
        return self._capacity > 0

    def at_end(self, ending: Callable[[], Awaitable[None]]) -> None:
        """Calls `ending` when the worker ends, after its tasks. It may be called again for the next worker."""
        self._endings.append(ending)

    @property
    def works_here(self) -> bool:
        """Whether this process can take one more task now. Then urgent work needs no job."""
        return len(self._running) < self._capacity

    def start(self, name: str, *, lane: str | None = None, party: str = "", **ids: str) -> None:
        """Does a task in this process, as soon as its lane has a slot, the parties in turn. Call it after the commit of
        the work: if the process dies, the sweep of the table that holds the work finds it. What waits already is not
        started twice."""
        key = (name, *sorted(ids.values()))
        if not self._capacity or key in self._waiting:
            return
        task = self._waiting[key] = asyncio.create_task(self._do(name, (lane, party), ids, key))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def run(self, name: str, **ids: str) -> None:
        """Does a task here and waits for its end. What it raises reaches the caller."""
        await self._tasks[name](**ids)

    async def _do(self, name: str, place: tuple[str | None, str], ids: dict[str, str], key: tuple[str, ...]) -> None:
        began = False
        try:
            async with self._slots.taken(*place):
                # Once it runs, the same work may be started again: something may have happened that it did not see.
                del self._waiting[key]
                began = True
                await self.run(name, **ids)
        except Exception as error:
            log.warning("task_failed", task=name, error=type(error).__name__, **ids)
        finally:
            if not began:
                self._waiting.pop(key, None)

    def opens(self, capacity: int) -> None:
        """From now on, `start` does up to `capacity` tasks at once, and in one lane a tenth of them, at least two."""
        self._capacity = capacity
        self._slots = Slots(capacity, max(2, capacity // LANES))

    async def closed(self, seconds: float) -> None:
        """Starts nothing new, and waits for the running tasks. Cancels those that still run after `seconds`."""
        self._capacity = 0
        # What waits for a slot is left to other workers. It could otherwise begin just before the end, and be cut off.
        for task in self._waiting.values():
            task.cancel()
        self._waiting.clear()
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for ending in self._endings:
            await ending()

    async def forget_stalled(self) -> None:
        """Deletes the jobs of workers that died. Nothing is lost, because the tables that hold the work are swept."""
        for job in await self.app.job_manager.get_stalled_jobs(seconds_since_heartbeat=60):
            await self.app.job_manager.finish_job(job, procrastinate.jobs.Status.FAILED, delete_job=True)

    async def wake_now(self, name: str, **ids: str) -> None:
        """Enqueues a task in a transaction of its own. For work that is stored already and that a sweep finds too."""
        await self.app.configure_task(name).defer_async(**ids)

    async def wake(self, tx: Tx, name: str, *, after: float | None = None, **ids: str) -> None:
        """Enqueues a task in the caller's transaction, due immediately or `after` seconds."""
        due = {"seconds": after} if after else None
        deferrer = self.app.configure_task(name, schedule_in=due, connection=tx)
        await deferrer.defer_async(**ids)
