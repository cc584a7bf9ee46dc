"""What all commands share: --data and --json, and the installation with its settings, database and vault.

A command has a lease on the embedded server while it runs, also next to a running `serve`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from cobalt_link.settings import Settings, load

if TYPE_CHECKING:
    from cobalt_link.developers.clients import Clients
    from cobalt_link.developers.orgs import Orgs
    from cobalt_link.registrations.registrations import Registrations
    from cobalt_link.store.database import Database
    from cobalt_link.vault import Vault


@Parameter(name="*")
@dataclass(frozen=True)
class CommonOptions:
    """The options of every command."""

    data: Annotated[Path | None, Parameter(help="Data folder. The default is COBALT_DATA, or ~/.cobalt.")] = None
    json: Annotated[bool, Parameter(negative=(), help="Print JSON, for scripts.")] = False

    def settings(self, **flags: Any) -> Settings:
        return load({"data": self.data} | flags)


DEFAULTS = CommonOptions()


class Installation:
    """The settings, the vault and the open database."""

    def __init__(self, settings: Settings, vault: Vault, db: Database) -> None:
        self.settings = settings
        self.vault = vault
        self.db = db

    @property
    def clients(self) -> Clients:
        from cobalt_link.developers.clients import Clients
        from cobalt_link.kit.clock import SystemClock

        return Clients(self.db, self.vault, SystemClock())

    @property
    def orgs(self) -> Orgs:
        from cobalt_link.developers.ehr_domains import EhrDomains
        from cobalt_link.developers.orgs import EhrRules, Orgs
        from cobalt_link.kit.clock import SystemClock

        allowed = self.settings.allowed_ehr_domains
        domains = EhrDomains(allowed, connector_keys() if allowed else ())
        rules = EhrRules(
            offers=offers_ehr,
            fixed_addresses=self.settings.ehr_addresses,
            private=self.settings.allow_private_networks,
        )
        return Orgs(self.db, SystemClock(), resolve_ehr, domains, rules=rules)

    @property
    def registrations(self) -> Registrations:
        from cobalt_link.kit.clock import SystemClock
        from cobalt_link.registrations.room import registered

        return registered(self.settings, SystemClock(), self.db, self.vault)


def connector_keys() -> Collection[str]:
    """The keys of the installed connectors. Imports them only when it is called."""
    from cobalt_link import app

    return app.connector_classes().keys()


def offers_ehr(key: str, test: bool) -> bool:
    """Whether clients of a kind may link an EHR. Imports the connectors only when it is called."""
    from cobalt_link import app

    return app.offers_ehr(key, test)


def resolve_ehr(name: str) -> str | None:
    """The key of the connector for a name of an EHR, or None. Imports the connectors only when it is called."""
    from cobalt_link import app

    return app.resolve_ehr(name)


@asynccontextmanager
async def open_installation(options: CommonOptions) -> AsyncIterator[Installation]:
    """The installation, with a migrated database, while one command runs."""
    from cobalt_link.kit.logs import configure_logging
    from cobalt_link.store.database import Database
    from cobalt_link.store.database_address import open_database_address
    from cobalt_link.store.migrate import migrate
    from cobalt_link.vault.master_key import open_vault

    settings = options.settings()
    configure_logging(settings.log_json, settings.log_level)  # to stderr, so that stdout has only the result
    # First the vault: without a key the database is not even opened (S-052).
    vault = open_vault(settings)
    async with open_database_address(settings) as dsn:
        await migrate(dsn)
        db = await Database.open(dsn, size=2)
        try:
            yield Installation(settings, vault, db)
        finally:
            await db.close()
