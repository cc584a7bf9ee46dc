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
from cobalt_link.link.session.sessions import LinkSession, LinkSessionTable
from cobalt_link.store.database import Database, Tx

CODE = "unsupported"  # the refusal that can be asked for
LONGEST, MOST = 200, 10  # characters, and requests in one link session

NOTE = """
INSERT INTO ehr_requests (link_session, client, org_id, practice, ehr, what, address, asked_at)
SELECT %(link_session)s, %(client)s, %(org_id)s, %(practice)s, %(ehr)s, %(what)s, %(address)s, %(now)s
WHERE (SELECT count(*) FROM ehr_requests WHERE link_session = %(link_session)s) < %(most)s
ON CONFLICT DO NOTHING"""
ASKED = """
SELECT FROM ehr_requests
WHERE link_session = %s AND ehr IS NOT DISTINCT FROM %s AND address IS NOT DISTINCT FROM %s"""
PAGE = """
SELECT org_id, practice, ehr, what, address AS web_address, asked_at, count(*) OVER () AS total
FROM ehr_requests WHERE client = %s ORDER BY asked_at DESC, link_session LIMIT %s OFFSET %s"""
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


class EhrRequests:
    """Keeps the table `ehr_requests`: each EHR once in a link session."""

    def __init__(self, db: Database, clock: Clock, sessions: LinkSessionTable, orgs: Orgs) -> None:
        self._db = db
        self._clock = clock
        self._sessions = sessions
        self._orgs = orgs

    async def ask(self, session: LinkSession) -> bool:
        """Notes what the open pane says cannot be connected; False where it says nothing of that kind, or any more."""
        if not can_ask(session):
            return False
        now, org = self._clock.now(), await self._orgs.by_id(session.asker.org)
        async with self._db.transaction() as tx:
            if not await self._sessions.lock(tx, session):
                return False
            if (await tx.execute(NOTE, _row(session, org.org_id, now))).rowcount:
                await events.note(tx, session.link_token, "requested", now)
        return True

    async def has_asked(self, session: LinkSession) -> bool:
        return await self._db.one(ASKED, (session.id, session.connector, session.address)) is not None

    async def listed(self, client: str, *, limit: int, offset: int) -> tuple[list[EhrRequest], int]:
        """The latest first, and how many there are."""
        rows = await self._db.rows(PAGE, (client, limit, offset))
        counted = rows[0] if rows else await self._db.one(COUNT, (client,))
        return msgspec.convert(rows, list[EhrRequest]), counted["total"] if counted else 0


def can_ask(session: LinkSession) -> bool:
    """Whether the open pane says that something cannot be connected, to somebody whom an app sent here."""
    return session.client is not None and isinstance(session.pane, Message) and session.pane.code == CODE


async def prune(tx: Tx, before: datetime) -> None:
    await tx.execute("DELETE FROM ehr_requests WHERE asked_at < %s", (before,))


def _row(session: LinkSession, org_id: str, now: datetime) -> dict[str, object]:
    what = session.pane.details.get("what") if isinstance(session.pane, Message) else None
    return {
        "link_session": session.id,
        "client": session.client,
        "org_id": org_id,
        "practice": session.practice,
        "ehr": session.connector,
        "what": str(what)[:LONGEST] if what is not None else None,
        "address": session.address,
        "now": now,
        "most": MOST,
    }
