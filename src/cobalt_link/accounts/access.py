"""Access tokens: permanent, opaque, bound to the client that got them, and dead at once when rotated or disconnected.

Nothing is cached: each look-up is one round trip, so what one process has ended no other process honours any more.
"""

from __future__ import annotations

from datetime import timedelta
from hmac import compare_digest

from cobalt_link.accounts import audit, statements
from cobalt_link.accounts.account import Account
from cobalt_link.accounts.problems import AccountGone
from cobalt_link.accounts.table import account_of
from cobalt_link.kit import tokens
from cobalt_link.kit.clock import Clock
from cobalt_link.store.database import Database
from cobalt_link.vault import Vault

PURPOSE = "access_token"
ISSUE = statements.ISSUE  # for the statement of whoever wins them


class AccessTokens:
    """Keeps the table `access_tokens`."""

    def __init__(self, db: Database, vault: Vault, clock: Clock) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock

    def fingerprint(self, token: str) -> bytes:
        """Under which a minted token rests once `ISSUE` made it count."""
        return self._vault.fingerprint(PURPOSE, token)

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
            added = (self.fingerprint(token), account.id, account.client, now)
            await tx.execute(statements.ADD, added)
            await audit.note(tx, audit.entry(account, "token_rotated", now, f"{int(overlap.total_seconds())} s"))
        return token

    async def prune(self) -> int:
        """Forgets tokens that have ended; gives how many."""
        return await self._db.run(statements.PRUNE, (self._clock.now(),))
