"""Opens the room of the unified EHR API."""

from __future__ import annotations

from datetime import timedelta

from cobalt_link.accounts.room import AccountsRoom
from cobalt_link.developers.room import DevelopersRoom
from cobalt_link.jobs.room import JobsRoom
from cobalt_link.records import api, fhir
from cobalt_link.records.engine import RecordsEngine
from cobalt_link.records.fetches import api as fetch_api
from cobalt_link.records.fetches.run import FetchDesk
from cobalt_link.records.ids import RecordIds
from cobalt_link.records.overlays import Overlays
from cobalt_link.records.sync import api as sync_api
from cobalt_link.records.sync.reader import ScheduleReader, SyncSetting
from cobalt_link.records.writes import api as writes_api
from cobalt_link.records.writes.room import put_together
from cobalt_link.records.writes.table import WriteJobs
from cobalt_link.room import Chore, Deps, Room
from cobalt_link.store.database import Tx
from cobalt_link.store.turns import one_at_a_time
from cobalt_link.webhooks.room import WebhooksRoom

ROUTES = (api.routes, writes_api.routes, writes_api.keys, sync_api.routes, fetch_api.routes, fhir.routes)
READ = "records.read_schedule"
SCHEDULES_AT_ONCE = 500


class RecordsRoom(Room, frozen=True, kw_only=True):
    """`write_jobs` is the queue of writes, `schedules` reads what staff change. Both are for tests."""

    write_jobs: WriteJobs
    schedules: ScheduleReader


def open(  # noqa: A001 - as every room
    deps: Deps, jobs: JobsRoom, webhooks: WebhooksRoom, accounts: AccountsRoom, developers: DevelopersRoom
) -> RecordsRoom:
    ids = RecordIds(deps.db, accounts.keys)
    overlays = Overlays(deps.db)
    engine = RecordsEngine(accounts.sessions, accounts.accounts, developers.orgs, ids, overlays, deps.connectors)
    kept = timedelta(days=deps.settings.record_id_days)
    prune = one_at_a_time(deps.db, "record ids", lambda: ids.prune(deps.clock.now(), kept))
    writes = put_together(deps, jobs.queue, accounts, developers, ids, webhooks.events)
    engine.promises = writes.promises
    fetches = FetchDesk(writes.desk, writes.runner, writes.settlement, engine, deps.clock)
    every = timedelta(seconds=deps.settings.sync_seconds)
    setting = SyncSetting(webhooks, deps.clock, every)
    reader = ScheduleReader(deps.db, accounts.accounts, accounts.keys, engine, writes.jobs, setting)

    async def read_schedules() -> None:
        for account, lane in await reader.table.due(deps.clock.now(), SCHEDULES_AT_ONCE):
            jobs.queue.start(READ, lane=lane, party=READ, account=account)

    async def resume(tx: Tx, account: str) -> None:
        await reader.table.resume(tx, account, deps.clock.now())

    accounts.events.when_repaired(resume)
    jobs.queue.task(READ, reader)
    pace = min(deps.settings.sync_seconds / 4, 1.0)
    return RecordsRoom(
        routes=(
            (api.routes, engine),
            (writes_api.routes, writes.api),
            (writes_api.keys, writes.api),
            (sync_api.routes, reader),
            (fetch_api.routes, fetches),
            (fhir.routes, fhir.FhirGateway(accounts.sessions, deps.connectors, deps.settings.public_url)),
        ),
        chores=(
            Chore("record ids", 3600.0, prune),
            Chore("schedules", pace, read_schedules),
            Chore(
                "enrolling", min(deps.settings.sync_seconds, 10.0), one_at_a_time(deps.db, "enrolling", reader.enroll)
            ),
            *writes.chores,
        ),
        write_jobs=writes.jobs,
        schedules=reader,
    )
