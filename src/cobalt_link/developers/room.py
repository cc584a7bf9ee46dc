"""Opens the room of app developers: their clients, the clients' orgs, and who is calling."""

from __future__ import annotations

from cobalt_link.developers import api
from cobalt_link.developers.auth import Callers
from cobalt_link.developers.clients import Clients
from cobalt_link.developers.ehr_domains import EhrDomains
from cobalt_link.developers.orgs import EhrRules, Orgs, ehr_offer, ehr_resolver
from cobalt_link.room import Deps, Room

ROUTES = (api.routes,)


class DevelopersRoom(Room, frozen=True, kw_only=True):
    """`callers` authenticates requests."""

    clients: Clients
    orgs: Orgs
    ehr_domains: EhrDomains
    callers: Callers


def open(deps: Deps) -> DevelopersRoom:  # noqa: A001 - every room opens by this name
    clients = Clients(deps.db, deps.vault, deps.clock)
    domains = EhrDomains(deps.settings.allowed_ehr_domains, deps.connectors.keys())
    rules = EhrRules(
        offers=ehr_offer(deps.connectors),
        fixed_addresses=deps.settings.ehr_addresses,
        private=deps.settings.allow_private_networks,
    )
    orgs = Orgs(deps.db, deps.clock, ehr_resolver(deps.connectors), domains, rules=rules)
    return DevelopersRoom(
        routes=((api.routes, orgs),),
        clients=clients,
        orgs=orgs,
        ehr_domains=domains,
        callers=Callers(deps.db, deps.vault, deps.clock),
    )
