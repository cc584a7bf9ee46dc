"""The table of link sessions. Between two answers no process holds a session, so any server or worker can go on.

Every change is a compare-and-set on the session's row: a second answer to a pane is stale, and a worker that lost its
claim changes nothing. Settling a session deletes the only key that opens what the user typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, LiteralString

import msgspec
from psycopg.types.json import Jsonb

from cobalt_link.connector.panes import Pane
from cobalt_link.jobs.claims import CLAIM, CLAIMED, FREE, LEASE, RELEASE, Claims, Work
from cobalt_link.kit.ids import reference_hash
from cobalt_link.link.session.session import ChosenEhr, EndedSession, LinkSession, NewLinkSession
from cobalt_link.link.session.stored_pane import stored_pane
from cobalt_link.store.database import Database, Row, Tx
from cobalt_link.store.signals import CHANNEL, announce
from cobalt_link.vault import Context, Vault, new_pair

WORKER_SILENCE = timedelta(seconds=30)  # then another worker may take the session over
LAST_TRY = "last_try"  # a notice, beside the codes of refusals
NO_PANE = {"pane": None, "pane_n": None, "wake_in": None}


COLUMNS: LiteralString = (
    "id, link_token, client, org, user_id, account, browser, answered, state, version, claim, public_key, pane, pane_n,"
    " consented_n, connector, address, practice, username, notice, ehr_user_name, granted, locale, created_at,"
    " expires_at, settled_at, exchanged_at, returned_at, purpose, accounts, extended"
)


FREE_OR_OWN: LiteralString = "browser IN ('', %(browser)s)"
ANSWERABLE: LiteralString = f"""id = %(id)s AND state IN ('waiting', 'polling') AND version = %(version)s
    AND {FREE_OR_OWN} AND expires_at > %(now)s"""
# The first answer makes its browser the owner, and leaves the session until `until` at most.
ANSWERED: LiteralString = """state = 'due', answered = true, browser = %(browser)s, pane = NULL, version = version + 1,
    expires_at = CASE WHEN answered THEN expires_at ELSE least(expires_at, %(until)s) END"""
DUE: LiteralString = f"""expires_at > %(now)s
    AND (state = 'due' OR (state = 'polling' AND wake_at <= clock_timestamp()) OR (state = 'running' AND {FREE}))"""
WORK = Work(
    name="link_sessions",
    claim=f"""UPDATE link_sessions SET state = 'running', version = version + 1, {CLAIM}
              WHERE id = %(id)s AND {DUE} RETURNING {COLUMNS}""",
    keep=f"UPDATE link_sessions SET {LEASE} WHERE id = %(id)s AND {CLAIMED}",
    # The oldest of each EHR instance, so that a crowd at a slow one does not hide the others.
    sweep=f"""SELECT id, address FROM (
                SELECT id, address, row_number() OVER (PARTITION BY address ORDER BY created_at) AS place
                FROM link_sessions WHERE {DUE}) AS due WHERE place <= 100 LIMIT 1000""",
)
# A process polls for a session in the state `polling` with the claim of the run that ended in it. The lease is until
# `wake_at`: then the session is due for any worker.
POLLED_FOR: LiteralString = f"id = %(id)s AND state = 'polling' AND {CLAIMED}"
KEEP_POLLING: LiteralString = """
UPDATE link_sessions SET wake_at = clock_timestamp() + make_interval(secs => %(lease)s)
FROM unnest(%(ids)s::text[], %(claims)s::bigint[]) AS held (id, claim)
WHERE link_sessions.id = held.id AND link_sessions.claim = held.claim AND link_sessions.state = 'polling'
RETURNING link_sessions.id, link_sessions.expires_at"""
STOP_POLLING: LiteralString = """
UPDATE link_sessions SET claim = NULL, claimed_until = NULL,
       wake_at = clock_timestamp() + make_interval(secs => %(wake_in)s)
FROM unnest(%(ids)s::text[], %(claims)s::bigint[]) AS held (id, claim)
WHERE link_sessions.id = held.id AND link_sessions.claim = held.claim AND link_sessions.state = 'polling'
RETURNING link_sessions.id"""


# SET and RETURNING of `empty_connections`, for all that are past their time, and for one.
_EMPTY: LiteralString = """
UPDATE link_sessions SET state = %(state)s, pane = NULL, username = NULL, ehr_user_name = NULL,
       connector = CASE WHEN %(state)s = 'expired' THEN connector END,
       address = NULL, practice = NULL, accounts = '{}', claim = NULL, version = version + 1,
       settled_at = coalesce(settled_at, %(now)s)
