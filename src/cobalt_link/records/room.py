"""Opens the room of the unified EHR API."""

from __future__ import annotations

from datetime import timedelta

from cobalt_link.accounts.room import AccountsRoom
from cobalt_link.developers.room import DevelopersRoom
from cobalt_link.records import api
from cobalt_link.records.engine import RecordsEngine
from cobalt_link.records.ids import RecordIds
from cobalt_link.room import Chore, Deps, Room
from cobalt_link.store.turns import one_at_a_time

ROUTES = (api.routes,)


def open(deps: Deps, accounts: AccountsRoom, developers: DevelopersRoom) -> Room:  # noqa: A001 - as every room
    ids = RecordIds(deps.db, accounts.keys)
    engine = RecordsEngine(accounts.sessions, accounts.accounts, developers.orgs, ids, deps.connectors)
    kept = timedelta(days=deps.settings.record_id_days)
    prune = one_at_a_time(deps.db, "record ids", lambda: ids.prune(deps.clock.now(), kept))
    return Room(routes=((api.routes, engine),), chores=(Chore("record ids", 3600.0, prune),))
