"""Opens the room of the unified EHR API."""

from __future__ import annotations

from datetime import timedelta

from cobalt_link.accounts.room import AccountsRoom
from cobalt_link.developers.room import DevelopersRoom
from cobalt_link.jobs.room import JobsRoom
from cobalt_link.records import api
from cobalt_link.records.engine import RecordsEngine
from cobalt_link.records.ids import RecordIds
from cobalt_link.records.writes import api as writes_api
from cobalt_link.records.writes.room import put_together
from cobalt_link.records.writes.table import WriteJobs
from cobalt_link.room import Chore, Deps, Room
from cobalt_link.store.turns import one_at_a_time
from cobalt_link.webhooks.room import WebhooksRoom

ROUTES = (api.routes, writes_api.routes, writes_api.keys)


class RecordsRoom(Room, frozen=True, kw_only=True):
    """`write_jobs` is the queue of writes."""

    write_jobs: WriteJobs


def open(  # noqa: A001 - as every room
    deps: Deps, jobs: JobsRoom, webhooks: WebhooksRoom, accounts: AccountsRoom, developers: DevelopersRoom
) -> RecordsRoom:
    ids = RecordIds(deps.db, accounts.keys)
    engine = RecordsEngine(accounts.sessions, accounts.accounts, developers.orgs, ids, deps.connectors)
    kept = timedelta(days=deps.settings.record_id_days)
    prune = one_at_a_time(deps.db, "record ids", lambda: ids.prune(deps.clock.now(), kept))
    writes = put_together(deps, jobs.queue, accounts, developers, ids, webhooks.events)
    return RecordsRoom(
        routes=((api.routes, engine), (writes_api.routes, writes.api), (writes_api.keys, writes.api)),
        chores=(Chore("record ids", 3600.0, prune), *writes.chores),
        write_jobs=writes.jobs,
    )
