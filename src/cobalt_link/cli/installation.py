"""What every command shares: --data and --json, and the opened settings, database and vault.

The embedded server is acquired for the time of the command and given back, also beside a running `serve`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from cobalt_link.settings import Settings, load

if TYPE_CHECKING:
    from cobalt_link.developers.clients import Clients
    from cobalt_link.developers.orgs import Orgs
    from cobalt_link.store.database import Database
    from cobalt_link.vault import Vault


@Parameter(name="*")
@dataclass(frozen=True)
class Where:
    """The flags of every command."""

    data: Annotated[Path | None, Parameter(help="Data folder; default ~/.cobalt, or COBALT_DATA.")] = None
    json: Annotated[bool, Parameter(negative=(), help="Answer as JSON, for scripts.")] = False

    def settings(self, **flags: Any) -> Settings:
        return load({"data": self.data} | flags)


HERE = Where()


class OpenInstallation:
    """Open settings, vault and database."""

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
        from cobalt_link.developers.orgs import Orgs
        from cobalt_link.kit.clock import SystemClock

        return Orgs(self.db, SystemClock(), resolve_ehr)


def resolve_ehr(name: str) -> str | None:
    """The connector that answers to a name; imports the connectors only now."""
    from cobalt_link import app

    return app.resolve_ehr(name)


@asynccontextmanager
async def opened(where: Where) -> AsyncIterator[OpenInstallation]:
    """Settings, vault and a migrated database, for the time of one command. No key, no database (S-052)."""
    from cobalt_link.kit.logs import configure_logging
    from cobalt_link.store.database import Database
    from cobalt_link.store.database_address import open_database_address
    from cobalt_link.store.migrate import migrate
    from cobalt_link.vault.master_key import open_vault

    settings = where.settings()
    configure_logging(settings.log_json, settings.log_level)  # standard error: the answer alone goes out
    vault = open_vault(settings)
    async with open_database_address(settings) as dsn:
        await migrate(dsn)
        db = await Database.open(dsn, size=2)
        try:
            yield OpenInstallation(settings, vault, db)
        finally:
            await db.close()
