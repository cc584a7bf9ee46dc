"""The way to the database: the address that was given, or an embedded server of our own for as long as it is needed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cobalt_link.settings import Settings
from cobalt_link.store import embedded


@asynccontextmanager
async def open_database_address(settings: Settings) -> AsyncIterator[str]:
    """The database's address; the embedded server runs at least as long as the block. Raises EmbeddedServerError."""
    if settings.database_url:
        yield settings.database_url
        return
    async with await embedded.acquire(settings.postgres_path, settings.postgres_bin) as lease:
        yield lease.dsn