WHERE purpose = 'connections' AND state <> 'expired'"""
EMPTIED: LiteralString = f"{_EMPTY} AND expires_at <= %(now)s RETURNING id"
EMPTIED_ONE: LiteralString = f"{_EMPTY} AND id = %(id)s RETURNING id"

_EXPIRE: LiteralString = """
UPDATE link_sessions SET state = 'expired', pane = NULL, username = NULL, claim = NULL, settled_at = %(now)s
WHERE purpose <> 'connections' AND settled_at IS NULL AND expires_at <= %(now)s"""
EXPIRED_ONE: LiteralString = f"{_EXPIRE} AND id = %(id)s RETURNING id, link_token"
EXPIRED: LiteralString = f"""{_EXPIRE} AND id = ANY (ARRAY(
    SELECT id FROM link_sessions WHERE purpose <> 'connections' AND settled_at IS NULL AND expires_at <= %(now)s
    ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED)) RETURNING id, link_token"""
PRUNED: LiteralString = """
DELETE FROM link_sessions WHERE id = ANY (ARRAY(
    SELECT id FROM link_sessions WHERE settled_at < %s ORDER BY settled_at LIMIT 1000)) RETURNING id, link_token"""

# Before a hand-over, to lock the row. RETURNS notes when a browser was sent to the app. `first`: only if none was yet.
_READY: LiteralString = "id = %(link_session)s AND granted IS NOT NULL AND exchanged_at IS NULL"
GRANTED: LiteralString = f"SELECT id FROM link_sessions WHERE {_READY} FOR UPDATE"
RETURNS: LiteralString = f"""UPDATE link_sessions SET returned_at = coalesce(returned_at, %(now)s)
    WHERE {_READY} AND NOT (%(first)s AND returned_at IS NOT NULL) RETURNING id"""


def topic(session: str) -> str:
    """The signal topic on which changes of a link session are announced."""
    return f"link_session:{session}"


def recall_topic(session: str) -> str:
    """The signal topic on which the process that polls for a link session is asked to stop."""
    return f"recall:{session}"


def private_key_context(client: str | None, session: str) -> Context:
    """The key is sealed for the session's client. A session that no app asked for has no client."""
    return Context("link_session_keys", client or "", session, "private_key")


