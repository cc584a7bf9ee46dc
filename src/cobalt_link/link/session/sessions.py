"""The table of link sessions: one person's way through Link, owned by no process between two clicks.

Every change is a compare-and-set on the link session's row: a second answer to a pane is stale, a worker that lost its
claim changes nothing, and settling deletes the only key that opens what was typed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal, LiteralString

import msgspec
from psycopg.types.json import Jsonb

from cobalt_link.connector.panes import Pane
from cobalt_link.jobs.claims import CLAIM, CLAIMED, FREE, LEASE, RELEASE, Claims, Work
from cobalt_link.store.database import Database, Row, Tx
from cobalt_link.store.signals import announce
from cobalt_link.vault import Context, Vault, new_pair

State = Literal["due", "running", "waiting", "polling", "granted", "signed_in", "left", "expired"]
Purpose = Literal["link", "connections"]
SILENCE = timedelta(seconds=30)  # of a worker, before another one takes its link session over
NO_PANE = {"pane": None, "pane_n": None, "wake_at": None}


class Asker(msgspec.Struct, frozen=True):
    """Who asked for a session: an app (our id of the client) for one of its users (the app's id) at an org (our id)."""

    client: str
    org: str
    user_id: str


class LinkSession(msgspec.Struct, frozen=True, kw_only=True):
    """A row. `pane_n` is the journal entry that an answer has to name; entries after `consented_n` belong to the
    connector's sign-in.

    A session with the purpose `connections` has no client, org or user: no app asked for it. Its `accounts` are those
    that were found once the user had signed in.
    """

    id: str
    purpose: Purpose = "link"
    link_token: bytes
    client: str | None
    org: str | None
    user_id: str | None
    account: str | None
    browser: bytes
    answered: bool
    state: State
    version: int
    claim: int | None
    public_key: bytes
    pane: Pane | None
    pane_n: int | None
    consented_n: int | None
    connector: str | None
    address: str | None
    practice: str | None
    username: str | None
    notice: str | None
    ehr_user_name: str | None
    granted: str | None
    locale: str | None
    created_at: datetime
    expires_at: datetime
    settled_at: datetime | None
    exchanged_at: datetime | None
    accounts: list[str] = []
    extended: bool = False

    @property
    def asker(self) -> Asker:
        """Who asked for a session with the purpose `link`."""
        assert self.client is not None
        assert self.org is not None
        assert self.user_id is not None
        return Asker(self.client, self.org, self.user_id)

    @property
    def chosen(self) -> ChosenEhr:
        """The EHR as the latest run left it."""
        return ChosenEhr(connector=self.connector, address=self.address, practice=self.practice)


COLUMNS: LiteralString = (
    "id, link_token, client, org, user_id, account, browser, answered, state, version, claim, public_key, pane, pane_n,"
    " consented_n, connector, address, practice, username, notice, ehr_user_name, granted, locale, created_at,"
    " expires_at, settled_at, exchanged_at, purpose, accounts, extended"
)


DUE: LiteralString = f"""expires_at > %(now)s
    AND (state = 'due' OR (state = 'polling' AND wake_at <= %(now)s) OR (state = 'running' AND {FREE}))"""
WORK = Work(
    name="link_sessions",
    claim=f"""UPDATE link_sessions SET state = 'running', version = version + 1, {CLAIM}
              WHERE id = %(id)s AND {DUE} RETURNING {COLUMNS}""",
    keep=f"UPDATE link_sessions SET {LEASE} WHERE id = %(id)s AND {CLAIMED}",
    sweep=f"SELECT id FROM link_sessions WHERE {DUE} LIMIT 100",
)


# What is claimed, and what was won, as CTEs for the exchange's statement. Of several that ask for one link session
# the first wins. LIMIT keeps the planner at the index: it takes every JSON for a hundred rows and would read the whole
# table.
ASKED: LiteralString = """
asked AS (
    SELECT DISTINCT ON (p.link_session) p.link_session, t.n, decode(t.access, 'base64') AS access
    FROM json_to_recordset(%(asked)s::json) AS t (n int, client text, hash text, access text), LATERAL (
        SELECT * FROM public_tokens
        WHERE hash = decode(t.hash, 'base64') AND client = t.client AND expires_at > %(now)s LIMIT 1
    ) p ORDER BY p.link_session, t.n
)"""
WON: LiteralString = f"""
{ASKED}, locked AS (
    SELECT a.id, n, access, sealed_access_token
    FROM asked JOIN link_sessions a ON a.id = link_session LEFT JOIN link_tokens l ON l.hash = a.link_token
    ORDER BY a.id FOR UPDATE OF a
), won AS (
    UPDATE link_sessions a SET exchanged_at = %(now)s FROM locked
    WHERE a.id = locked.id AND a.exchanged_at IS NULL AND a.granted IS NOT NULL
    RETURNING n, a.granted, a.client, a.link_token, a.account, access, sealed_access_token
)"""
LOCK: LiteralString = (
    f"WITH {ASKED} SELECT FROM asked JOIN link_sessions a ON a.id = link_session ORDER BY a.id FOR UPDATE OF a"
)


class ChosenEhr(msgspec.Struct, frozen=True, kw_only=True):
    """The EHR that the user chose, as far as it is known: the connector's key, the address, the practice's name."""

    connector: str | None = None
    address: str | None = None
    practice: str | None = None


class NewLinkSession(msgspec.Struct, frozen=True, kw_only=True):
    """What a link session begins with."""

    id: str
    purpose: Purpose = "link"
    link_token: bytes
    client: str | None = None
    org: str | None = None
    user_id: str | None = None
    account: str | None = None
    browser: bytes
    locale: str | None = None
    created_at: datetime
    expires_at: datetime


def topic(session: str) -> str:
    """Where changes of a link session are announced."""
    return f"link_session:{session}"


def private_key_context(client: str | None, session: str) -> Context:
    """Sealed for its client, or for nobody where no app asked."""
    return Context("link_session_keys", client or "", session, "private_key")


class LinkSessionTable:
    """All SQL on `link_sessions`, `link_session_keys`, `link_session_keys_erased`."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self.db = db
        self.claims = Claims(db, WORK, SILENCE)
        self._vault = vault

    async def open(self, tx: Tx, opening: NewLinkSession) -> bool:
        """Begins the link session of a link token; False if it has one already."""
        private, public = new_pair()
        sql = """INSERT INTO link_sessions (id, purpose, link_token, client, org, user_id, account, browser, locale,
                                       created_at, expires_at, public_key, state)
                 VALUES (%(id)s, %(purpose)s, %(link_token)s, %(client)s, %(org)s, %(user_id)s, %(account)s,
                         %(browser)s, %(locale)s, %(created_at)s, %(expires_at)s, %(public_key)s, 'due')
                 ON CONFLICT (link_token) DO NOTHING"""
        row = {**msgspec.structs.asdict(opening), "public_key": public}
        if (await tx.execute(sql, row)).rowcount == 0:
            return False
        sealed = self._vault.seal(private, private_key_context(opening.client, opening.id))
        await tx.execute("INSERT INTO link_session_keys (link_session, sealed) VALUES (%s, %s)", (opening.id, sealed))
        return True

    async def take_over(self, link_token: bytes, browser: bytes) -> bool:
        """Until the first answer another opening takes the link session over: people reload, and previews look."""
        sql = "UPDATE link_sessions SET browser = %s WHERE link_token = %s AND NOT answered AND settled_at IS NULL"
        return await self.db.run(sql, (browser, link_token)) == 1

    async def by_id(self, id: str) -> LinkSession | None:  # noqa: A002
        return _session(await self.db.one(f"SELECT {COLUMNS} FROM link_sessions WHERE id = %s", (id,)))

    async def of_link_token(self, link_token: bytes) -> LinkSession | None:
        return _session(await self.db.one(f"SELECT {COLUMNS} FROM link_sessions WHERE link_token = %s", (link_token,)))

    async def recent(self) -> list[str]:
        """The ids of the latest ten thousand."""
        rows = await self.db.rows("SELECT id FROM link_sessions ORDER BY created_at DESC LIMIT 10000")
        return [row["id"] for row in rows]

    async def accept(self, tx: Tx, session: LinkSession, *, consented: bool, now: datetime) -> bool:
        """The open pane is answered: hand over to a worker. False if another answer was first."""
        sql = """UPDATE link_sessions SET state = 'due', answered = true, pane = NULL, version = version + 1,
                        consented_n = CASE WHEN %s THEN pane_n ELSE consented_n END
                 WHERE id = %s AND state IN ('waiting', 'polling') AND version = %s AND browser = %s
                   AND expires_at > %s"""
        params = (consented, session.id, session.version, session.browser, now)
        return (await tx.execute(sql, params)).rowcount == 1

    async def rewind(self, tx: Tx, session: LinkSession, *, keep_n: int, username: str | None, now: datetime) -> bool:
        """Tell the story again from entry `keep_n` + 1: the person wants another try, or another practice."""
        sql = """UPDATE link_sessions SET state = 'due', answered = true, pane = NULL, version = version + 1,
                        username = %s, consented_n = CASE WHEN %s < consented_n THEN NULL ELSE consented_n END
                 WHERE id = %s AND state IN ('waiting', 'polling') AND version = %s AND browser = %s
                   AND expires_at > %s"""
        params = (username, keep_n, session.id, session.version, session.browser, now)
        return (await tx.execute(sql, params)).rowcount == 1

    async def claim(self, id: str, now: datetime) -> LinkSession | None:  # noqa: A002
        """Takes a link session that has work to do; None if there is none, or another worker has it."""
        return _session(await self.claims.take(id, now=now))

    async def hurry(self, tx: Tx, session: LinkSession) -> bool:
        """A resting link session is to be told again now rather than later; its pane stays open."""
        sql = "UPDATE link_sessions SET state = 'due', version = version + 1 WHERE id = %s AND version = %s"
        return (await tx.execute(sql, (session.id, session.version))).rowcount == 1

    async def extend(self, session: LinkSession, now: datetime, until: datetime) -> bool:
        """Keeps a link session open that has not ended, once; False if it has ended or was kept open before."""
        sql = """UPDATE link_sessions SET expires_at = %s, extended = true
                 WHERE id = %s AND NOT extended AND settled_at IS NULL AND expires_at > %s"""
        return await self.db.run(sql, (until, session.id, now)) == 1

    async def speak(self, id: str, locale: str) -> None:  # noqa: A002
        """The language that the person chose."""
        await self.db.run("UPDATE link_sessions SET locale = %s WHERE id = %s", (locale, id))

    async def due(self, now: datetime) -> list[str]:
        """Link sessions that lost their wake-up or their worker."""
        return [row["id"] for row in await self.claims.swept(now=now)]

    async def show(
        self, tx: Tx, session: LinkSession, pane: Pane, n: int, found: ChosenEhr, *, wake_at: datetime | None = None
    ) -> None:
        """Gives the link session back with a pane to answer; with `wake_at`, to be told again by then."""
        state = "polling" if wake_at else "waiting"
        shown = {"pane": Jsonb(msgspec.to_builtins(pane)), "pane_n": n, "wake_at": wake_at}
        await self._release(tx, session, found, {"state": state, **shown})

    async def again(self, tx: Tx, session: LinkSession, found: ChosenEhr, notice: str, *, keep_n: int) -> None:
        """Gives the link session back to be told once more; the next pane says why (`notice` is a refusal's code)."""
        await self._release(tx, session, found, {"state": "due", **NO_PANE, "notice": notice})
        sql = "UPDATE link_sessions SET consented_n = NULL WHERE id = %s AND consented_n > %s"
        await tx.execute(sql, (session.id, keep_n))

    async def settle(
        self, tx: Tx, session: LinkSession, *, account: str, ehr_user_name: str, found: ChosenEhr, now: datetime
    ) -> None:
        """Granted: from here nothing in the journal opens, even with the master key in hand."""
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
        """A person's own link session has its list; nothing else of the sign-in is kept."""
        await self._release(tx, session, found, {"state": "signed_in", **NO_PANE})
        sql = """UPDATE link_sessions SET accounts = %s, ehr_user_name = %s, username = NULL, settled_at = %s,
                        expires_at = %s
                 WHERE id = %s"""
        await tx.execute(sql, (accounts, ehr_user_name, now, until, session.id))
        await self._erase(tx, [session.id])

    async def lock(self, tx: Tx, session: LinkSession) -> bool:
        """Holds the link session's row until the end of the transaction: whoever notes an event has to. Whether the
        row is still as `session` says."""
        sql = "SELECT version FROM link_sessions WHERE id = %s FOR UPDATE"
        row = await (await tx.execute(sql, (session.id,))).fetchone()
        return row is not None and row["version"] == session.version

    async def empty_connections(
        self, tx: Tx, state: Literal["left", "expired"], now: datetime, session: str | None
    ) -> list[str]:
        """Empties one own link_session, or with None all whose time is over; the rows stay to say so for a while.

        Gives their ids: the caller erases their journals.
        """
        sql = """UPDATE link_sessions SET state = %(state)s, pane = NULL, username = NULL, ehr_user_name = NULL,
                        connector = NULL, address = NULL, practice = NULL, accounts = '{}', claim = NULL,
                        version = version + 1,
                        settled_at = coalesce(settled_at, %(now)s)
                 WHERE purpose = 'connections' AND state <> 'expired'
                   AND CASE WHEN %(id)s::text IS NULL THEN expires_at <= %(now)s ELSE id = %(id)s END
                 RETURNING id"""
        rows = await (await tx.execute(sql, {"state": state, "now": now, "id": session})).fetchall()
        ids = [row["id"] for row in rows]
        await self._erase(tx, ids)
        for each in ids:
            await announce(tx, topic(each))
        return ids

    async def prune_connections(self, tx: Tx, before: datetime) -> list[bytes]:
        """Forgets that there were own link sessions which ended before then; their link tokens, for the events."""
        sql = "DELETE FROM link_sessions WHERE purpose = 'connections' AND expires_at < %s RETURNING link_token"
        return [row["link_token"] for row in await (await tx.execute(sql, (before,))).fetchall()]

    async def leave(self, tx: Tx, session: LinkSession, now: datetime) -> bool:
        """The person stops. A grant that is there already stays."""
        sql = """UPDATE link_sessions SET state = 'left', pane = NULL, username = NULL, version = version + 1,
                        claim = NULL, settled_at = %s
                 WHERE id = %s AND settled_at IS NULL"""
        if (await tx.execute(sql, (now, session.id))).rowcount == 0:
            return False
        await self._erase(tx, [session.id])
        await announce(tx, topic(session.id))
        return True

    async def expire(self, tx: Tx, now: datetime) -> list[bytes]:
        """Ends what was not finished in time; the link tokens of the ended ones."""
        sql = """UPDATE link_sessions SET state = 'expired', pane = NULL, username = NULL, claim = NULL, settled_at = %s
                 WHERE purpose = 'link' AND settled_at IS NULL AND expires_at <= %s RETURNING id, link_token"""
        ended = await (await tx.execute(sql, (now, now))).fetchall()
        await self._erase(tx, [row["id"] for row in ended])
        return [row["link_token"] for row in ended]

    async def prune(self, tx: Tx, before: datetime) -> None:
        """Forgets link sessions that settled before then, with their journal (S-098)."""
        await tx.execute("DELETE FROM link_sessions WHERE settled_at < %s", (before,))

    async def private_key(self, session: LinkSession) -> bytes | None:
        """Opens the link session's own key, for a worker only; None once the link session has settled."""
        row = await self.db.one("SELECT sealed FROM link_session_keys WHERE link_session = %s", (session.id,))
        return self._vault.open(row["sealed"], private_key_context(session.client, session.id)) if row else None

    async def erased(self) -> int:
        """The last key that was deleted and may still lie on the disk; 0 if there is none."""
        row = await self.db.one("SELECT coalesce(max(id), 0) AS last FROM link_session_keys_erased")
        return row["last"] if row else 0

    async def shredded(self, last: int) -> None:
        await self.db.run("DELETE FROM link_session_keys_erased WHERE id <= %s", (last,))

    async def _release(self, tx: Tx, session: LinkSession, found: ChosenEhr, changes: dict[str, Any]) -> None:
        sql = f"""UPDATE link_sessions SET {RELEASE}, version = version + 1, state = %(state)s,
                         pane = %(pane)s, pane_n = %(pane_n)s, wake_at = %(wake_at)s, connector = %(connector)s,
                         address = %(address)s, practice = %(practice)s, notice = %(notice)s
                  WHERE id = %(id)s AND {CLAIMED}"""
        kept = {"notice": None, **msgspec.structs.asdict(found)}
        await self.claims.settle(sql, {**kept, **changes, "id": session.id, "claim": session.claim}, tx)
        await announce(tx, topic(session.id))

    async def _erase(self, tx: Tx, ids: list[str]) -> None:
        sql = """WITH gone AS (DELETE FROM link_session_keys WHERE link_session = ANY(%s) RETURNING link_session)
                 INSERT INTO link_session_keys_erased SELECT FROM gone"""
        await tx.execute(sql, (ids,))


def is_working(session: LinkSession) -> bool:
    """Whether a worker has to act before the user can."""
    return session.state in ("due", "running")


async def close_pane(tx: Tx, session: LinkSession, n: int) -> None:
    """What pane `n` waited for has come: from here an answer to it is stale, and the page shows the steps."""
    sql = "UPDATE link_sessions SET pane = NULL, version = version + 1 WHERE id = %s AND claim = %s AND pane_n = %s"
    await tx.execute(sql, (session.id, session.claim, n))


def _session(row: Row | None) -> LinkSession | None:
    if row is None:
        return None
    row["pane"] = msgspec.convert(row["pane"], Pane) if row["pane"] else None
    return LinkSession(**row)
