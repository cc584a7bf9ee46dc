"""Has a link session run: at once in this process where a worker has room, else by a job."""

from __future__ import annotations

from cobalt_link.jobs.queue import Jobs
from cobalt_link.store.database import Tx

RUN_SESSION = "link.run"


class SessionQueue:
    """`wake` inside the transaction that made the session due, then `start` after its commit."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    async def wake(self, tx: Tx, session_id: str) -> bool:
        """True: no job is needed, this process will `start` the session."""
        if self._jobs.works_here:
            return True
        await self.wake_by_job(tx, session_id)
        return False

    def start(self, session_id: str, here: bool, address: str | None = None) -> None:
        """Runs the session now if `wake` said so: a user waits, and a job takes longer to arrive than a run takes.

        `address` is that of the EHR instance, if it is chosen. Sign-ins at a slow one wait only for each other.
        """
        if here:
            self._jobs.start(RUN_SESSION, lane=address, session_id=session_id)

    async def wake_by_job(self, tx: Tx, session_id: str) -> None:
        """Enqueues a run."""
        await self._jobs.wake(tx, RUN_SESSION, session_id=session_id)
