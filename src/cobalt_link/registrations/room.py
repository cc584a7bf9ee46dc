"""Opens the room of the operator's app registrations at EHRs."""

from __future__ import annotations

from datetime import timedelta

from cobalt_link.kit.clock import Clock
from cobalt_link.registrations import api
from cobalt_link.registrations.doctor.sign_ins import TrialSignIns
from cobalt_link.registrations.registration import Urls
from cobalt_link.registrations.registrations import Registrations
from cobalt_link.room import Chore, Deps, Room
from cobalt_link.settings import Settings
from cobalt_link.store.database import Database
from cobalt_link.store.turns import one_at_a_time
from cobalt_link.vault import Vault

ROUTES = (api.routes,)
PRUNING = "pruning of registration keys"


class RegistrationsRoom(Room, frozen=True, kw_only=True):
    """`sign_ins` takes what an EHR sends back when an operator tests a registration."""

    registrations: Registrations
    sign_ins: TrialSignIns


def registered(settings: Settings, clock: Clock, db: Database, vault: Vault) -> Registrations:
    """The registrations, for connectors, which are made before any room opens."""
    return Registrations(db, vault, clock, Urls(settings.public_url))


def open(deps: Deps) -> RegistrationsRoom:  # noqa: A001 - every room opens by this name
    found = registered(deps.settings, deps.clock, deps.db, deps.vault)
    sign_ins = TrialSignIns(deps.db, deps.vault, deps.clock)
    kept = timedelta(days=deps.settings.audit_days)

    async def prune() -> None:
        await found.prune(kept)
        await sign_ins.prune()

    return RegistrationsRoom(
        routes=((api.routes, found),),
        chores=(Chore(PRUNING, 600.0, one_at_a_time(deps.db, PRUNING, prune)),),
        registrations=found,
        sign_ins=sign_ins,
    )
