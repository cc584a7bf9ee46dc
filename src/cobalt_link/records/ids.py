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

from cobalt_link.accounts import sealing
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
Sought = tuple[tuple[Kind, ...], str]
"""An id that may be one of ours: the kinds that it may be of, and its text."""


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
SELECT id, kind, sealed_ehr_id FROM record_ids
WHERE org = %s AND id = ANY(%s) AND client = %s AND scope = %s ORDER BY created_at"""

GIVEN_BEFORE: LiteralString = """
SELECT DISTINCT id FROM record_ids WHERE org = %s AND id = ANY(%s) AND created_at < %s"""


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
        given = _ids(secret, account, names)
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
        await tx.execute(BIND, (account.org, *_ids(secret, account, [(kind, ehr_id)]).values(), our_id, now))
        sealed = key.seal(ehr_id.encode(), _context(account, our_id))
        scope = _scope(secret, account)
        await tx.execute(INSERT, (account.org, account.client, scope, [our_id], [kind], [sealed]))

    async def resolve(self, account: Account, kind: Kind, our_id: str) -> str | None:
        """The EHR's id for one of ours. None if it was not given out for this org, EHR instance, and kind."""
        return await self.first(account, (kind,), our_id)

    async def given_before(self, account: Account, our_ids: Iterable[str], moment: datetime) -> frozenset[str]:
        """Those of our ids that were given out before then, by the database's clock."""
        rows = await self._db.rows(GIVEN_BEFORE, (account.org, list(our_ids), moment))
        return frozenset(row["id"] for row in rows)

    async def first(self, account: Account, kinds: Iterable[Kind], our_id: str) -> str | None:
        """As `resolve`, for an id that may be of several kinds."""
        wanted = (tuple(kinds), our_id)
        return (await self.resolve_all(account, [wanted])).get(wanted)

    async def resolve_all(self, account: Account, wanted: Iterable[Sought]) -> dict[Sought, str]:
        """As `first`, for several at once. Those that were not given out are left out."""
        ours = {each: own for each in wanted if HEX.fullmatch(own := canonical(each[1]))}
        key = await sealing.key_of_org(self._keys, account) if ours else None
        if key is None:
            return {}
        scope = _scope(key.derive("record ids"), account)
        rows = await self._db.rows(RESOLVE, (account.org, list(set(ours.values())), account.client, scope))
        sealed = {(row["id"], row["kind"]): row["sealed_ehr_id"] for row in rows}  # of several, the last one
        found: dict[Sought, str] = {}
        for (kinds, text), own in ours.items():
            if kind := next((kind for kind in kinds if (own, kind) in sealed), None):
                found[kinds, text] = key.open(sealed[own, kind], _context(account, own)).decode()
        return found

    async def prune(self, now: datetime, kept: timedelta) -> None:
        """Drops the months whose ids were last given out longer ago than `kept`."""
        await Partitions(self._db, "record_ids").keep_months(now.date(), (now - kept - RENEWED).date())
        await delete_in_batches(self._db, PRUNE_BINDINGS, {"before": now - kept})

    async def _insert(self, account: Account, key: DataKey, secret: bytes, fresh: list[tuple[str, Kind, str]]) -> None:
        sealed = [key.seal(ehr_id.encode(), _context(account, our_id)) for our_id, _, ehr_id in fresh]
        columns = ([our_id for our_id, _, _ in fresh], [kind for _, kind, _ in fresh], sealed)
        await self._db.run(INSERT, (account.org, account.client, _scope(secret, account), *columns))

    async def _key(self, account: Account, tx: Tx | None = None) -> DataKey:
        owner = sealing.org_owner(account.org)
        if tx is not None:
            return await self._keys.get(owner, tx) or await self._keys.create(tx, owner)
        if key := await sealing.key_of_org(self._keys, account):
            return key
        async with self._db.transaction() as own:
            return await self._keys.create(own, owner)


def _ids(secret: bytes, account: Account, names: Iterable[Named]) -> dict[Named, str]:
    begin = _packed(_ehr(account))  # the same for all of them
    return {name: hmac.digest(secret, begin + _packed(name), "sha256")[:16].hex() for name in names}


def _scope(secret: bytes, account: Account) -> bytes:
    return hmac.digest(secret, _packed(_ehr(account)), "sha256")[:16]


def _ehr(account: Account) -> tuple[str, ...]:
    return (account.client, account.org, account.connector, account.address, account.tenant)


def _packed(parts: Iterable[str]) -> bytes:
    # The length comes before each part, so that ("ab", "c") and ("a", "bc") differ.
    return b"".join([len(part).to_bytes(4) + part for part in [each.encode() for each in parts]])


def _context(account: Account, our_id: str) -> Context:
    return Context("record_ids", account.client, our_id, "ehr_id")
