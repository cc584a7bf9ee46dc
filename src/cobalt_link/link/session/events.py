"""The events of a link session, in order. For each link token, `seq` counts from 1 without gaps."""

from __future__ import annotations

from datetime import datetime
from typing import LiteralString

import msgspec

from cobalt_link.link.session.states import ConnectionsEventName, EventName
from cobalt_link.store.database import Database, Tx


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """`pane` is the pane that was shown, `code` the code of the refusal. An event never holds what a user typed."""

    seq: int
    name: EventName
    at: datetime
    pane: str | None = None
    code: str | None = None


async def note(
    tx: Tx,
    link_token: bytes,
    name: EventName | ConnectionsEventName,
    at: datetime,
    *,
    pane: str | None = None,
    code: str | None = None,
) -> None:
    """Adds an event in the caller's transaction. The transaction must hold the lock on the link session's row: that
    lock keeps the numbers in order."""
    sql = """INSERT INTO link_events (link_token, seq, name, pane, code, at)
             SELECT %(token)s, coalesce(max(seq), 0) + 1, %(name)s, %(pane)s, %(code)s, %(at)s
             FROM link_events WHERE link_token = %(token)s"""
    await tx.execute(sql, {"token": link_token, "name": name, "pane": pane, "code": code, "at": at})


# Adds an event for each row of the CTE `exchanged`. A larger statement may evaluate this count before it has the lock
# on the row. The table then refuses the second event with the same number.
NOTE_EXCHANGED: LiteralString = """
INSERT INTO link_events (link_token, seq, name, at)
SELECT link_token, (SELECT coalesce(max(seq), 0) + 1 FROM link_events e WHERE e.link_token = exchanged.link_token),
       'exchanged', %(now)s
FROM exchanged"""


async def listed(db: Database, link_token: bytes) -> list[Event]:
    sql = "SELECT seq, name, pane, code, at FROM link_events WHERE link_token = %s ORDER BY seq"
    return [Event(**row) for row in await db.rows(sql, (link_token,))]


async def delete(tx: Tx, link_tokens: list[bytes]) -> None:
    await tx.execute("DELETE FROM link_events WHERE link_token = ANY(%s)", (link_tokens,))


async def prune(tx: Tx, before: datetime) -> None:
    """Deletes the events from before that time (S-098)."""
    await tx.execute("DELETE FROM link_events WHERE at < %s", (before,))
