"""Who may work on a row: one worker at a time, by a claim with a lease and a fencing number.

A table that holds work has the columns `fence`, `claim`, and `claimed_until`. Its room writes the statements, with the
fragments below, and names them in a `Work`. A worker that was stopped past its lease changes nothing when it wakes:
each of its statements names its claim, and that is no longer the row's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, LiteralString

import msgspec
import structlog

from cobalt_link.store.database import Database, Row, Tx

log = structlog.get_logger()

# Fragments of the statements of a table that holds work. The lease runs by the database's clock, because the clocks of
# two machines differ. `clock_timestamp()` and not `now()`: a statement that waited for a lock must not use the time at
# which it began to wait.
LEASE: LiteralString = "claimed_until = clock_timestamp() + make_interval(secs => %(lease)s)"
# SET: takes the row. The number never falls, so an older claim is never mistaken for the current one.
CLAIM: LiteralString = f"fence = fence + 1, claim = fence + 1, {LEASE}"
# SET: gives the row back, or takes it away from the worker that has it.
RELEASE: LiteralString = "claim = NULL, claimed_until = NULL"
# WHERE: nobody has the row, or its worker is gone.
FREE: LiteralString = "(claimed_until IS NULL OR claimed_until <= clock_timestamp())"
# WHERE: somebody had the row and is gone. For a sweep.
ABANDONED: LiteralString = "claimed_until <= clock_timestamp()"
# WHERE: the row still belongs to this claim. It need not be within its lease: until another worker has taken the row,
# what this one found out is true and may be stored.
CLAIMED: LiteralString = "claim = %(claim)s"


class LostClaim(BaseException):
    """Another worker has taken the row over, or it was taken away: this worker stops at once and changes nothing more.

    A BaseException, so that no connector can catch it and continue.
    """


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """The statements of one table that holds work, written in the file that owns the table.

    `claim` takes the row `%(id)s` if it is due and free, and returns it with its new `claim`. `sweep` finds the rows
    that lost their wake-up or their worker. `keep` extends the lease; it is None for work that ends by itself within
    one lease. For work in batches, add a statement that takes the rows of `SELECT … LIMIT n FOR UPDATE SKIP LOCKED`,
    ordered so that the clients come in turn.
    """

    name: str
    claim: LiteralString
    sweep: LiteralString
    keep: LiteralString | None = None


class Claims:
    """The claims on one table. A worker that is silent for a `lease` loses its claim."""

    def __init__(self, db: Database, work: Work, lease: timedelta) -> None:
        self.lease = lease
        self._db = db
        self._work = work

    async def take(self, id: str, **given: Any) -> Row | None:  # noqa: A002 - the tables' word
        """The row, claimed; None if it is not due or another worker has it. `given` are further parameters."""
        return await self._db.one(self._work.claim, {**given, "id": id, "lease": self._seconds})

    async def settle(self, sql: LiteralString, given: Mapping[str, Any], tx: Tx | None = None) -> None:
        """Runs a statement that has `CLAIMED` among its conditions; raises LostClaim if it changed nothing."""
        touched = (await tx.execute(sql, given)).rowcount if tx else await self._db.run(sql, given)
        if touched == 0:
            raise LostClaim

    async def swept(self, **given: Any) -> list[Row]:
        """What lost its wake-up or its worker. Take each like any other work: another worker may be faster."""
        return await self._db.rows(self._work.sweep, given)

    @asynccontextmanager
    async def kept(self, id: str, claim: int | None) -> AsyncIterator[None]:  # noqa: A002
        """Keeps the claim alive while the block runs, however long that takes."""
        heartbeat = asyncio.create_task(self._keep(id, claim))
        try:
            yield
        finally:
            heartbeat.cancel()

    async def _keep(self, id: str, claim: int | None) -> None:  # noqa: A002
        assert self._work.keep is not None
        beating = True
        while beating:
            # Three beats in a lease: one may fail, because the database restarts, without losing the claim.
            await asyncio.sleep(self._seconds / 3)
            try:
                beating = await self._db.run(self._work.keep, {"id": id, "claim": claim, "lease": self._seconds}) == 1
            except Exception as error:
                # Nothing to do: past the lease the claim is lost, and the next statement of the worker notices it.
                log.warning("claim_not_renewed", work=self._work.name, id=id, error=type(error).__name__)

    @property
    def _seconds(self) -> float:
        return self.lease.total_seconds()
