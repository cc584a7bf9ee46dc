"""The data keys of accounts and orgs: creates, opens, and destroys them, and wraps them again under a new master key.

Only wrapped keys are stored. A request that read one uses it for less than a second (`accounts.sealing.key_of`), and
nothing else keeps one. Opening one takes 20 µs, far less than reading its row.
"""

from collections.abc import Sequence
from typing import Final

import structlog

from cobalt_link.store import erase
from cobalt_link.store.database import Database, Row, Tx
from cobalt_link.store.grouped import Grouped
from cobalt_link.vault import Context, DataKey, KeyringError, Vault, VaultError

log = structlog.get_logger()

CREATE: Final = """
INSERT INTO data_keys (owner, wrapped) VALUES (%s, %s) ON CONFLICT (owner) DO NOTHING"""

GET: Final = """
SELECT wrapped FROM data_keys WHERE owner = %s"""

WRAPPED: Final = """
SELECT k.owner, k.wrapped FROM unnest(%s::text[]) AS o (owner),
    LATERAL (SELECT * FROM data_keys WHERE owner = o.owner LIMIT 1) k"""

# For a few owners. See migration 0082.
EACH: Final = """
SELECT o.owner, cobalt_wrapped_key(o.owner) AS wrapped FROM unnest(%s::text[]) AS o (owner)"""
FEW: Final = 12

DESTROY: Final = """
WITH gone AS (DELETE FROM data_keys WHERE owner = %s RETURNING owner, tableoid::regclass::text AS partition)
INSERT INTO data_keys_erased (owner, partition) SELECT owner, partition FROM gone"""

# The ids of the master keys in use, one look into the index for each.
MASTER_KEYS: Final = """
WITH RECURSIVE used AS (
    (SELECT substring(wrapped FROM 2 FOR 8) AS kid FROM data_keys ORDER BY 1 LIMIT 1)
    UNION ALL
    SELECT (SELECT substring(wrapped FROM 2 FOR 8) FROM data_keys
            WHERE substring(wrapped FROM 2 FOR 8) > used.kid ORDER BY 1 LIMIT 1)
    FROM used WHERE used.kid IS NOT NULL
)
SELECT kid FROM used WHERE kid IS NOT NULL"""

NEXT: Final = """
SELECT owner, wrapped FROM data_keys
WHERE substring(wrapped FROM 2 FOR 8) = %s AND owner > %s ORDER BY owner LIMIT %s"""

# One owner at a time: for many at once the planner would rather read every partition.
REPLACE: Final = """
UPDATE data_keys SET wrapped = %s WHERE owner = %s AND wrapped = %s RETURNING tableoid::regclass::text AS partition"""
NOTE_REPLACED: Final = "INSERT INTO data_keys_erased (partition) SELECT unnest(%s::text[])"

BY_MASTER_KEY: Final = """
SELECT encode(substring(wrapped FROM 2 FOR 8), 'hex') AS kid, count(*) AS count FROM data_keys GROUP BY 1"""

# What was erased from each partition: the number of the last row, and how many keys were destroyed.
ERASED: Final = """
SELECT partition, max(id) AS last, count(owner) AS count FROM data_keys_erased GROUP BY partition ORDER BY partition"""

FORGET: Final = """
DELETE FROM data_keys_erased WHERE partition IS NOT DISTINCT FROM %s AND id <= %s"""

PARTITIONS: Final = """
SELECT inhrelid::regclass::text AS partition FROM pg_inherits WHERE inhparent = 'data_keys'::regclass ORDER BY 1"""


