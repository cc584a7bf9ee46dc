"""What people ask an app for in Link: an EHR that cannot be connected here. Only that app's developers see it.

It says which EHR at which practice, and nothing of the person who asks.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from cobalt_link.connector.panes import Message
from cobalt_link.developers.orgs import Orgs
from cobalt_link.kit.clock import Clock
from cobalt_link.link.session import events
from cobalt_link.link.session.sessions import Attempt, Attempts
from cobalt_link.store.database import Database, Tx

CODE = "unsupported"  # the refusal that can be asked for
LONGEST, MOST = 200, 10  # characters, and requests in one attempt

NOTE = """
INSERT INTO ehr_requests (attempt, client, org_id, practice, ehr, what, address, asked_at)
SELECT %(attempt)s, %(client)s, %(org_id)s, %(practice)s, %(ehr)s, %(what)s, %(address)s, %(now)s
WHERE (SELECT count(*) FROM ehr_requests WHERE attempt = %(attempt)s) < %(most)s
ON CONFLICT DO NOTHING"""
ASKED = """
SELECT FROM ehr_requests
WHERE attempt = %s AND ehr IS NOT DISTINCT FROM %s AND address IS NOT DISTINCT FROM %s"""
PAGE = """
SELECT org_id, practice, ehr, what, address AS web_address, asked_at, count(*) OVER () AS total
FROM ehr_requests WHERE client = %s ORDER BY asked_at DESC, attempt LIMIT %s OFFSET %s"""
COUNT = "SELECT count(*) AS total FROM ehr_requests WHERE client = %s"


class EhrRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`ehr` is the key of the EHR that was chosen, "other" for "another EHR, or I'm not sure"; `what` is what of it is
    not supported, null if unknown."""

    org_id: str
    practice: str | None
    ehr: str | None
    what: str | None
    web_address: str | None
    asked_at: datetime


class Requests:
    """Keeps the table `ehr_requests`: each EHR once in an attempt."""

    def __init__(self, db: Database, clock: Clock, attempts: Attempts, orgs: Orgs) -> None:
        self._db = db
        self._clock = clock
        self._attempts = attempts
        self._orgs = orgs

    async def ask(self, attempt: Attempt) -> bool:
        """Notes what the open pane says cannot be connected; False where it says nothing of that kind, or any more."""
        if not can_ask(attempt):
            return False
        now, org = self._clock.now(), await self._orgs.by_id(attempt.org)
        async with self._db.transaction() as tx:
            if not await self._attempts.lock(tx, attempt):
                return False
            if (await tx.execute(NOTE, _row(attempt, org.org_id, now))).rowcount:
                await events.note(tx, attempt.link_token, "requested", now)
        return True

    async def has_asked(self, attempt: Attempt) -> bool:
        return await self._db.one(ASKED, (attempt.id, attempt.connector, attempt.address)) is not None

    async def listed(self, client: str, *, limit: int, offset: int) -> tuple[list[EhrRequest], int]:
        """The latest first, and how many there are."""
        rows = await self._db.rows(PAGE, (client, limit, offset))
        counted = rows[0] if rows else await self._db.one(COUNT, (client,))
        return msgspec.convert(rows, list[EhrRequest]), counted["total"] if counted else 0


def can_ask(attempt: Attempt) -> bool:
    """Whether the open pane says that something cannot be connected, to somebody whom an app sent here."""
    return not attempt.is_own and isinstance(attempt.pane, Message) and attempt.pane.code == CODE


async def prune(tx: Tx, before: datetime) -> None:
    await tx.execute("DELETE FROM ehr_requests WHERE asked_at < %s", (before,))


def _row(attempt: Attempt, org_id: str, now: datetime) -> dict[str, object]:
    what = attempt.pane.details.get("what") if isinstance(attempt.pane, Message) else None
    return {
        "attempt": attempt.id,
        "client": attempt.client,
        "org_id": org_id,
        "practice": attempt.practice,
        "ehr": attempt.connector,
        "what": str(what)[:LONGEST] if what is not None else None,
        "address": attempt.address,
        "now": now,
        "most": MOST,
    }
