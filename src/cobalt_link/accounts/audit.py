"""The audit trail: one row for every use of a credential. It is written before the use, or there is none (S-130)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from structlog.contextvars import get_contextvars

from cobalt_link.accounts import statements
from cobalt_link.accounts.account import Account
from cobalt_link.store.database import Database, Tx


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One row. Every part is an id, a code, or a number. None is what a person typed or what a chart contains.

    `what` is one of: linked, repaired, read, write, answers_opened, indexed, sign_out, renewal_begun, renewed,
    renewal_refused, renewal_superseded, login_required, token_rotated, token_revoked, secret_revoked, reference_set,
    disconnected.
    """

    at: datetime
    client: str
    account: str | None
    what: str
    request_id: str | None = None
    detail: str | None = None


def entry(account: Account, what: str, now: datetime, detail: str | None = None) -> AuditEntry:
    """A row about an account, with the id of the current request."""
    request_id = get_contextvars().get("request_id")
    return AuditEntry(
        at=now, client=account.client, account=account.id, what=what, request_id=request_id, detail=detail
    )


async def note(tx: Tx, *entries: AuditEntry) -> None:
    """Writes rows in the caller's transaction, in one statement."""
    columns = zip(*(msgspec.structs.astuple(each) for each in entries), strict=True)
    await tx.execute(statements.NOTE, [list(column) for column in columns])


async def trail(db: Database, client: str, account: str) -> Sequence[AuditEntry]:
    """The rows of an account, oldest first. They stay when it is disconnected."""
    return [AuditEntry(**row) for row in await db.rows(statements.TRAIL, (client, account))]
