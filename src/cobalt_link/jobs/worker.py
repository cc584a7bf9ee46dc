"""A worker. It does queued jobs, and the chores that every worker repeats (sweeps, pruning, reading the keyring)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import structlog
from procrastinate.worker import Worker

from cobalt_link.jobs.queue import Jobs
from cobalt_link.room import Chore

log = structlog.get_logger()

POLL = 0.5  # seconds, for databases where LISTEN does not work
JOBS = 10  # at once: most jobs only start work in this process
GRACE = 25.0  # seconds: service managers usually kill after 30


async def work(jobs: Jobs, chores: list[Chore], *, concurrency: int) -> None:
    """Works until cancelled. Then running work has up to 25 seconds to finish."""
    repeated = [asyncio.create_task(_repeat(chore)) for chore in chores]
    jobs.opens(concurrency)
    worker = Worker(
        jobs.app,
        concurrency=min(concurrency, JOBS),
        fetch_job_polling_interval=POLL,
        listen_notify=True,
        install_signal_handlers=False,
        delete_jobs="always",
        shutdown_graceful_timeout=GRACE,
    )
    queued = asyncio.create_task(worker.run())
    try:
        await asyncio.shield(queued)
    finally:
        # Twice: psycopg's pool can lose a cancellation that arrives together with a connection.
        worker.stop()
        queued.cancel()
        # At the same time, so that both kinds of work share the 25 seconds.
        await asyncio.gather(queued, jobs.closed(GRACE), return_exceptions=True)
        await _end(repeated)


async def _end(repeated: Iterable[asyncio.Task[None]]) -> None:
    # Repeatedly, for the same reason.
    pending = set(repeated)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=1)


async def _repeat(chore: Chore) -> None:
    while True:
        try:
            await chore.work()
        except Exception as error:
            # The database may be restarting. The next round finds the same work.
            log.warning("chore_failed", chore=chore.name, error=type(error).__name__)
        await asyncio.sleep(chore.seconds)
