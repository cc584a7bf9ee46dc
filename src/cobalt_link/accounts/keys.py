"""The data keys of accounts and link sessions: made, opened, destroyed, sealed again under a new master key.

Only wrapped keys rest here, and none is kept in memory: a destroyed key is gone for every process with the commit
(opening one costs 20 µs, far less than reading its row).
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
    """`owner` names what the key belongs to, such as `account:<id>`."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    async def create(self, tx: Tx, owner: str) -> DataKey:
        """The owner's new key, or the one it has already if another transaction was first."""
        key, wrapped = self._vault.new_data_key(_place(owner))
        if (await tx.execute(CREATE, (owner, wrapped))).rowcount == 1:
            return key
        return await self.get(owner, tx) or await self.create(tx, owner)

    async def get(self, owner: str, tx: Tx | None = None) -> DataKey | None:
        """The owner's key; None if it never had one or the key was destroyed."""
        row = await (await tx.execute(GET, (owner,))).fetchone() if tx else await self._db.one(GET, (owner,))
        return self._vault.open_data_key(row["wrapped"], _place(owner)) if row else None

    async def destroy(self, tx: Tx, owner: str) -> bool:
        """What the key sealed never opens again once this commits; its bytes leave the disk with the next `shred`."""
        return (await tx.execute(DESTROY, (owner,))).rowcount == 1

    async def rewrap_all(self, batch: int = 500) -> int:
        """Wraps every key again that is not under the primary master key; returns how many.

        Runs beside everything else and may be killed: each batch is one statement that replaces a row only if it is
        still as it was read, and the next run goes on with those that are left. A key that does not open is reported
        and passed over.
        """
        after, count = "", 0
        while rows := await self._db.rows(NEXT, (after, bytes.fromhex(self._vault.primary), batch)):
            count += await self._replace(rows)
            after = rows[-1]["owner"]
        return count

    async def by_master_key(self) -> dict[str, int]:
        """How many keys each master key wraps. One that is not named here may retire, as far as data keys go."""
        return {row["kid"]: row["count"] for row in await self._db.rows(BY_MASTER_KEY)}

    async def shred(self) -> int:
        """Makes destroyed keys and replaced wrapped forms leave the disk; returns how many keys were destroyed.

        Does nothing if there are none, and 0 if some transaction still holds on to them. Locks the table for the moment
        its rewriting takes. Upkeep calls it at least hourly.
        """
        row = await self._db.one(ERASED)
        if row is None or row["last"] is None:
            return 0
        if not await erase.rewrite(self._db.dsn, ["data_keys"]):
            log.warning("destroyed_keys_still_held", advice="a long transaction is open, such as a backup; tried again")
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
            return self._vault.rewrap(row["wrapped"], _place(row["owner"]))
        except VaultError as problem:
            log.error("data_key_does_not_open", owner=row["owner"], reason=str(problem))
            return None


def _place(owner: str) -> Context:
    return Context(table="data_keys", tenant="", row=owner, field="wrapped")
