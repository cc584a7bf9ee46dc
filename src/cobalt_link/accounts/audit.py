"""The trail: one plain row for every use of a credential, written before the use. No row, no use (S-130)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from structlog.contextvars import get_contextvars

from cobalt_link.accounts import statements
from cobalt_link.accounts.account import Account
from cobalt_link.store.database import Database, Tx


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One row; every part is an id, a code or a number, never what a person typed or a chart holds.

    `what` is one word or two joined by a dot: linked, repaired, read, link.repair, renewal_begun, renewed,
    renewal_refused, login_required, token_rotated, reference_set, disconnected.
    """

    at: datetime
    client: str
    account: str | None
    what: str
    request_id: str | None = None
    detail: str | None = None


def entry(account: Account, what: str, now: datetime, detail: str | None = None) -> AuditEntry:
    """A row about an account, with the id of the request that is being served."""
    request_id = get_contextvars().get("request_id")
    return AuditEntry(
        at=now, client=account.client, account=account.id, what=what, request_id=request_id, detail=detail
    )


async def note(tx: Tx, *entries: AuditEntry) -> None:
    """Writes rows in the caller's transaction, all in one statement."""
    columns = zip(*(msgspec.structs.astuple(each) for each in entries), strict=True)
    await tx.execute(statements.NOTE, [list(column) for column in columns])


async def trail(db: Database, client: str, account: str) -> Sequence[AuditEntry]:
    """What happened with an account, oldest first; also after it was disconnected."""
    return [AuditEntry(**row) for row in await db.rows(statements.TRAIL, (client, account))]
