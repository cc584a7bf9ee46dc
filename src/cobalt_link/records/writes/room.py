"""Puts together what writes: the desk that accepts them, and the worker that does them."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from cobalt_link.accounts.room import AccountsRoom
from cobalt_link.developers.room import DevelopersRoom
from cobalt_link.jobs.queue import Jobs
from cobalt_link.records.ids import RecordIds
from cobalt_link.records.writes.accept import DISPATCH, RUN, Offers, WriteDesk
from cobalt_link.records.writes.desk import JobSignals, WritesApi
from cobalt_link.records.writes.operations import OPERATIONS
from cobalt_link.records.writes.prepare import Preparation
from cobalt_link.records.writes.promises import WritePromises
from cobalt_link.records.writes.receipts import ReceiptKeys
from cobalt_link.records.writes.run import WriteRunner
from cobalt_link.records.writes.sealing import JobSeals
from cobalt_link.records.writes.settle import Settlement, Stationery
from cobalt_link.records.writes.table import WriteJobs
from cobalt_link.room import Chore, Deps
from cobalt_link.store.database import Tx
from cobalt_link.store.turns import one_at_a_time
from cobalt_link.webhooks.events import Events

AT_ONCE = 200  # jobs that a sweep starts
KEPT = timedelta(days=30)  # of idempotency keys and results without their content (S-081)


class Writes(msgspec.Struct, frozen=True):
    """`api` is for the routes, `chores` are for every worker, `promises` for reads. The others are what live fetches
    work with."""

    api: WritesApi
    jobs: WriteJobs
    desk: WriteDesk
    runner: WriteRunner
    settlement: Settlement
    promises: WritePromises
    chores: tuple[Chore, ...]


def put_together(
    deps: Deps, queue: Jobs, accounts: AccountsRoom, developers: DevelopersRoom, ids: RecordIds, events: Events
) -> Writes:
    db, clock, settings = deps.db, deps.clock, deps.settings
    jobs, seals, keys = WriteJobs(db), JobSeals(accounts.keys), ReceiptKeys(db, deps.vault, clock)
    preparation = Preparation(OPERATIONS, deps.connectors, accounts.sessions, ids, developers.orgs)
    stationery = Stationery(events, clock, settings.public_url, {"note.uploaded": settings.note_event})
    settlement = Settlement(db, jobs, seals, ids, keys, stationery)
    runner = WriteRunner(jobs, accounts.accounts, accounts.sessions, preparation, settlement, clock)
    desk = WriteDesk(jobs, seals, ids, Offers(OPERATIONS, deps.connectors), deps.vault, clock)
    desk.starts_with(queue)

    async def dispatch() -> None:
        for job_id, lane, client in await jobs.due(clock.now(), AT_ONCE):
            queue.start(RUN, lane=lane, party=client, job_id=str(job_id))

    async def prune() -> None:
        erased = timedelta(days=settings.retention_days)
        await jobs.prune(clock.now(), kept=max(KEPT, erased), erased=erased)

    async def resume(tx: Tx, account: str) -> None:
        await jobs.resume(tx, account, clock.now())

    accounts.events.when_repaired(resume)
    queue.task(RUN, runner)
    queue.task(DISPATCH, dispatch)
    return Writes(
        WritesApi(desk, jobs, seals, preparation, keys, JobSignals(deps.signals, clock)),
        jobs,
        desk,
        runner,
        settlement,
        WritePromises(jobs, seals, OPERATIONS),
        (
            Chore("writes", 1.0, dispatch),
            Chore("pruning of writes", 3600.0, one_at_a_time(db, "pruning of writes", prune)),
        ),
    )
