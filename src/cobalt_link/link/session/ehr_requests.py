"""Requests for EHRs that cannot be connected here. A user sends one in Link, and only the app's developers see it.

A request names the EHR and the practice. It contains nothing about the user.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from cobalt_link.connector.panes import Message
from cobalt_link.developers.orgs import Orgs
from cobalt_link.kit.clock import Clock
from cobalt_link.link.session import events
from cobalt_link.link.session.session import LinkSession
from cobalt_link.link.session.sessions import LinkSessionTable
from cobalt_link.store.batches import delete_in_batches
from cobalt_link.store.database import Database

CODE = "unsupported"  # the refusal after which a user can request the EHR
MAX_CHARACTERS = 200
MAX_REQUESTS = 10  # in one link session

NOTE = """
INSERT INTO ehr_requests (link_session, client, org_id, practice, ehr, what, address, asked_at)
SELECT %(link_session)s, %(client)s, %(org_id)s, %(practice)s, %(ehr)s, %(what)s, %(address)s, %(now)s
WHERE (SELECT count(*) FROM ehr_requests WHERE link_session = %(link_session)s) < %(most)s
ON CONFLICT DO NOTHING"""
REQUESTED = """
SELECT FROM ehr_requests
WHERE link_session = %s AND ehr IS NOT DISTINCT FROM %s AND address IS NOT DISTINCT FROM %s"""
PAGE = """
SELECT org_id, practice, ehr, what, address AS web_address, asked_at, link_session
FROM ehr_requests WHERE client = %(client)s AND (asked_at, link_session) < (%(asked_at)s::timestamptz, %(session)s)
ORDER BY asked_at DESC, link_session DESC LIMIT %(limit)s"""
PRUNE = """
DELETE FROM ehr_requests WHERE asked_at < %(before)s AND ctid = ANY (ARRAY(
    SELECT ctid FROM ehr_requests WHERE asked_at < %(before)s ORDER BY asked_at LIMIT %(most)s))"""

Position = tuple[datetime, str]
"""A place in the list of requests: when the last one was sent, and its link session."""


class EhrRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`ehr` is the key of the EHR that the user chose, or "other" for "another EHR, or I'm not sure". `what` names the
    part that is not supported, null if unknown."""

    org_id: str
    practice: str | None
    ehr: str | None
    what: str | None
    web_address: str | None
    asked_at: datetime


class EhrRequests:
    """All SQL on `ehr_requests`. A link session requests each EHR at most once."""

    def __init__(self, db: Database, clock: Clock, sessions: LinkSessionTable, orgs: Orgs) -> None:
        self._db = db
        self._clock = clock
        self._sessions = sessions
        self._orgs = orgs

    async def ask(self, session: LinkSession) -> bool:
        """Stores a request for the EHR that the open pane reports as unsupported. False if no such pane is open any
        more."""
        if not can_ask(session):
            return False
        now, org = self._clock.now(), await self._orgs.by_id(session.asker.org)
        async with self._db.transaction() as tx:
            if not await self._sessions.lock(tx, session):
                return False
            if (await tx.execute(NOTE, _row(session, org.org_id, now))).rowcount:
                await events.note(tx, session, "requested", now)
        return True

    async def has_asked(self, session: LinkSession) -> bool:
        return await self._db.one(REQUESTED, (session.id, session.connector, session.address)) is not None

    async def listed(self, client: str, *, limit: int, after: Position | None = None) -> list[tuple[EhrRequest, str]]:
        """Requests with their link sessions, the latest first. `after` is the position of the page before."""
        asked_at, session = after or ("infinity", "")
        given = {"client": client, "asked_at": asked_at, "session": session, "limit": limit}
        rows = await self._db.rows(PAGE, given)
        return [(msgspec.convert(row, EhrRequest), row["link_session"]) for row in rows]

    async def prune(self, before: datetime) -> None:
        await delete_in_batches(self._db, PRUNE, {"before": before})


def can_ask(session: LinkSession) -> bool:
    """Whether an app started this session and its open pane reports something as unsupported."""
    return session.client is not None and isinstance(session.pane, Message) and session.pane.code == CODE


def _row(session: LinkSession, org_id: str, now: datetime) -> dict[str, object]:
    what = session.pane.details.get("what") if isinstance(session.pane, Message) else None
    return {
        "link_session": session.id,
        "client": session.client,
        "org_id": org_id,
        "practice": session.practice,
        "ehr": session.connector,
        "what": str(what)[:MAX_CHARACTERS] if what is not None else None,
        "address": session.address,
        "now": now,
        "most": MAX_REQUESTS,
    }
