"""The tables `sync_accounts`, which is also the queue of reads, and `sync_clients`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import LiteralString

import msgspec

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.table import Position
from cobalt_link.jobs.claims import CLAIM, CLAIMED, FREE, LEASE, RELEASE, Claims, Work
from cobalt_link.store.database import Database, Tx

PERIOD = timedelta(seconds=60)  # of a claim that nobody keeps
PER_LANE = 50  # accounts of one EHR in a sweep: those of a slow one must not fill it

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
RETURNING account, client, org, asked, read_at, failures, sealed_digests, claim, clock_timestamp() AS claimed_at"""
KEEP: LiteralString = f"UPDATE sync_accounts SET {LEASE} WHERE account = %(id)s AND {CLAIMED}"
# The clients come in turn, and of each client its EHRs. Looking at each of these alone keeps one with many accounts
# from filling the sweep.
SWEEP: LiteralString = f"""
WITH RECURSIVE parts AS (
    (SELECT client, lane FROM sync_accounts ORDER BY client, lane LIMIT 1)
    UNION ALL
    SELECT n.client, n.lane FROM parts p CROSS JOIN LATERAL (
        SELECT s.client, s.lane FROM sync_accounts s WHERE (s.client, s.lane) > (p.client, p.lane)
        ORDER BY s.client, s.lane LIMIT 1
    ) n
), due AS (
    SELECT p.client, p.lane, d.account, d.due_at,
        row_number() OVER (PARTITION BY p.client, p.lane ORDER BY d.due_at) AS place
    FROM parts p CROSS JOIN LATERAL (
        SELECT account, due_at FROM sync_accounts
        WHERE client = p.client AND lane = p.lane AND due_at <= %(now)s AND {FREE} ORDER BY due_at LIMIT %(per_lane)s
    ) d
), turns AS (
    SELECT account, lane, due_at, row_number() OVER (PARTITION BY client ORDER BY place, due_at) AS turn FROM due
)
SELECT account, lane FROM (
    SELECT account, lane, due_at, turn, row_number() OVER (PARTITION BY lane ORDER BY turn, due_at) AS of_lane
    FROM turns
) t WHERE of_lane <= %(per_lane)s ORDER BY turn, due_at LIMIT %(most)s"""
DONE: LiteralString = f"""
UPDATE sync_accounts SET {RELEASE}, due_at = %(due_at)s, read_at = %(read_at)s, failures = 0,
    sealed_digests = %(digests)s
WHERE account = %(id)s AND {CLAIMED}"""
GIVE_BACK: LiteralString = f"UPDATE sync_accounts SET {RELEASE} WHERE account = %(id)s AND {CLAIMED}"
RESUME: LiteralString = "UPDATE sync_accounts SET due_at = %s, failures = 0 WHERE account = %s"
FAILED: LiteralString = f"""
UPDATE sync_accounts SET {RELEASE}, due_at = %(due_at)s, failures = failures + 1
WHERE account = %(id)s AND {CLAIMED}"""
DROP: LiteralString = f"DELETE FROM sync_accounts WHERE account = %(id)s AND {CLAIMED}"
# Unless the app has asked for the account since it was claimed.
REMOVE: LiteralString = f"DELETE FROM sync_accounts WHERE account = %(id)s AND asked = %(asked)s AND {CLAIMED}"
# So that its accounts are enrolled again if the client gets an endpoint again.
FORGET: LiteralString = "DELETE FROM sync_clients WHERE client = %s"


class Synced(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed row. `read_at` is when the last complete read began, None before the first. `claimed_at` is by the
    database's clock."""

    account: str
    client: str
    org: str
    asked: bool
    read_at: datetime | None
    failures: int
    sealed_digests: bytes | None
    claim: int
    claimed_at: datetime


class SyncedAccounts:
    """All SQL on both tables."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.claims = Claims(db, Work(name="sync", claim=CLAIM_ACCOUNT, sweep=SWEEP, keep=KEEP), PERIOD)

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
        """Accounts to read now, with their lanes, the clients in turn and their EHRs in turn."""
        rows = await self.claims.swept(now=now, most=most, per_lane=PER_LANE)
        return [(row["account"], row["lane"]) for row in rows]

    async def claim(self, account: str, now: datetime) -> Synced | None:
        row = await self.claims.take(account, now=now)
        return Synced(**row) if row else None

    async def done(self, tx: Tx, synced: Synced, *, read_at: datetime, due_at: datetime, digests: bytes) -> None:
        """Raises LostClaim."""
        given = {"id": synced.account, "claim": synced.claim}
        await self.claims.settle(DONE, {**given, "read_at": read_at, "due_at": due_at, "digests": digests}, tx)

    async def failed(self, synced: Synced, due_at: datetime) -> None:
        await self.claims.settle(FAILED, {"id": synced.account, "claim": synced.claim, "due_at": due_at})

    async def give_back(self, synced: Synced) -> None:
        """For another worker, at once."""
        await self.claims.settle(GIVE_BACK, {"id": synced.account, "claim": synced.claim})

    async def resume(self, tx: Tx, account: str, now: datetime) -> None:
        """Makes an account due whose user has signed in again."""
        await tx.execute(RESUME, (now, account))

    async def drop(self, synced: Synced) -> None:
        """For an account that has ended."""
        await self.claims.settle(DROP, {"id": synced.account, "claim": synced.claim})

    async def remove(self, synced: Synced) -> None:
        """Until the app wants it again."""
        given = {"id": synced.account, "claim": synced.claim, "asked": synced.asked}
        async with self._db.transaction() as tx:
            await self.claims.settle(REMOVE, given, tx)
            await tx.execute(FORGET, (synced.client,))
