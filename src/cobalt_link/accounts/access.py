"""Access tokens. They are permanent and opaque, belong to one client, and end when rotated or disconnected.

Nothing is cached. Each look-up is a statement that begins after it came, so no process accepts a token that another one
has ended. Concurrent look-ups share a statement. The account comes with its wrapped keys, for the same request.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from hmac import compare_digest

import msgspec

from cobalt_link.accounts import audit, statements
from cobalt_link.accounts.account import Account, WrappedKeys
from cobalt_link.accounts.problems import AccountGone
from cobalt_link.accounts.table import account_of
from cobalt_link.kit import tokens
from cobalt_link.kit.clock import Clock
from cobalt_link.store.batches import delete_in_batches
from cobalt_link.store.database import Database, Row, Tx, as_json
from cobalt_link.store.grouped import Grouped
from cobalt_link.vault import Vault

PURPOSE = "access_token"
# Parts of the statement of the exchange, which creates the tokens.
ISSUE, CONNECTED = statements.ISSUE, statements.CONNECTED


class AccessTokens:
    """The table `access_tokens`."""

    def __init__(self, db: Database, vault: Vault, clock: Clock) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._lookups = Grouped(db, self._look_up, single=True)

    def fingerprint(self, token: str) -> bytes:
        """The keyed hash under which `ISSUE` stores a minted token."""
        return self._vault.fingerprint(PURPOSE, token)

    async def resolve(self, client: str, token: str) -> Account | None:
        """The account of a token, healthy or not. None if the token is unknown, ended, or another client's (S-004).

        `client` is our id of the caller.
        """
        if not tokens.well_formed(token, tokens.ACCESS):
            return None
        hashes = self._vault.fingerprints(PURPOSE, token)
        asked_at = time.monotonic()
        row = await self._lookups((hashes, client))
        if row is None or not any(compare_digest(row["token"], each) for each in hashes):
            return None
        return msgspec.structs.replace(account_of(row), keys=WrappedKeys(row["account_key"], row["org_key"], asked_at))

    async def issue(self, account: Account, env: str) -> str:
        """A token for the account beside those that it has. Raises AccountGone."""
        token, now = tokens.mint(tokens.ACCESS, env), self._clock.now()
        async with self._db.transaction() as tx:
            if (await tx.execute(statements.LOCK, (account.id,))).rowcount == 0:
                raise AccountGone
            await tx.execute(statements.ADD, (self.fingerprint(token), account.id, account.client, now, None))
        return token

    async def rotate(self, account: Account, env: str, overlap: timedelta) -> str:
        """A new token for the account, with the label of the newest one. All earlier ones end after `overlap`.

        With 0, no process accepts them when this returns (S-003). `env` is the client's.
        """
        token, now = tokens.mint(tokens.ACCESS, env), self._clock.now()
        async with self._db.transaction() as tx:
            # The lock makes concurrent rotations take turns, so that exactly the last one's token stays.
            if (await tx.execute(statements.LOCK, (account.id,))).rowcount == 0:
                raise AccountGone
            newest = await (await tx.execute(statements.NEWEST, (account.id,))).fetchone()
            if overlap:
                await tx.execute(statements.END_LATER, {"account": account.id, "until": now + overlap})
            else:
                await tx.execute(statements.END_ALL, (account.id,))
            label = newest["reference"] if newest else None
            added = (self.fingerprint(token), account.id, account.client, now, label)
            await tx.execute(statements.ADD, added)
            await audit.note(tx, audit.entry(account, "token_rotated", now, f"{int(overlap.total_seconds())} s"))
        return token

    async def end_leaked(self, tx: Tx, leaked: Sequence[str]) -> list[tuple[str, Row]]:
        """Ends those of the tokens that are live, whosever they are. Returns each with its row: `client`, `account`,
        `org`, `org_id`, `user_id`, and `reference`. No process accepts them once the transaction is committed."""
        by_hash = {each: token for token in leaked for each in self._vault.fingerprints(PURPOSE, token)}
        given = {"hashes": list(by_hash), "now": self._clock.now()}
        rows = await (await tx.execute(statements.END_LEAKED, given)).fetchall() if by_hash else []
        return [(by_hash[bytes(row["hash"])], row) for row in rows]

    async def _look_up(self, connection: Tx, asked: Sequence[tuple[Sequence[bytes], str]]) -> list[Row | None]:
        wanted = [
            {"place": place, "hash": each, "client": client}
            for place, (hashes, client) in enumerate(asked)
            for each in hashes
        ]
        given = {"asked": as_json(wanted), "now": self._clock.now()}
        rows = await (await connection.execute(statements.RESOLVE, given)).fetchall()
        found = {row["place"]: row for row in rows}
        return [found.get(place) for place in range(len(asked))]

    async def prune(self) -> int:
        """Deletes tokens that have ended. Returns how many."""
        return await delete_in_batches(self._db, statements.PRUNE, {"now": self._clock.now()})
