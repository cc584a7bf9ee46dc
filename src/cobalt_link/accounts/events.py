"""Tells apps what happened to their accounts: a user has to sign in again, has done so, or the account has ended.

The statement that changes an account notes it in the account's row, so nothing that happened is lost. A chore of every
worker makes events of it, once for each distinct label of the account's access tokens.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from cobalt_link.accounts import statements
from cobalt_link.store.database import Database, Row, Tx
from cobalt_link.webhooks.events import Event, Events

TYPES = {
    "login_required": "login_required",
    "repaired": "account.repaired",
    "disconnected": "account.disconnected",
}
MOST = 100  # accounts in one transaction

Follower = Callable[[Tx, str], Awaitable[None]]


class AccountEvents:
    """`when_repaired` adds what else happens, in the same transaction, once an account's user has signed in again."""

    def __init__(self, db: Database, events: Events) -> None:
        self._db = db
        self._events = events
        self._followers: list[Follower] = []

    def when_repaired(self, follower: Follower) -> None:
        self._followers.append(follower)

    async def report(self) -> int:
        """Records the events of up to `MOST` accounts. Returns how many accounts those were."""
        async with self._db.transaction() as tx:
            rows = await (await tx.execute(statements.UNREPORTED, (MOST,))).fetchall()
            for row in rows:
                await self._record(tx, row)
            if rows:
                await tx.execute(statements.REPORTED, ([row["id"] for row in rows],))
        if rows:
            self._events.wake()
        return len(rows)

    async def _record(self, tx: Tx, row: Row) -> None:
        for what in row["unreported"]:
            for label in row["labels"] or [row["reference"]]:
                await self._events.record(tx, _event(row, what, label))
            if what == "repaired":
                for follower in self._followers:
                    await follower(tx, row["id"])


def _event(row: Row, what: str, label: str) -> Event:
    data = {"account_id": row["id"], "user_id": row["user_id"], "org_id": row["org_id"]}
    if what == "login_required":
        data |= {
            "error": "login_required",
            "reason": row["health_reason"],
            "message": "Account link expired. Please go through the integration setup again.",
        }
    return Event(
        type=TYPES[what],
        data=data,
        client=row["client"],
        org=row["org"],
        # The key of a disconnected account is gone.
        account=None if "disconnected" in row["unreported"] else row["id"],
        reference=label,
    )
