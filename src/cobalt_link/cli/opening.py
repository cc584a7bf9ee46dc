"""What every command shares: --data and --json, and the opened settings, database and vault.

The embedded server is acquired for the time of the command and given back, also beside a running `serve`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from cobalt_link.kit.settings import Settings, load

if TYPE_CHECKING:
    from cobalt_link.developers.clients import Clients
    from cobalt_link.developers.orgs import Orgs
    from cobalt_link.kit.vault import Keyring, Vault
    from cobalt_link.store.database import Database


@Parameter(name="*")
@dataclass(frozen=True)
class Where:
    """The flags of every command."""

    data: Annotated[Path | None, Parameter(help="Data folder; default ~/.cobalt, or COBALT_DATA.")] = None
    json: Annotated[bool, Parameter(negative=(), help="Answer as JSON, for scripts.")] = False

    def settings(self, **flags: Any) -> Settings:
        return load({"data": self.data, **flags})


HERE = Where()


class Desk:
    """Open settings and database; the vault opens when asked for, since not every command needs the key."""

    def __init__(self, settings: Settings, db: Database) -> None:
        self.settings = settings
        self.db = db

    @cached_property
    def vault(self) -> Vault:
        from cobalt_link.kit.vault import Vault

        followed = None if self.settings.master_key else self.settings.master_key_path
        return Vault(open_keyring(self.settings), followed)

    @property
    def clients(self) -> Clients:
        from cobalt_link.developers.clients import Clients
        from cobalt_link.kit.clock import SystemClock

        return Clients(self.db, self.vault, SystemClock())

    @property
    def orgs(self) -> Orgs:
        from cobalt_link.app import resolve_ehr
        from cobalt_link.developers.orgs import Orgs
        from cobalt_link.kit.clock import SystemClock

        return Orgs(self.db, SystemClock(), resolve_ehr)


@asynccontextmanager
async def opened(where: Where) -> AsyncIterator[Desk]:
    """Settings and a migrated database, for the time of one command."""
    from cobalt_link.store.database import Database
    from cobalt_link.store.migrate import migrate

    settings = where.settings()
    async with reached(settings) as dsn:
        await migrate(dsn)
        db = await Database.open(dsn, size=2)
        try:
            yield Desk(settings, db)
        finally:
            await db.close()


@asynccontextmanager
async def reached(settings: Settings) -> AsyncIterator[str]:
    """The database's address: the given one, or the embedded server's, which runs at least as long as this lasts."""
    if settings.database_url:
        yield settings.database_url
        return
    from cobalt_link.store import embedded

    async with await embedded.acquire(settings.postgres_path, settings.postgres_bin) as lease:
        yield lease.dsn


def open_keyring(settings: Settings) -> Keyring:
    """The master keys from setting or file; raises KeyringProblem with the fix (S-052)."""
    from cobalt_link.kit.vault import Keyring

    if settings.master_key:
        return Keyring.parse(settings.master_key, source=settings.origins["master_key"])
    return Keyring.load(settings.master_key_path)
