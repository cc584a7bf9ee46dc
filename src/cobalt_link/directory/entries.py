"""The table of the directory's entries, and the version that changes with them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import LiteralString

import msgspec

from cobalt_link.directory.engine.words import folded
from cobalt_link.directory.entry import Entry
from cobalt_link.kit.ids import new_id
from cobalt_link.store.database import Database, Row, as_json
from cobalt_link.web.problems import Problem

OPERATOR = "operator"

# What an operator decided about an entry, or added by hand, stays when its list is imported again.
PUT: LiteralString = """
INSERT INTO directory_entries AS e (key, source, seen, name, folded, vendor, address, tenant, product, city, state,
                               postal_code, level, audience, aliases)
SELECT key, %(source)s, %(seen)s, name, folded, vendor, address, tenant, product, city, state, postal_code, level,
       audience, ARRAY(SELECT json_array_elements_text(aliases))
FROM json_to_recordset(%(rows)s) AS r (key text, name text, folded text, vendor text, address text, tenant text,
     product text, city text, state text, postal_code text, level text, audience text, aliases json)
ON CONFLICT (key) DO UPDATE
SET source = excluded.source, seen = excluded.seen,
    also = array_remove(array_append(array_remove(e.also, e.source), e.source), excluded.source),
    name = excluded.name, folded = excluded.folded, address = excluded.address, product = excluded.product,
    city = excluded.city, state = excluded.state, postal_code = excluded.postal_code, level = excluded.level,
    audience = excluded.audience, aliases = excluded.aliases
WHERE e.source <> 'operator' OR excluded.source = 'operator'
RETURNING xmax = 0 AS is_new"""
# An entry is of the list that had it last. So after an import of a list, those that are of another one are not in it.
NO_LONGER_ALSO: LiteralString = """
UPDATE directory_entries SET also = array_remove(also, %(source)s) WHERE %(source)s = ANY(also)"""
HAND_OVER: LiteralString = """
UPDATE directory_entries SET source = also[1], also = also[2:]
WHERE source = %(source)s AND seen < %(seen)s AND also <> '{}'"""
# A hidden one stays hidden if its list has it again later.
REMOVE_UNSEEN: LiteralString = """
DELETE FROM directory_entries WHERE source = %(source)s AND seen < %(seen)s AND NOT hidden"""
NEXT_IMPORT: LiteralString = "SELECT nextval('directory_imports') AS number"
NAMED: LiteralString = """
SELECT * FROM directory_entries WHERE (key = %(name)s OR folded = %(folded)s)
  AND (%(vendor)s::text IS NULL OR lower(vendor) = lower(%(vendor)s)) ORDER BY vendor, address, key LIMIT 101"""
HIDE: LiteralString = "UPDATE directory_entries SET hidden = %s WHERE key = ANY(%s)"
PIN: LiteralString = "UPDATE directory_entries SET pinned = %s WHERE key = ANY(%s)"
COUNT: LiteralString = "SELECT count(*) AS count FROM directory_entries WHERE NOT hidden"
INDEXED: LiteralString = """
SELECT json_build_array(key, name, vendor, address, city, state, postal_code, level, audience, pinned, aliases)
FROM directory_entries WHERE NOT hidden
ORDER BY vendor COLLATE "C", folded COLLATE "C", state COLLATE "C", key"""
COPY_INDEXED: LiteralString = f"COPY ({INDEXED}) TO STDOUT"
SHOWN: LiteralString = "SELECT * FROM directory_entries WHERE key = %s AND NOT hidden"
HAS: LiteralString = "SELECT 1 FROM directory_entries WHERE folded = %s AND address = %s LIMIT 1"
CHANGED: LiteralString = """
INSERT INTO directory_state (version) VALUES (%s)
ON CONFLICT (one) DO UPDATE SET version = excluded.version, changed_at = now()"""
VERSION: LiteralString = "SELECT version FROM directory_state"


class NotInDirectory(Problem):
    """The directory has no organization of this name. Search for it with `cobalt directory search`."""

    code = "not_in_directory"
    status = 404


class Entries:
    """The table `directory_entries`, and `directory_state` beside it."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def next_import(self) -> int:
        row = await self._db.one(NEXT_IMPORT)
        assert row is not None
        return row["number"]

    async def put(self, source: str, seen: int, entries: Sequence[Entry]) -> int:
        """Stores a batch of entries of a list. Returns how many are new. `changed` has to follow."""
        rows = {each.key: _row(each) for each in entries}
        # In one order, so that two imports at once wait for each other instead of deadlocking.
        given = {"source": source, "seen": seen, "rows": as_json([rows[key] for key in sorted(rows)])}
        return sum(row["is_new"] for row in await self._db.rows(PUT, given))

    async def remove_unseen(self, source: str, seen: int) -> int:
        """Removes what a list no longer has, and no other list either. Returns how many."""
        given = {"source": source, "seen": seen}
        async with self._db.transaction() as tx:
            await tx.execute(NO_LONGER_ALSO, given)
            await tx.execute(HAND_OVER, given)
            return (await tx.execute(REMOVE_UNSEEN, given)).rowcount

    async def named(self, name: str, vendor: str | None = None) -> list[Row]:
        """At most 100 entries by key or name. Raises NotInDirectory."""
        rows = await self._db.rows(NAMED, {"name": name, "folded": folded(name), "vendor": vendor})
        if not rows:
            raise NotInDirectory
        return rows[:100]

    async def hide(self, keys: Sequence[str], hidden: bool) -> None:
        await self._db.run(HIDE, (hidden, list(keys)))
        await self.changed()

    async def pin(self, keys: Sequence[str], pinned: bool) -> None:
        await self._db.run(PIN, (pinned, list(keys)))
        await self.changed()

    async def shown(self, key: str) -> Row | None:
        return await self._db.one(SHOWN, (key,))

    async def has(self, address: str, name: str) -> bool:
        """Whether a list has an organization of this name at this address."""
        return await self._db.one(HAS, (folded(name), address)) is not None

    async def count(self) -> int:
        row = await self._db.one(COUNT)
        return row["count"] if row else 0

    async def changed(self) -> None:
        """From now on the index has to be built again."""
        await self._db.run(CHANGED, (new_id(),))

    async def version(self) -> str:
        row = await self._db.one(VERSION)
        return row["version"] if row else ""

    async def indexed(self) -> AsyncIterator[bytes]:
        """Blocks of lines, each an `IndexedEntry` in JSON with its backslashes doubled (PostgreSQL, COPY)."""
        async with (
            self._db.connection() as connection,
            connection.cursor() as cursor,
            cursor.copy(COPY_INDEXED) as copy,
        ):
            async for block in copy:
                yield bytes(block)


def _row(each: Entry) -> dict[str, object]:
    return {**msgspec.structs.asdict(each), "key": each.key, "folded": each.folded}
