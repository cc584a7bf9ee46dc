"""The ids that the API gives to an EHR's records: 32 hex digits, the same for every caller of one org.

A new id is a keyed hash, and its row is what counts afterwards. A record that we write has got a random id before the
EHR had it. Once it is there, that id is bound to the EHR's. An id resolves as long as the
org's data key exists, and COBALT_RECORD_ID_DAYS after it was last given out, only for accounts at the same EHR instance
of the same org.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import LiteralString, TypeAlias

from cobalt_link.accounts.account import Account
from cobalt_link.kit.ids import HEX, canonical
from cobalt_link.store.batches import delete_in_batches
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.store.database import Database, Tx
from cobalt_link.store.partitions import Partitions
from cobalt_link.vault import Context, DataKey

Kind: TypeAlias = str
"""What a record is, in the singular, such as "appointment". Two kinds may have the same EHR's id."""
Named = tuple[Kind, str]
"""A record in an EHR: its kind, and the EHR's own id."""


class GivenIds(dict[Named, str]):
    """Our ids of some records. `made_here` are the records that were made through this API."""

    made_here: frozenset[Named] = frozenset()


# What an EHR's own id looks like; connectors put it into paths, so dots alone and slashes are nobody's id.
EHR_ID = re.compile(r"(?!\.+$)[A-Za-z0-9._:~|=@-]{1,200}")
# The table has a partition for each month. An id that was given out longer ago than RENEWED gets another row, so that
# old months can be dropped.
RENEWED = timedelta(days=90)
KNOWN: LiteralString = """
SELECT id, NULL AS bound, false AS is_old FROM record_ids
WHERE org = %(org)s AND id = ANY(%(ids)s) AND created_at > now() - interval '90 days'
UNION ALL SELECT hash_id, id, bound_at <= now() - interval '90 days' FROM record_bindings
WHERE org = %(org)s AND hash_id = ANY(%(ids)s)"""
BIND: LiteralString = """
INSERT INTO record_bindings (org, hash_id, id, bound_at) VALUES (%s, %s, %s, %s)
ON CONFLICT (org, hash_id) DO NOTHING"""
RENEW_BINDINGS: LiteralString = """
UPDATE record_bindings SET bound_at = now() WHERE org = %s AND id = ANY(%s)"""
PRUNE_BINDINGS: LiteralString = """
DELETE FROM record_bindings WHERE (org, hash_id) IN (
    SELECT org, hash_id FROM record_bindings WHERE bound_at <= %(before)s ORDER BY bound_at LIMIT %(most)s)"""
INSERT: LiteralString = """
INSERT INTO record_ids (org, client, id, kind, scope, sealed_ehr_id)
SELECT %s, %s, n.id, n.kind, %s, n.sealed FROM unnest(%s::text[], %s::text[], %s::bytea[]) AS n (id, kind, sealed)
ON CONFLICT DO NOTHING"""
RESOLVE: LiteralString = """
SELECT sealed_ehr_id FROM record_ids WHERE org = %s AND id = %s AND client = %s AND kind = %s AND scope = %s
ORDER BY created_at DESC LIMIT 1"""


