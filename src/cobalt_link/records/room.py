"""Opens the room of the unified EHR API."""

from __future__ import annotations

from cobalt_link.accounts.room import AccountsRoom
from cobalt_link.developers.room import DevelopersRoom
from cobalt_link.records import api
from cobalt_link.records.engine import RecordsEngine
from cobalt_link.records.ids import RecordIds
from cobalt_link.room import Deps, Room

ROUTES = (api.routes,)


def open(deps: Deps, accounts: AccountsRoom, developers: DevelopersRoom) -> Room:  # noqa: A001 - as every room
    ids = RecordIds(deps.db, accounts.keys)
    engine = RecordsEngine(accounts.sessions, accounts.accounts, developers.orgs, ids, deps.connectors)
    return Room(routes=((api.routes, engine),))
