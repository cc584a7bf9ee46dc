"""Which organizations of the directory the users of a client have linked. No client learns of another's."""

from __future__ import annotations

from typing import LiteralString

from cobalt_link.directory.engine.words import folded
from cobalt_link.kit.clock import Clock
from cobalt_link.store.database import Database, Tx

MOST = 50  # the ones used last are shown first, and no more

NOTE: LiteralString = """
INSERT INTO directory_uses AS u (client, address, name, used_at) VALUES (%s, %s, %s, %s)
ON CONFLICT (client, address, name) DO UPDATE SET used_at = excluded.used_at
WHERE u.used_at < excluded.used_at - interval '1 day'"""
OF_CLIENT: LiteralString = """
SELECT address, name FROM directory_uses WHERE client = %s ORDER BY used_at DESC LIMIT %s"""


class Uses:
    """The table `directory_uses`."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def note(self, tx: Tx, client: str, address: str, practice: str) -> None:
        """That a user of a client has linked an organization."""
        await tx.execute(NOTE, (client, address, folded(practice), self._clock.now()))

    async def of(self, client: str) -> frozenset[tuple[str, str]]:
        """Address and folded name of those that a client used last."""
        rows = await self._db.rows(OF_CLIENT, (client, MOST))
        return frozenset((row["address"], row["name"]) for row in rows)
