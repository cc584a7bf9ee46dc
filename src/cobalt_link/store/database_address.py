"""The address of the database: the configured one, or that of an embedded server while somebody needs it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cobalt_link.settings import Settings
from cobalt_link.store import embedded


@asynccontextmanager
async def open_database_address(settings: Settings) -> AsyncIterator[str]:
    """The address as a URL. An embedded server runs at least as long as the block. Raises `EmbeddedServerError`."""
    if settings.database_url:
        yield settings.database_url
        return
    async with await embedded.acquire(settings.postgres_path, settings.postgres_bin) as lease:
        yield lease.dsn
