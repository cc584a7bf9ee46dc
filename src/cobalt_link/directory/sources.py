"""The table of the lists that were imported, with the validators that save the next download."""

from __future__ import annotations

from collections.abc import Mapping
from typing import LiteralString

from psycopg.types.json import Jsonb

from cobalt_link.kit.clock import Clock
from cobalt_link.store.database import Database, Row

NOTE: LiteralString = """
INSERT INTO directory_sources (source, etag, modified, imported_at, entries, refused)
VALUES (%(source)s, %(etag)s, %(modified)s, %(now)s, %(entries)s, %(refused)s)
ON CONFLICT (source) DO UPDATE
SET etag = excluded.etag, modified = excluded.modified, imported_at = excluded.imported_at, entries = excluded.entries,
    refused = excluded.refused"""
ONE: LiteralString = "SELECT * FROM directory_sources WHERE source = %s"
ALL: LiteralString = "SELECT * FROM directory_sources ORDER BY source"


class Sources:
    """The table `directory_sources`."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def find(self, source: str) -> Row | None:
        return await self._db.one(ONE, (source,))

    async def all(self) -> list[Row]:
        return await self._db.rows(ALL)

    async def note(
        self, source: str, entries: int, refused: Mapping[str, int], etag: str | None, modified: str | None
    ) -> None:
        given = {
            "source": source,
            "etag": etag,
            "modified": modified,
            "now": self._clock.now(),
            "entries": entries,
            "refused": Jsonb(dict(refused)),
        }
        await self._db.run(NOTE, given)
