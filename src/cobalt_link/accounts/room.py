"""Opens the room of linked accounts."""

from __future__ import annotations

from datetime import timedelta

from cobalt_link.accounts import api, leak_api
from cobalt_link.accounts.access import AccessTokens
from cobalt_link.accounts.api import AccountApi
from cobalt_link.accounts.ehr_people import EhrPeople
from cobalt_link.accounts.ehrs import AccountEhrs
from cobalt_link.accounts.events import AccountEvents
from cobalt_link.accounts.instance_health import InstanceHealth
from cobalt_link.accounts.leak_api import LeakApi, ScannerKeys
from cobalt_link.accounts.leaks import Leaks
from cobalt_link.accounts.login_tries import LoginTries
from cobalt_link.accounts.renewals import Renewals
from cobalt_link.accounts.sessions import TIMES, EhrSessions
from cobalt_link.accounts.table import AccountTable
from cobalt_link.accounts.upkeep import AccountUpkeep
from cobalt_link.developers.room import DevelopersRoom
from cobalt_link.mail.room import MailRoom
from cobalt_link.room import Chore, Deps, Room
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.store.partitions import Partitions
from cobalt_link.store.turns import one_at_a_time
from cobalt_link.webhooks.room import WebhooksRoom

ROUTES = (api.routes, leak_api.routes)


class AccountsRoom(Room, frozen=True, kw_only=True):
    """`sessions` reads with an account; `access` gives the account of an access token; `keys` seals what belongs to an
    account, an org, or another owner; `tries` has the brake on sign-ins."""

    accounts: AccountTable
    access: AccessTokens
    sessions: EhrSessions
    health: InstanceHealth
    keys: DataKeys
    tries: LoginTries
    events: AccountEvents


def open(  # noqa: A001 - every room opens by this name
    deps: Deps, developers: DevelopersRoom, mail: MailRoom, webhooks: WebhooksRoom
) -> AccountsRoom:
    db, clock = deps.db, deps.clock
    keys, health = DataKeys(db, deps.vault), InstanceHealth(db, clock, webhooks.events)
    accounts, access = AccountTable(db, deps.vault, keys, clock), AccessTokens(db, deps.vault, clock)
    tries = LoginTries(db, deps.vault, clock)
    renewals = Renewals(db, deps.vault, keys, clock, tries, seconds=TIMES.lease)
    ehrs = AccountEhrs(deps.connectors, developers.ehr_domains)
    sessions = EhrSessions(accounts, renewals, health, ehrs, clock)

    people = EhrPeople(db, deps.vault, keys, clock)
    leaks = Leaks(db, clock, access, developers.clients, webhooks.events, mail.mail)
    events = AccountEvents(db, webhooks.events)
    upkeep = AccountUpkeep(
        accounts=accounts,
        access=access,
        keys=keys,
        audit=Partitions(db, "audit"),
        clock=clock,
        kept=timedelta(days=deps.settings.retention_days),
        audit_kept=timedelta(days=deps.settings.audit_days),
    )
    return AccountsRoom(
        routes=(
            (api.routes, AccountApi(accounts, access, sessions, deps.connectors)),
            (leak_api.routes, LeakApi(ScannerKeys(deps.settings.scanner_keys), leaks)),
        ),
        chores=(
            # The promise of S-013: an account is in between for no longer than a lease and one round of `renewals`.
            Chore("renewals", 15.0, sessions.sweep),
            Chore("account events", 1.0, events.report),
            Chore("shredding", 600.0, one_at_a_time(db, "shredding", upkeep.run)),
            Chore("accounts of EHR users", 600.0, one_at_a_time(db, "accounts of EHR users", people.complete)),
            Chore("pruning of login tries", 600.0, one_at_a_time(db, "pruning of login tries", tries.prune)),
        ),
        start=keys.check_keyring,
        close=sessions.close,
        accounts=accounts,
        access=access,
        sessions=sessions,
        health=health,
        keys=keys,
        tries=tries,
        events=events,
    )
