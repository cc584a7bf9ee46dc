"""What happened in a link session, in order: `seq` counts from 1 per link token, without gaps."""

from __future__ import annotations

from datetime import datetime
from typing import LiteralString

import msgspec

from cobalt_link.link.session.states import EventName, OwnEventName
from cobalt_link.store.database import Database, Tx


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is what happened, `pane` the pane shown, `code` the refusal's; never anything that a person typed."""

    seq: int
    name: EventName
    at: datetime
    pane: str | None = None
    code: str | None = None


async def note(
    tx: Tx,
    link_token: bytes,
    name: EventName | OwnEventName,
    at: datetime,
    *,
    pane: str | None = None,
    code: str | None = None,
) -> None:
    """Adds an event in the caller's transaction, which holds the link session's row and so the order."""
    sql = """INSERT INTO link_events (link_token, seq, name, pane, code, at)
             SELECT %(token)s, coalesce(max(seq), 0) + 1, %(name)s, %(pane)s, %(code)s, %(at)s
             FROM link_events WHERE link_token = %(token)s"""
    await tx.execute(sql, {"token": link_token, "name": name, "pane": pane, "code": code, "at": at})


# For each row of a CTE `won`. Whoever has it as part of a larger statement may count before the row's lock was won: two
# events of one number are then refused by the table.
EXCHANGED: LiteralString = """
INSERT INTO link_events (link_token, seq, name, at)
SELECT link_token, (SELECT coalesce(max(seq), 0) + 1 FROM link_events e WHERE e.link_token = won.link_token),
       'exchanged', %(now)s
FROM won"""


async def listed(db: Database, link_token: bytes) -> list[Event]:
    sql = "SELECT seq, name, pane, code, at FROM link_events WHERE link_token = %s ORDER BY seq"
    return [Event(**row) for row in await db.rows(sql, (link_token,))]


async def forget(tx: Tx, link_tokens: list[bytes]) -> None:
    await tx.execute("DELETE FROM link_events WHERE link_token = ANY(%s)", (link_tokens,))


async def prune(tx: Tx, before: datetime) -> None:
    """Forgets sessions that are over for so long (S-098)."""
    await tx.execute("DELETE FROM link_events WHERE at < %s", (before,))
