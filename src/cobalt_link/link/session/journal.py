"""The durable journal of a link session. Its values are sealed with the session's own key, and a worker writes to it
only while it holds the session's claim."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import LiteralString

from cobalt_link.jobs.claims import LostClaim
from cobalt_link.link.session.session import LinkSession
from cobalt_link.link.session.sessions import close_pane, topic
from cobalt_link.signin.journal import JournalEntry
from cobalt_link.store.database import Database, Row, Tx
from cobalt_link.store.signals import ANNOUNCED
from cobalt_link.vault import open_with, seal_to

# One round trip for each entry, because a sign-in waits for each of them.
WRITE: LiteralString = f"""
WITH written AS (
INSERT INTO journal (link_session, n, kind, name, state, sealed, began_at, ended_at)
SELECT %(link_session)s, %(n)s, %(kind)s, %(name)s, %(state)s, %(sealed)s, %(now)s,
       CASE WHEN %(state)s = 'open' THEN NULL ELSE %(now)s END
WHERE EXISTS (SELECT FROM link_sessions WHERE id = %(link_session)s AND claim = %(claim)s FOR UPDATE)
ON CONFLICT (link_session, n) DO UPDATE SET state = excluded.state, sealed = excluded.sealed, ended_at =
excluded.ended_at RETURNING n
) SELECT n, {ANNOUNCED} FROM written
"""


def sealed_for(session: LinkSession, entry: JournalEntry) -> bytes | None:
    """An entry's value, sealed for the session's private key. It opens only under the same session and entry number."""
    return None if entry.value is None else seal_to(session.public_key, entry.value, _info(session.id, entry.n))


def _info(session: str, n: int) -> bytes:
    return f"cobalt journal {session} {n}".encode()


class DurableJournal:
    """The `Journal` of a claimed link session. `private` is the key that opens its values."""

    def __init__(self, db: Database, session: LinkSession, private: bytes, now: Callable[[], datetime]) -> None:
        self._db = db
        self._session = session
        self._private = private
        self._now = now

    async def read(self) -> list[JournalEntry]:
        sql = "SELECT n, kind, name, state, sealed FROM journal WHERE link_session = %s ORDER BY n"
        return [self._entry(row) for row in await self._db.rows(sql, (self._session.id,))]

    async def begin(self, entry: JournalEntry) -> None:
        await self.finish(entry)

    async def finish(self, entry: JournalEntry) -> None:
        row = _row(self._session, entry, self._now())
        row |= {"claim": self._session.claim, "topic": topic(self._session.id)}
        if entry.kind != "wait" or entry.state == "open":
            if await self._db.one(WRITE, row) is None:
                raise LostClaim
            return
        async with self._db.transaction() as tx:
            if (await tx.execute(WRITE, row)).rowcount == 0:
                raise LostClaim
            await close_pane(tx, self._session, entry.n)

    def _entry(self, row: Row) -> JournalEntry:
        sealed = row.pop("sealed")
        value = open_with(self._private, sealed, _info(self._session.id, row["n"])) if sealed else None
        return JournalEntry(**row, value=value)


async def note_answer(tx: Tx, session: LinkSession, entry: JournalEntry, now: datetime) -> None:
    """Writes a user's answer. The caller's compare-and-set on the link session ensures that this is the first
    answer."""
    sql = """INSERT INTO journal (link_session, n, kind, name, state, sealed, began_at, ended_at)
             VALUES (%(link_session)s, %(n)s, %(kind)s, %(name)s, %(state)s, %(sealed)s, %(now)s, %(now)s)
             ON CONFLICT (link_session, n)
             DO UPDATE SET state = excluded.state, sealed = excluded.sealed, ended_at = excluded.ended_at"""
    await tx.execute(sql, _row(session, entry, now))


async def delete_journals(tx: Tx, sessions: list[str]) -> None:
    await tx.execute("DELETE FROM journal WHERE link_session = ANY(%s)", (sessions,))


async def delete_after(tx: Tx, session: str, n: int) -> None:
    """Deletes the entries after `n`, so that the replay asks and acts again from there."""
    await tx.execute("DELETE FROM journal WHERE link_session = %s AND n > %s", (session, n))


async def lines(db: Database, session: str) -> list[Row]:
    """The journal without its values, for the steps of the working page and for the inspector."""
    sql = "SELECT n, kind, name, state, began_at, ended_at FROM journal WHERE link_session = %s ORDER BY n"
    return await db.rows(sql, (session,))


def _row(session: LinkSession, entry: JournalEntry, now: datetime) -> dict[str, object]:
    line: dict[str, object] = {"link_session": session.id, "n": entry.n, "kind": entry.kind, "name": entry.name}
    return line | {"state": entry.state, "sealed": sealed_for(session, entry), "now": now}


async def last_entry(tx: Tx, session: str) -> int:
    """The number of the last entry, or 0 if there is none."""
    row = await (await tx.execute("SELECT max(n) AS n FROM journal WHERE link_session = %s", (session,))).fetchone()
    return row["n"] or 0 if row else 0