class DataKeys:
    """The table `data_keys`. `owner` names what a key belongs to, such as `account:<id>`."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault
        self._reads = Grouped(db, _read, single=True)

    async def create(self, tx: Tx, owner: str) -> DataKey:
        """A new key for the owner, or the existing one if another transaction was first."""
        key, wrapped = self._vault.new_data_key(_context(owner))
        if (await tx.execute(CREATE, (owner, wrapped))).rowcount == 1:
            return key
        return await self.get(owner, tx) or await self.create(tx, owner)

    async def get(self, owner: str, tx: Tx | None = None) -> DataKey | None:
        """The owner's key. None if it never had one, or if the key was destroyed. Concurrent calls share a statement
        that begins after they came."""
        if tx is None:
            wrapped = await self._reads(owner)
        else:
            row = await (await tx.execute(GET, (owner,))).fetchone()
            wrapped = row["wrapped"] if row else None
        return self.opened(owner, wrapped) if wrapped else None

    async def wrapped(self, owners: Sequence[str]) -> dict[str, bytes]:
        """The stored forms of the keys of these owners, for `opened`."""
        return {row["owner"]: row["wrapped"] for row in await self._db.rows(WRAPPED, (list(owners),))}

    def opened(self, owner: str, wrapped: bytes) -> DataKey:
        """The owner's key from its stored form."""
        return self._vault.open_data_key(wrapped, _context(owner))

    async def destroy(self, tx: Tx, owner: str) -> bool:
        """Once this commits, nothing that it sealed can be opened. The key leaves the disk with the next `shred`."""
        return (await tx.execute(DESTROY, (owner,))).rowcount == 1

    async def rewrap_all(self, batch: int = 500) -> int:
        """Wraps every key again that is not under the primary master key. Returns how many.

        It may run beside everything else and may be killed. Each batch is one transaction, which replaces a row only
        if nobody has changed it since it was read. The next run continues with the rest. A key that does not open is
        logged and skipped.
        """
        count, primary = 0, bytes.fromhex(self._vault.primary)
        for former in [row["kid"] for row in await self._db.rows(MASTER_KEYS) if row["kid"] != primary]:
            after = ""
            while rows := await self._db.rows(NEXT, (former, after, batch)):
                count += await self._replace(rows)
                after = rows[-1]["owner"]
        return count

    async def missing_master_keys(self) -> list[str]:
        """The ids of master keys that seal data keys here and are not in the keyring."""
        return [kid for kid in await self._kids() if not self._vault.has(kid)]

    async def check_keyring(self) -> None:
        """Raises KeyringError if the keyring is another installation's: then nothing here could be opened, and what is
        new would be sealed apart from the rest (S-061)."""
        used = await self._kids()
        if used and not any(self._vault.has(kid) for kid in used):
            kids = ", ".join(used)
            raise KeyringError(
                f"This keyring is not the one of this database, whose keys are sealed with {kids}. Restore the copy of"
                " master.key that belongs to the database or to its backup."
            )

    async def _kids(self) -> list[str]:
        return [row["kid"].hex() for row in await self._db.rows(MASTER_KEYS)]

    async def by_master_key(self) -> dict[str, int]:
        """How many keys each master key wraps. No data key needs a master key that is not named here."""
        return {row["kid"]: row["count"] for row in await self._db.rows(BY_MASTER_KEY)}

    async def shred(self) -> int:
        """Removes destroyed keys, and earlier wrapped forms of keys, from the disk. Returns how many were destroyed.

        Returns 0 if there are none, or if an open transaction may still read them. Rewrites only the partitions that
        had them, each under a lock of at most 100 ms at a million keys. A chore calls it every ten minutes.
        """
        erased = await self._db.rows(ERASED)
        if not erased:
            return 0
        every = [row["partition"] for row in await self._db.rows(PARTITIONS)]
        # The former release does not say from which partition it erased.
        touched = {row["partition"]: [row["partition"]] if row["partition"] else every for row in erased}
        clean = await erase.rewrite(self._db.dsn, sorted({one for each in touched.values() for one in each}))
        done = [row for row in erased if clean.issuperset(touched[row["partition"]])]
        for row in done:
            await self._db.run(FORGET, (row["partition"], row["last"]))
        if len(done) < len(erased):
            log.warning(
                "destroyed_keys_still_held",
                advice="A long transaction is open, such as a backup. This is tried again later.",
            )
        return sum(row["count"] for row in done)

    async def _replace(self, rows: list[Row]) -> int:
        fresh = [(new, row["owner"], row["wrapped"]) for row in rows if (new := self._rewrapped(row))]
        replaced: list[str] = []
        async with self._db.transaction() as tx, tx.cursor() as cursor:
            await cursor.executemany(REPLACE, fresh, returning=True)
            async for result in cursor.results():
                replaced += [row["partition"] for row in await result.fetchall()]
            await tx.execute(NOTE_REPLACED, (sorted(set(replaced)),))
        return len(replaced)

    def _rewrapped(self, row: Row) -> bytes | None:
        try:
            return self._vault.rewrap(row["wrapped"], _context(row["owner"]))
        except VaultError as problem:
            log.error("data_key_does_not_open", owner=row["owner"], reason=str(problem))
            return None


def _context(owner: str) -> Context:
    return Context(table="data_keys", tenant="", row=owner, field="wrapped")


async def _read(connection: Tx, owners: Sequence[str]) -> list[bytes | None]:
    wanted = list(dict.fromkeys(owners))
    sql = EACH if len(wanted) <= FEW else WRAPPED
    rows = await (await connection.execute(sql, (wanted,))).fetchall()
    found = {row["owner"]: row["wrapped"] for row in rows}
    return [found.get(owner) for owner in owners]