class LinkSessionTable:
    """All SQL on `link_sessions`, `link_session_keys`, and `link_session_keys_erased`."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self.db = db
        self.claims = Claims(db, WORK, WORKER_SILENCE)
        self._vault = vault

    async def open(self, tx: Tx, opening: NewLinkSession) -> bool:
        """Begins the link session of a link token. False if the token has one already."""
        private, public = new_pair()
        # A unique index covers one day, and a link token may be opened on two. So the openings of a token take turns,
        # and each looks into all partitions.
        await tx.execute("SELECT FROM link_tokens WHERE hash = %s FOR UPDATE", (opening.link_token,))
        sql = """INSERT INTO link_sessions (id, purpose, link_token, client, org, user_id, account, browser, locale,
                                       created_at, expires_at, public_key, state)
                 SELECT %(id)s, %(purpose)s, %(link_token)s, %(client)s, %(org)s, %(user_id)s, %(account)s,
                        %(browser)s, %(locale)s, %(created_at)s, %(expires_at)s, %(public_key)s, 'due'
                 WHERE NOT EXISTS (SELECT FROM link_sessions WHERE link_token = %(link_token)s)
                 ON CONFLICT DO NOTHING"""
        row = {**msgspec.structs.asdict(opening), "public_key": public}
        if (await tx.execute(sql, row)).rowcount == 0:
            return False
        sealed = self._vault.seal(private, private_key_context(opening.client, opening.id))
        await tx.execute("INSERT INTO link_session_keys (link_session, sealed) VALUES (%s, %s)", (opening.id, sealed))
        return True

    async def own(self, session: LinkSession) -> bool:
        """Makes the session's browser its owner. False if another browser is."""
        sql = f"UPDATE link_sessions SET browser = %(browser)s WHERE id = %(id)s AND {FREE_OR_OWN}"
        return await self.db.run(sql, {"id": session.id, "browser": session.browser}) == 1

    async def by_id(self, id: str) -> LinkSession | None:  # noqa: A002
        return _session(await self.db.one(f"SELECT {COLUMNS} FROM link_sessions WHERE id = %s", (id,)))

    async def of_link_token(self, link_token: bytes) -> LinkSession | None:
        return _session(await self.db.one(f"SELECT {COLUMNS} FROM link_sessions WHERE link_token = %s", (link_token,)))

    async def by_reference(self, text: str) -> LinkSession | None:
        """By the reference that its pages show. None also for a text that is no reference."""
        sql = f"""SELECT {COLUMNS} FROM link_sessions WHERE substring(sha256(id::bytea) FROM 1 FOR 5) = %s
                  ORDER BY created_at DESC LIMIT 1"""
        return _session(await self.db.one(sql, (reference_hash(text),)))

    async def accept(self, tx: Tx, session: LinkSession, *, consented: bool, **times: datetime) -> bool:
        """Closes the open pane, so that a worker goes on. False if another answer was first. See `ANSWERED`."""
        sql = f"""UPDATE link_sessions SET {ANSWERED},
                         consented_n = CASE WHEN %(consented)s THEN pane_n ELSE consented_n END
                  WHERE {ANSWERABLE}"""
        return (await tx.execute(sql, {**_seen(session), "consented": consented, **times})).rowcount == 1

    async def rewind(self, tx: Tx, session: LinkSession, *, keep_n: int, **kept: str | datetime | None) -> bool:
        """Runs the sign-in again from entry `keep_n` + 1. `kept`: `username`, the next pane's `notice`, and times."""
        sql = f"""UPDATE link_sessions SET {ANSWERED}, username = %(username)s, notice = %(notice)s,
                         consented_n = CASE WHEN %(keep_n)s < consented_n THEN NULL ELSE consented_n END
                  WHERE {ANSWERABLE}"""
        return (await tx.execute(sql, {**_seen(session), "keep_n": keep_n, **kept})).rowcount == 1

    async def claim(self, id: str, now: datetime) -> LinkSession | None:  # noqa: A002
        """Claims a session that is due. None if it is not due, or another worker has it."""
        return _session(await self.claims.take(id, now=now))

    async def run_now(self, tx: Tx, session: LinkSession) -> bool:
        """Makes a polling session due at once. Its pane stays open."""
        sql = "UPDATE link_sessions SET state = 'due', version = version + 1 WHERE id = %s AND version = %s"
        return (await tx.execute(sql, (session.id, session.version))).rowcount == 1

    async def extend(self, session: LinkSession, now: datetime, until: datetime) -> bool:
        """Extends a session until then. False if it has ended, or was extended before."""
        sql = """UPDATE link_sessions SET expires_at = %s, extended = true
                 WHERE id = %s AND NOT extended AND settled_at IS NULL AND expires_at > %s"""
        return await self.db.run(sql, (until, session.id, now)) == 1

    async def set_locale(self, id: str, locale: str) -> None:  # noqa: A002
        await self.db.run("UPDATE link_sessions SET locale = %s WHERE id = %s", (locale, id))

    async def due(self, now: datetime) -> list[tuple[str, str | None]]:
        """The sessions that lost their wake-up or their worker, each with the address of its EHR instance."""
        return [(row["id"], row["address"]) for row in await self.claims.swept(now=now)]

    async def address_of(self, session_id: str) -> str | None:
        """The EHR instance that was chosen in a session."""
        row = await self.db.one("SELECT address FROM link_sessions WHERE id = %s", (session_id,))
        return row["address"] if row else None

    async def show(
        self, tx: Tx, session: LinkSession, pane: Pane, n: int, found: ChosenEhr, *, wake_in: float | None = None
    ) -> None:
        """Shows a pane to answer. Without `wake_in` the session is released. With it the claim stays, for polls, and
        after so many seconds the session is due for any worker."""
        state = "waiting" if wake_in is None else "polling"
        shown = {"pane": Jsonb(msgspec.to_builtins(pane)), "pane_n": n, "wake_in": wake_in}
        await self._release(tx, session, found, {"state": state, **shown})

    async def keep_polling(self, held: Mapping[str, int], lease: float) -> dict[str, datetime]:
        """Extends the leases of the sessions that a process polls for, by id with its claim. Returns those that it
        still has, each with the time at which it expires."""
        given = {"ids": list(held), "claims": list(held.values()), "lease": lease}
        return {row["id"]: row["expires_at"] for row in await self.db.rows(KEEP_POLLING, given)}

    async def stop_polling(self, held: Mapping[str, int], wake_in: float) -> None:
        """Gives sessions back that a process polls for. They are due for any worker after so many seconds, and an
        answer is taken at once."""
        given = {"ids": list(held), "claims": list(held.values()), "wake_in": wake_in}
        async with self.db.transaction() as tx:
            rows = await (await tx.execute(STOP_POLLING, given)).fetchall()
            await announce(tx, *(topic(row["id"]) for row in rows))

    async def polled(self, tx: Tx, session: LinkSession) -> None:
        """Closes the pane because a poll has ended the wait, and makes the session due. Raises LostClaim."""
        sql = f"""UPDATE link_sessions SET {RELEASE}, state = 'due', pane = NULL, wake_at = NULL, version = version + 1
                  WHERE {POLLED_FOR}"""
        await self.claims.settle(sql, {"id": session.id, "claim": session.claim}, tx)
        await announce(tx, topic(session.id))

    async def recall(self, session: LinkSession) -> None:
        """Asks the process that polls for the session to give it back."""
        await self.db.one("SELECT pg_notify(%s, %s)", (CHANNEL, recall_topic(session.id)))

    async def restart(self, tx: Tx, session: LinkSession, found: ChosenEhr, notice: str, *, keep_n: int) -> None:
        """Releases the session to run once more. The next pane says why: `notice` is the code of a refusal."""
        await self._release(tx, session, found, {"state": "due", **NO_PANE, "notice": notice})
        sql = "UPDATE link_sessions SET consented_n = NULL WHERE id = %s AND consented_n > %s"
        await tx.execute(sql, (session.id, keep_n))

    async def settle(
        self, tx: Tx, session: LinkSession, *, account: str, ehr_user_name: str, found: ChosenEhr, now: datetime
    ) -> None:
        """Marks the session as granted. From here on nothing in its journal opens, not even with the master key."""
        await self._release(tx, session, found, {"state": "granted", **NO_PANE})
        sql = """UPDATE link_sessions SET granted = %s, ehr_user_name = %s, username = NULL, settled_at = %s
                 WHERE id = %s"""
        await tx.execute(sql, (account, ehr_user_name, now, session.id))
        await self._erase(tx, [session.id])

    async def sign_in(
        self,
        tx: Tx,
        session: LinkSession,
        *,
        accounts: list[str],
        ehr_user_name: str,
        found: ChosenEhr,
        now: datetime,
        until: datetime,
    ) -> None:
        """Settles a session of the connections flow with the accounts to list. Nothing else of the sign-in is kept."""
        await self._release(tx, session, found, {"state": "signed_in", **NO_PANE})
        sql = """UPDATE link_sessions SET accounts = %s, ehr_user_name = %s, username = NULL, settled_at = %s,
                        expires_at = %s
                 WHERE id = %s"""
        await tx.execute(sql, (accounts, ehr_user_name, now, until, session.id))
        await self._erase(tx, [session.id])

    async def lock(self, tx: Tx, session: LinkSession) -> bool:
        """Locks the session's row until the end of the transaction, as `events.note` requires. True if the row has not
        changed since `session` was read."""
        sql = "SELECT version FROM link_sessions WHERE id = %s FOR UPDATE"
        row = await (await tx.execute(sql, (session.id,))).fetchone()
        return row is not None and row["version"] == session.version

    async def empty_connections(
        self, tx: Tx, state: Literal["left", "expired"], now: datetime, session: str | None
    ) -> list[str]:
        """Empties one session of the connections flow, or with None all that are past their time.

        The rows stay for a while, so that their pages can say that they have expired. Returns the ids of the sessions:
        the caller deletes their journals.
        """
        emptied = EMPTIED if session is None else EMPTIED_ONE
        rows = await (await tx.execute(emptied, {"state": state, "now": now, "id": session})).fetchall()
        ids = [row["id"] for row in rows]
        await self._erase(tx, ids)
        await _announce_end(tx, ids)
        return ids

    async def prune_connections(self, tx: Tx, before: datetime) -> list[bytes]:
        """Deletes the sessions of the connections flow that expired before then. Returns their link tokens, so that the
        caller can delete their events."""
        sql = "DELETE FROM link_sessions WHERE purpose = 'connections' AND expires_at < %s RETURNING link_token"
        return [row["link_token"] for row in await (await tx.execute(sql, (before,))).fetchall()]

    async def leave(self, tx: Tx, session: LinkSession, now: datetime) -> bool:
        """Ends the session because the user stops. False if it has settled: an account that is linked stays linked."""
        sql = """UPDATE link_sessions SET state = 'left', pane = NULL, username = NULL, version = version + 1,
                        claim = NULL, settled_at = %s
                 WHERE id = %s AND settled_at IS NULL"""
        if (await tx.execute(sql, (now, session.id))).rowcount == 0:
            return False
        await self._erase(tx, [session.id])
        await _announce_end(tx, [session.id])
        return True

    async def expire(self, tx: Tx, now: datetime, only: str | None = None) -> list[EndedSession]:
        """Ends sessions that were not finished in time, a hundred at most, or `only` this one."""
        expired = EXPIRED if only is None else EXPIRED_ONE
        rows = await (await tx.execute(expired, {"now": now, "id": only})).fetchall()
        ended = [EndedSession(**row) for row in rows]
        ids = [each.id for each in ended]
        await self._erase(tx, ids)
        await _announce_end(tx, ids)
        return ended

    async def prune(self, tx: Tx, before: datetime) -> list[EndedSession]:
        """Deletes sessions that settled before then, a thousand at most, with their keys and public tokens. The caller
        deletes their journals and events (S-098). Most sessions leave with the partition of their day instead."""
        gone = [EndedSession(**row) for row in await (await tx.execute(PRUNED, (before,))).fetchall()]
        await self._erase(tx, [each.id for each in gone])
        return gone

    async def private_key(self, session: LinkSession) -> bytes | None:
        """Opens the session's own key, for a worker only. None if the session has settled."""
        row = await self.db.one("SELECT sealed FROM link_session_keys WHERE link_session = %s", (session.id,))
        return self._vault.open(row["sealed"], private_key_context(session.client, session.id)) if row else None

    async def last_erased_key(self) -> int:
        """The number of the last deleted key that may still be on the disk, or 0 if there is none."""
        row = await self.db.one("SELECT coalesce(max(id), 0) AS last FROM link_session_keys_erased")
        return row["last"] if row else 0

    async def delete_erased_keys(self, last: int) -> None:
        await self.db.run("DELETE FROM link_session_keys_erased WHERE id <= %s", (last,))

    async def _release(self, tx: Tx, session: LinkSession, found: ChosenEhr, changes: dict[str, Any]) -> None:
        sql = f"""UPDATE link_sessions SET version = version + 1, state = %(state)s, claimed_until = NULL,
                         claim = CASE WHEN %(wake_in)s::float8 IS NULL THEN NULL ELSE claim END,
                         pane = %(pane)s, pane_n = %(pane_n)s, connector = %(connector)s, address = %(address)s,
                         practice = %(practice)s, notice = %(notice)s,
                         wake_at = clock_timestamp() + make_interval(secs => %(wake_in)s::float8)
                  WHERE id = %(id)s AND {CLAIMED}"""
        kept = {"notice": None, **msgspec.structs.asdict(found)}
        await self.claims.settle(sql, {**kept, **changes, "id": session.id, "claim": session.claim}, tx)
        await announce(tx, topic(session.id))

    async def _erase(self, tx: Tx, ids: list[str]) -> None:
        sql = """WITH gone AS (DELETE FROM link_session_keys WHERE link_session = ANY(%s) RETURNING link_session)
                 INSERT INTO link_session_keys_erased SELECT FROM gone"""
        await tx.execute(sql, (ids,))


async def _announce_end(tx: Tx, ids: list[str]) -> None:
    """Wakes the pages of sessions that have ended, and stops their polls. One statement for all of them."""
    await announce(tx, *(each(session) for session in ids for each in (topic, recall_topic)))


async def close_pane(tx: Tx, session: LinkSession, n: int) -> None:
    """Closes a waiting pane when its wait is over. From here on an answer to it is stale, and the page shows the
    steps."""
    sql = "UPDATE link_sessions SET pane = NULL, version = version + 1 WHERE id = %s AND claim = %s AND pane_n = %s"
    await tx.execute(sql, (session.id, session.claim, n))


def _seen(session: LinkSession) -> dict[str, Any]:
    """What must not have changed since the session was read, for `ANSWERABLE`."""
    return {"id": session.id, "version": session.version, "browser": session.browser}


def _session(row: Row | None) -> LinkSession | None:
    if row is None:
        return None
    row["pane"] = stored_pane(row["pane"]) if row["pane"] else None
    return LinkSession(**row)
