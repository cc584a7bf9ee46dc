"""The data keys of accounts and orgs: creates, opens, and destroys them, and wraps them again under a new master key.

Only wrapped keys are stored, and none is cached. So a destroyed key is gone for every process with the commit. Opening
one takes 20 µs, far less than reading its row.
"""

from typing import Final

import structlog

from cobalt_link.store import erase
from cobalt_link.store.database import Database, Row, Tx
from cobalt_link.vault import Context, DataKey, Vault, VaultError

log = structlog.get_logger()

CREATE: Final = """
INSERT INTO data_keys (owner, wrapped) VALUES (%s, %s) ON CONFLICT (owner) DO NOTHING"""

GET: Final = """
SELECT wrapped FROM data_keys WHERE owner = %s"""

DESTROY: Final = """
WITH gone AS (DELETE FROM data_keys WHERE owner = %s RETURNING owner)
INSERT INTO data_keys_erased (owner) SELECT owner FROM gone"""

NEXT: Final = """
SELECT owner, wrapped FROM data_keys WHERE owner > %s AND substring(wrapped FROM 2 FOR 8) <> %s
ORDER BY owner LIMIT %s"""

REPLACE: Final = """
WITH replaced AS (
    UPDATE data_keys AS k SET wrapped = n.new
    FROM unnest(%s::text[], %s::bytea[], %s::bytea[]) AS n (owner, old, new)
    WHERE k.owner = n.owner AND k.wrapped = n.old
    RETURNING 1
), noted AS (
    INSERT INTO data_keys_erased (owner) SELECT NULL WHERE EXISTS (SELECT FROM replaced)
)
SELECT count(*) AS count FROM replaced"""

BY_MASTER_KEY: Final = """
SELECT encode(substring(wrapped FROM 2 FOR 8), 'hex') AS kid, count(*) AS count FROM data_keys GROUP BY 1"""

ERASED: Final = """
SELECT max(id) AS last, count(owner) AS count FROM data_keys_erased"""

FORGET: Final = """
DELETE FROM data_keys_erased WHERE id <= %s"""


class DataKeys:
    """The table `data_keys`. `owner` names what a key belongs to, such as `account:<id>`."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    async def create(self, tx: Tx, owner: str) -> DataKey:
        """A new key for the owner, or the existing one if another transaction was first."""
        key, wrapped = self._vault.new_data_key(_context(owner))
        if (await tx.execute(CREATE, (owner, wrapped))).rowcount == 1:
            return key
        return await self.get(owner, tx) or await self.create(tx, owner)

    async def get(self, owner: str, tx: Tx | None = None) -> DataKey | None:
        """The owner's key. None if it never had one, or if the key was destroyed."""
        row = await (await tx.execute(GET, (owner,))).fetchone() if tx else await self._db.one(GET, (owner,))
        return self._vault.open_data_key(row["wrapped"], _context(owner)) if row else None

    async def destroy(self, tx: Tx, owner: str) -> bool:
        """Once this commits, nothing that it sealed can be opened. The key leaves the disk with the next `shred`."""
        return (await tx.execute(DESTROY, (owner,))).rowcount == 1

    async def rewrap_all(self, batch: int = 500) -> int:
        """Wraps every key again that is not under the primary master key. Returns how many.

        It may run beside everything else and may be killed. Each batch is one statement, which replaces a row only if
        nobody has changed it since it was read. The next run continues with the rest. A key that does not open is
        logged and skipped.
        """
        after, count = "", 0
        while rows := await self._db.rows(NEXT, (after, bytes.fromhex(self._vault.primary), batch)):
            count += await self._replace(rows)
            after = rows[-1]["owner"]
        return count

    async def by_master_key(self) -> dict[str, int]:
        """How many keys each master key wraps. No data key needs a master key that is not named here."""
        return {row["kid"]: row["count"] for row in await self._db.rows(BY_MASTER_KEY)}

    async def shred(self) -> int:
        """Removes destroyed keys, and earlier wrapped forms of keys, from the disk. Returns how many were destroyed.

        Returns 0 if there are none, or if an open transaction may still read them. Locks the table while it is being
        rewritten, which takes a moment. A chore calls it every ten minutes.
        """
        row = await self._db.one(ERASED)
        if row is None or row["last"] is None:
            return 0
        if not await erase.rewrite(self._db.dsn, ["data_keys"]):
            log.warning(
                "destroyed_keys_still_held",
                advice="A long transaction is open, such as a backup. This is tried again later.",
            )
            return 0
        await self._db.run(FORGET, (row["last"],))
        return row["count"]

    async def _replace(self, rows: list[Row]) -> int:
        fresh = [(row["owner"], row["wrapped"], new) for row in rows if (new := self._rewrapped(row))]
        owners, old, new = zip(*fresh, strict=True) if fresh else ((), (), ())
        row = await self._db.one(REPLACE, (list(owners), list(old), list(new)))
        return row["count"] if row else 0

    def _rewrapped(self, row: Row) -> bytes | None:
        try:
            return self._vault.rewrap(row["wrapped"], _context(row["owner"]))
        except VaultError as problem:
            log.error("data_key_does_not_open", owner=row["owner"], reason=str(problem))
            return None


def _context(owner: str) -> Context:
    return Context(table="data_keys", tenant="", row=owner, field="wrapped")
