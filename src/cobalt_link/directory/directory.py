"""The directory as the picker and the command line ask it: by what a user has typed so far.

The table is the truth. Each machine searches in an index of it, a file that is built again when the directory changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

import structlog

from cobalt_link.directory.aliases import Aliases
from cobalt_link.directory.engine.index import DirectoryIndex, IndexHits
from cobalt_link.directory.engine.organizations import Organization
from cobalt_link.directory.entries import OPERATOR, Entries
from cobalt_link.directory.entry import Entry
from cobalt_link.directory.index_files import IndexFiles
from cobalt_link.directory.uses import Uses
from cobalt_link.store.database import Tx

log = structlog.get_logger()

NOTHING = IndexHits([], 0)


class Directory:
    """Bound to one process. `refresh` has to be called now and then."""

    def __init__(self, entries: Entries, aliases: Aliases, uses: Uses, files: IndexFiles) -> None:
        self.entries = entries
        self.aliases = aliases
        self._uses = uses
        self._files = files
        self._version = ""
        self._index: DirectoryIndex | None = None
        self._refreshing = asyncio.Lock()

    @property
    def index(self) -> DirectoryIndex | None:
        return self._index

    async def search(
        self, query: str, limit: int, *, vendors: Collection[str] | None = None, client: str | None = None
    ) -> IndexHits:
        """At most `limit` organizations. `vendors`: only theirs. `client`: those that its users linked come first."""
        index = self._index
        if index is None or not index.count or (vendors is not None and index.vendors.isdisjoint(vendors)):
            return NOTHING
        used = await self._uses.of(client) if client else frozenset()
        return index.search(query, limit, vendors=vendors, used=used)

    def vendors(self) -> frozenset[str]:
        """Those of all organizations."""
        return self._index.vendors if self._index else frozenset()

    async def find(self, key: str) -> Organization | None:
        """The organization that a row of the picker stands for, None if it is hidden or gone."""
        row = await self.entries.shown(key)
        if row is None:
            return None
        return Organization(key, row["name"], row["vendor"], row["address"], row["city"], row["state"])

    async def linked(self, tx: Tx, client: str, address: str, practice: str) -> None:
        """Notes that a user of a client has linked an organization, if the directory has it."""
        if await self.entries.has(address, practice):
            await self._uses.note(tx, client, address, practice)

    async def put(self, entries: Sequence[Entry]) -> None:
        """Adds entries by hand, or changes them."""
        await self.entries.put(OPERATOR, await self.entries.next_import(), entries)
        await self.entries.changed()

    async def refresh(self) -> bool:
        """Opens the index of the directory as it is now, built first if need be. False if another process builds it."""
        async with self._refreshing:
            version = await self.entries.version()
            if version == self._version:
                return True
            index = self._files.open(version)
            if index is None:
                count = await self.entries.count()
                built = await self._files.build(version, count, await self.aliases.all(), self.entries.indexed())
                index = self._files.open(version) if built else None
            if index is None:
                return False
            self._index, self._version = index, version
            log.info("directory_index_opened", organizations=index.count, bytes=index.bytes)
            return True
