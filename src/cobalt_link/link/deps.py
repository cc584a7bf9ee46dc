"""What Link uses from other rooms and from the process. Created once, when the room opens."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cobalt_link.accounts.access import AccessTokens
from cobalt_link.accounts.instance_health import InstanceHealth
from cobalt_link.accounts.login_tries import LoginTries
from cobalt_link.accounts.sessions import EhrSessions
from cobalt_link.accounts.table import AccountTable
from cobalt_link.connector.connector import Connector
from cobalt_link.developers.clients import Clients
from cobalt_link.developers.ehr_domains import EhrDomains
from cobalt_link.developers.orgs import Orgs
from cobalt_link.directory.directory import Directory
from cobalt_link.jobs.queue import Jobs
from cobalt_link.kit.clock import Clock
from cobalt_link.settings import Settings
from cobalt_link.store.database import Database
from cobalt_link.store.signals import Signals
from cobalt_link.vault import Vault
from cobalt_link.webhooks.events import Events


class LinkDeps(msgspec.Struct, frozen=True, kw_only=True):
    """`connectors` are all that are installed, by key. The flow of a session decides which of them it offers."""

    settings: Settings
    db: Database
    vault: Vault
    clock: Clock
    jobs: Jobs
    webhooks: Events
    signals: Signals
    clients: Clients
    orgs: Orgs
    ehr_domains: EhrDomains
    accounts: AccountTable
    access: AccessTokens
    ehr_sessions: EhrSessions
    health: InstanceHealth
    tries: LoginTries
    connectors: Mapping[str, Connector]
    directory: Directory
