"""The tables `sync_accounts`, which is also the queue of reads, and `sync_clients`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import LiteralString

import msgspec

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.table import Position
from cobalt_link.jobs.claims import CLAIM, CLAIMED, FREE, RELEASE, Claims, Work
from cobalt_link.store.database import Database, Tx

LEASE = timedelta(seconds=90)  # longer than any read of a schedule

ENROLL: LiteralString = """
INSERT INTO sync_accounts (account, client, org, lane, due_at)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[])
ON CONFLICT (account) DO NOTHING"""
POSITION: LiteralString = "SELECT linked_at, account FROM sync_clients WHERE client = %s"
PLACE: LiteralString = """
INSERT INTO sync_clients (client, linked_at, account) VALUES (%s, %s, %s)
ON CONFLICT (client) DO UPDATE SET linked_at = excluded.linked_at, account = excluded.account"""
ASK: LiteralString = """
INSERT INTO sync_accounts (account, client, org, lane, asked, due_at) VALUES (%s, %s, %s, %s, true, %s)
ON CONFLICT (account) DO UPDATE SET asked = true, due_at = least(sync_accounts.due_at, excluded.due_at)"""
LEAVE: LiteralString = "UPDATE sync_accounts SET asked = false WHERE account = %s"

CLAIM_ACCOUNT: LiteralString = f"""
UPDATE sync_accounts SET {CLAIM} WHERE account = %(id)s AND due_at <= %(now)s AND {FREE}
RETURNING account, client, org, asked, read_at, failures, sealed_digests, claim"""
SWEEP: LiteralString = f"""
SELECT account, lane FROM (
    SELECT account, lane, due_at, row_number() OVER (PARTITION BY client ORDER BY due_at) AS turn
    FROM sync_accounts WHERE due_at <= %(now)s AND {FREE} ORDER BY due_at LIMIT 2000
) due ORDER BY turn, due_at LIMIT %(most)s"""
DONE: LiteralString = f"""
UPDATE sync_accounts SET {RELEASE}, due_at = %(due_at)s, read_at = %(read_at)s, failures = 0,
    sealed_digests = %(digests)s
WHERE account = %(id)s AND {CLAIMED}"""
FAILED: LiteralString = f"""
UPDATE sync_accounts SET {RELEASE}, due_at = %(due_at)s, failures = failures + 1
WHERE account = %(id)s AND {CLAIMED}"""
# Unless the app has asked for the account since it was claimed.
REMOVE: LiteralString = f"DELETE FROM sync_accounts WHERE account = %(id)s AND asked = %(asked)s AND {CLAIMED}"
# So that its accounts are enrolled again if the client gets an endpoint again.
FORGET: LiteralString = "DELETE FROM sync_clients WHERE client = %s"


class Synced(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed row. `read_at` is when the last complete read began, None before the first."""

    account: str
    client: str
    org: str
    asked: bool
    read_at: datetime | None
    failures: int
    sealed_digests: bytes | None
    claim: int


class SyncedAccounts:
    """All SQL on both tables."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._claims = Claims(db, Work(name="sync", claim=CLAIM_ACCOUNT, sweep=SWEEP), LEASE)

    async def position(self, client: str) -> Position | None:
        """Up to which account of a client all are enrolled."""
        row = await self._db.one(POSITION, (client,))
        return (row["linked_at"], row["account"]) if row else None

    async def enroll(self, client: str, accounts: Sequence[Account], last: Position, now: datetime) -> None:
        columns = [[getattr(each, name) for each in accounts] for name in ("id", "client", "org", "address")]
        async with self._db.transaction() as tx:
            await tx.execute(ENROLL, (*columns, [now] * len(accounts)))
            await tx.execute(PLACE, (client, *last))

    async def ask(self, account: Account, now: datetime) -> None:
        await self._db.run(ASK, (account.id, account.client, account.org, account.address, now))

    async def leave(self, account: Account) -> None:
        await self._db.run(LEAVE, (account.id,))

    async def due(self, now: datetime, most: int) -> list[tuple[str, str]]:
        """Accounts to read now, with their lanes, the clients in turn."""
        return [(row["account"], row["lane"]) for row in await self._claims.swept(now=now, most=most)]

    async def claim(self, account: str, now: datetime) -> Synced | None:
        row = await self._claims.take(account, now=now)
        return Synced(**row) if row else None

    async def done(self, tx: Tx, synced: Synced, *, read_at: datetime, due_at: datetime, digests: bytes) -> None:
        """Raises LostClaim."""
        given = {"id": synced.account, "claim": synced.claim}
        await self._claims.settle(DONE, {**given, "read_at": read_at, "due_at": due_at, "digests": digests}, tx)

    async def failed(self, synced: Synced, due_at: datetime) -> None:
        await self._claims.settle(FAILED, {"id": synced.account, "claim": synced.claim, "due_at": due_at})

    async def remove(self, synced: Synced) -> None:
        """Until the app wants it again."""
        given = {"id": synced.account, "claim": synced.claim, "asked": synced.asked}
        async with self._db.transaction() as tx:
            await self._claims.settle(REMOVE, given, tx)
            await tx.execute(FORGET, (synced.client,))
