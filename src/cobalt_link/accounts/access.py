"""Access tokens: permanent, opaque, bound to the client that got them, and dead at once when rotated or disconnected.

Nothing is cached: each look-up is one round trip, so what one process has ended no other process honours any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from hmac import compare_digest

import msgspec

from cobalt_link.accounts import audit, statements
from cobalt_link.accounts.account import Account
from cobalt_link.accounts.book import account_of
from cobalt_link.accounts.problems import AccountGone
from cobalt_link.kit import tokens
from cobalt_link.kit.clock import Clock
from cobalt_link.kit.vault import Vault
from cobalt_link.store.database import Database, Tx, as_json

PURPOSE = "access_token"


class Issue(msgspec.Struct, frozen=True, kw_only=True):
    """A minted token that is to count: for which account, and for which client (our ids)."""

    account: str
    client: str
    token: str

    def __repr__(self) -> str:
        return f"Issue({self.account})"


class Access:
    """Keeps the table `access_tokens`."""

    def __init__(self, db: Database, vault: Vault, clock: Clock) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock

    async def issue(self, tx: Tx, issues: Sequence[Issue]) -> list[Issue]:
        """Makes tokens count in the caller's transaction, all in one statement. Gives back those that do not: their
        accounts were disconnected."""
        if not issues:
            return []
        asked = as_json(
            {"account": each.account, "client": each.client, "hash": self._vault.fingerprint(PURPOSE, each.token)}
            for each in issues
        )
        rows = await (await tx.execute(statements.ISSUE, (self._clock.now(), asked))).fetchall()
        counting = {row["account"] for row in rows}
        return [each for each in issues if each.account not in counting]

    async def resolve(self, client: str, token: str) -> Account | None:
        """The account of a token, healthy or not; None if it is unknown, ended or another client's (S-004).

        `client` is our id of the caller.
        """
        if not tokens.well_formed(token, tokens.ACCESS):
            return None
        hashes = self._vault.fingerprints(PURPOSE, token)
        row = await self._db.one(statements.RESOLVE, (hashes, client, self._clock.now()))
        if row is None or not any(compare_digest(row["hash"], each) for each in hashes):
            return None
        del row["hash"]
        return account_of(row)

    async def rotate(self, account: Account, env: str, overlap: timedelta) -> str:
        """A new token for the account. All earlier ones, however many, end after `overlap`, with 0 at once.

        With 0 they are gone before this returns, on every process (S-003). `env` is the client's.
        """
        token, now = tokens.mint(tokens.ACCESS, env), self._clock.now()
        async with self._db.transaction() as tx:
            # The lock makes two rotations at once take turns, so that exactly the later one's token stays.
            if (await tx.execute(statements.LOCK, (account.id,))).rowcount == 0:
                raise AccountGone
            if overlap:
                await tx.execute(statements.END_LATER, {"account": account.id, "until": now + overlap})
            else:
                await tx.execute(statements.END_ALL, (account.id,))
            added = (self._vault.fingerprint(PURPOSE, token), account.id, account.client, now)
            await tx.execute(statements.ADD, added)
            await audit.note(tx, audit.entry(account, "token_rotated", now, f"{int(overlap.total_seconds())} s"))
        return token

    async def prune(self) -> int:
        """Forgets tokens that have ended; gives how many."""
        return await self._db.run(statements.PRUNE, (self._clock.now(),))
