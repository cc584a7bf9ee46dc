"""The durable journal of an attempt: sealed to the attempt's own key, written only by the holder of its claim."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import LiteralString

from cobalt_link.link.session.sessions import Attempt, close_pane, topic
from cobalt_link.signin.journal import Entry, LostClaim
from cobalt_link.store.database import Database, Row, Tx
from cobalt_link.store.signals import ANNOUNCED
from cobalt_link.vault import open_with, seal_to

# One way to the server for each line: a sign-in waits for every one of them.
WRITE: LiteralString = f"""
WITH written AS (
INSERT INTO journal (attempt, n, kind, name, state, sealed, began_at, ended_at)
SELECT %(attempt)s, %(n)s, %(kind)s, %(name)s, %(state)s, %(sealed)s, %(now)s,
       CASE WHEN %(state)s = 'open' THEN NULL ELSE %(now)s END
WHERE EXISTS (SELECT FROM attempts WHERE id = %(attempt)s AND claim = %(claim)s FOR UPDATE)
ON CONFLICT (attempt, n) DO UPDATE SET state = excluded.state, sealed = excluded.sealed, ended_at = excluded.ended_at
RETURNING n
) SELECT n, {ANNOUNCED} FROM written
"""


def sealed_for(attempt: Attempt, entry: Entry) -> bytes | None:
    """An entry's value, sealed so that only the attempt's private key opens it, and only in this place."""
    return None if entry.value is None else seal_to(attempt.public_key, entry.value, _info(attempt.id, entry.n))


def _info(attempt: str, n: int) -> bytes:
    return f"cobalt journal {attempt} {n}".encode()


class DurableJournal:
    """The `Journal` of a claimed attempt. `private` opens its values."""

    def __init__(self, db: Database, attempt: Attempt, private: bytes, now: Callable[[], datetime]) -> None:
        self._db = db
        self._attempt = attempt
        self._private = private
        self._now = now

    async def read(self) -> list[Entry]:
        sql = "SELECT n, kind, name, state, sealed FROM journal WHERE attempt = %s ORDER BY n"
        return [self._entry(row) for row in await self._db.rows(sql, (self._attempt.id,))]

    async def begin(self, entry: Entry) -> None:
        await self.finish(entry)

    async def finish(self, entry: Entry) -> None:
        row = _row(self._attempt, entry, self._now())
        row |= {"claim": self._attempt.claim, "topic": topic(self._attempt.id)}
        if entry.kind != "wait" or entry.state == "open":
            if await self._db.one(WRITE, row) is None:
                raise LostClaim
            return
        async with self._db.transaction() as tx:
            if (await tx.execute(WRITE, row)).rowcount == 0:
                raise LostClaim
            await close_pane(tx, self._attempt, entry.n)

    def _entry(self, row: Row) -> Entry:
        sealed = row.pop("sealed")
        value = open_with(self._private, sealed, _info(self._attempt.id, row["n"])) if sealed else None
        return Entry(**row, value=value)


async def note_answer(tx: Tx, attempt: Attempt, entry: Entry, now: datetime) -> None:
    """Writes what a person answered. The caller's compare-and-set on the attempt makes sure that it is the first."""
    sql = """INSERT INTO journal (attempt, n, kind, name, state, sealed, began_at, ended_at)
             VALUES (%(attempt)s, %(n)s, %(kind)s, %(name)s, %(state)s, %(sealed)s, %(now)s, %(now)s)
             ON CONFLICT (attempt, n)
             DO UPDATE SET state = excluded.state, sealed = excluded.sealed, ended_at = excluded.ended_at"""
    await tx.execute(sql, _row(attempt, entry, now))


async def forget_all(tx: Tx, attempts: list[str]) -> None:
    """Erases whole journals."""
    await tx.execute("DELETE FROM journal WHERE attempt = ANY(%s)", (attempts,))


async def forget_after(tx: Tx, attempt: str, n: int) -> None:
    """Erases the entries after `n`: the story is told anew from there."""
    await tx.execute("DELETE FROM journal WHERE attempt = %s AND n > %s", (attempt, n))


async def lines(db: Database, attempt: str) -> list[Row]:
    """The journal without what it holds: for the steps of the working page, and the inspector."""
    sql = "SELECT n, kind, name, state, began_at, ended_at FROM journal WHERE attempt = %s ORDER BY n"
    return await db.rows(sql, (attempt,))


def _row(attempt: Attempt, entry: Entry, now: datetime) -> dict[str, object]:
    line: dict[str, object] = {"attempt": attempt.id, "n": entry.n, "kind": entry.kind, "name": entry.name}
    return line | {"state": entry.state, "sealed": sealed_for(attempt, entry), "now": now}


async def last_entry(tx: Tx, attempt: str) -> int:
    """The number of the last entry, 0 for none."""
    row = await (await tx.execute("SELECT max(n) AS n FROM journal WHERE attempt = %s", (attempt,))).fetchone()
    return row["n"] or 0 if row else 0