class RecordIds:
    """The table `record_ids`."""

    def __init__(self, db: Database, keys: DataKeys) -> None:
        self._db = db
        self._keys = keys

    async def give(self, account: Account, wanted: Iterable[Named]) -> GivenIds:
        """Our id of each. All of them resolve once this returns."""
        names = list(dict.fromkeys(wanted))
        if not names:
            return GivenIds()
        key = await self._key(account)
        secret = key.derive("record ids")
        given = {name: _id(secret, account, name) for name in names}
        rows = await self._db.rows(KNOWN, {"org": account.org, "ids": list(given.values())})
        known = {row["id"] for row in rows}
        bound = {row["id"]: row["bound"] for row in rows if row["bound"]}
        # Sorted, so that two requests that insert the same ids at once cannot deadlock.
        fresh = sorted((our_id, *name) for name, our_id in given.items() if our_id not in known)
        old = {row["bound"] for row in rows if row["is_old"]}
        fresh += sorted((bound[our_id], *name) for name, our_id in given.items() if bound.get(our_id) in old)
        if fresh:
            await self._insert(account, key, secret, fresh)
        if old:
            await self._db.run(RENEW_BINDINGS, (account.org, list(old)))
        found = GivenIds({name: bound.get(our_id, our_id) for name, our_id in given.items()})
        found.made_here = frozenset(name for name, our_id in given.items() if our_id in bound)
        return found

    async def bind(self, tx: Tx, account: Account, kind: Kind, our_id: str, ehr_id: str, now: datetime) -> None:
        """From now on, the record with the EHR's id has the id that was given out before it existed."""
        # On the caller's connection: if every transaction waited for a second one, the pool would have none to give.
        key = await self._key(account, tx)
        secret = key.derive("record ids")
        await tx.execute(BIND, (account.org, _id(secret, account, (kind, ehr_id)), our_id, now))
        sealed = key.seal(ehr_id.encode(), _context(account, our_id))
        scope = _scope(secret, account)
        await tx.execute(INSERT, (account.org, account.client, scope, [our_id], [kind], [sealed]))

    async def resolve(self, account: Account, kind: Kind, our_id: str) -> str | None:
        """The EHR's id for one of ours. None if it was not given out for this org, EHR instance, and kind."""
        our_id = canonical(our_id)
        if not HEX.fullmatch(our_id):
            return None
        key = await self._keys.get(_owner(account))
        if key is None:
            return None
        scope = _scope(key.derive("record ids"), account)
        row = await self._db.one(RESOLVE, (account.org, our_id, account.client, kind, scope))
        return key.open(row["sealed_ehr_id"], _context(account, our_id)).decode() if row else None

    async def first(self, account: Account, kinds: Iterable[Kind], our_id: str) -> str | None:
        """As `resolve`, for an id that may be of several kinds."""
        for kind in kinds:
            if ehr_id := await self.resolve(account, kind, our_id):
                return ehr_id
        return None

    async def prune(self, now: datetime, kept: timedelta) -> None:
        """Drops the months whose ids were last given out longer ago than `kept`."""
        await Partitions(self._db, "record_ids").keep_months(now.date(), (now - kept - RENEWED).date())
        await delete_in_batches(self._db, PRUNE_BINDINGS, {"before": now - kept})

    async def _insert(self, account: Account, key: DataKey, secret: bytes, fresh: list[tuple[str, Kind, str]]) -> None:
        sealed = [key.seal(ehr_id.encode(), _context(account, our_id)) for our_id, _, ehr_id in fresh]
        columns = ([our_id for our_id, _, _ in fresh], [kind for _, kind, _ in fresh], sealed)
        await self._db.run(INSERT, (account.org, account.client, _scope(secret, account), *columns))

    async def _key(self, account: Account, tx: Tx | None = None) -> DataKey:
        key = await self._keys.get(_owner(account), tx)
        if key is None and tx is not None:
            return await self._keys.create(tx, _owner(account))
        if key is None:
            async with self._db.transaction() as own:
                return await self._keys.create(own, _owner(account))
        return key


def _owner(account: Account) -> str:
    return f"org:{account.org}"


def _id(secret: bytes, account: Account, name: Named) -> str:
    return _hash(secret, *_ehr(account), *name)[:16].hex()


def _scope(secret: bytes, account: Account) -> bytes:
    return _hash(secret, *_ehr(account))[:16]


def _ehr(account: Account) -> tuple[str, ...]:
    return (account.client, account.org, account.connector, account.address, account.tenant)


def _hash(secret: bytes, *parts: str) -> bytes:
    # The length comes before each part, so that ("ab", "c") and ("a", "bc") differ.
    return hmac.digest(secret, b"".join(len(part).to_bytes(4) + part for part in (p.encode() for p in parts)), "sha256")


def _context(account: Account, our_id: str) -> Context:
    return Context("record_ids", account.client, our_id, "ehr_id")
