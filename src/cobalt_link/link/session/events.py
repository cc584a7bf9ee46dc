"""The events of a link session, in order. For each link token, `seq` counts from 1 without gaps."""

from __future__ import annotations

from datetime import datetime
from typing import LiteralString, Protocol

import msgspec

from cobalt_link.link.session.states import ConnectionsEventName, EventName
from cobalt_link.store.database import Database, Tx


class LinkEvent(msgspec.Struct, frozen=True, kw_only=True):
    """`pane` is the pane that was shown, `code` the code of the refusal. An event never holds what a user typed."""

    seq: int
    name: EventName
    at: datetime
    pane: str | None = None
    code: str | None = None


class HasEvents(Protocol):
    """Whose events they are: a link session. `id` begins with its day, and its events are in that day's partition."""

    @property
    def id(self) -> str: ...
    @property
    def link_token(self) -> bytes: ...


# Events of the former release have the day ''. Those of a session are in at most two partitions.
OF_SESSION: LiteralString = "link_token = %(token)s AND session_day IN (left(%(session)s, 6), '')"
NOTE: LiteralString = f"""
INSERT INTO link_events (link_token, session_day, seq, name, pane, code, at)
SELECT %(token)s, left(%(session)s, 6), coalesce(max(seq), 0) + 1, %(name)s, %(pane)s, %(code)s, %(at)s
FROM link_events WHERE {OF_SESSION}"""
LISTED: LiteralString = f"SELECT seq, name, pane, code, at FROM link_events WHERE {OF_SESSION} ORDER BY seq"
DELETE: LiteralString = "DELETE FROM link_events WHERE link_token = ANY (%s)"


async def note(
    tx: Tx,
    session: HasEvents,
    name: EventName | ConnectionsEventName,
    at: datetime,
    *,
    pane: str | None = None,
    code: str | None = None,
) -> None:
    """Adds an event in the caller's transaction. The transaction must hold the lock on the link session's row: that
    lock keeps the numbers in order."""
    given = {"token": session.link_token, "session": session.id, "name": name, "pane": pane, "code": code, "at": at}
    await tx.execute(NOTE, given)


# Adds an event for each row of the CTE `exchanged`. A larger statement may evaluate this count before it has the lock
# on the row. The table then refuses the second event with the same number.
NOTE_EXCHANGED: LiteralString = """
INSERT INTO link_events (link_token, session_day, seq, name, at)
SELECT link_token, left(id, 6), (
    SELECT coalesce(max(seq), 0) + 1 FROM link_events e
    WHERE e.link_token = exchanged.link_token AND e.session_day IN (left(exchanged.id, 6), '')
), 'exchanged', %(now)s
FROM exchanged"""


async def listed(db: Database, session: HasEvents) -> list[LinkEvent]:
    return [LinkEvent(**row) for row in await db.rows(LISTED, {"token": session.link_token, "session": session.id})]


async def delete(tx: Tx, link_tokens: list[bytes]) -> None:
    await tx.execute(DELETE, (link_tokens,))
