"""Creates, looks up, and hands over link tokens and public tokens. Only keyed hashes of them are stored.

Concurrent new link tokens share one transaction. Each request is answered after its commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Literal, LiteralString

import msgspec

from cobalt_link.kit import tokens
from cobalt_link.kit.clock import Clock
from cobalt_link.link.session import events, sessions
from cobalt_link.link.session.session import LinkSession
from cobalt_link.store.batches import delete_in_batches
from cobalt_link.store.database import Database, Tx, as_json
from cobalt_link.store.grouped import Grouped
from cobalt_link.vault import Context, Vault

LINK = "link_token"
PUBLIC = "public_token"
# A link session that a token opened in its last second may last so long, if the user keeps it open.
NAME_KEPT = timedelta(days=15)
MOST_PUBLIC_TOKENS = 100  # of one link session, in each way

Via = Literal["browser", "server"]


class LinkToken(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `link_tokens`. `account` is set in update mode. `show_summary` is in `link_summaries`."""

    hash: bytes
    client: str
    created_at: datetime
    expires_at: datetime
    org: str | None = None
    user_id: str | None = None
    account: str | None = None
    sealed_access_token: bytes | None = None
    callback_url: str | None = None
    state: str | None = None
    locale: str | None = None
    show_summary: bool = False


class Tokens:
    """All SQL on `link_tokens`, `link_display_names`, `link_summaries`, and `public_tokens`, except the exchange's."""

    def __init__(self, db: Database, vault: Vault, clock: Clock, *, public_minutes: int) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._public_life = timedelta(minutes=public_minutes)
        self._insert = Grouped(db, _insert, single=True)

    async def create(
        self, env: str, row: LinkToken, *, display_name: str | None = None, access_token: str | None = None
    ) -> str:
        """A new link token. Replaces `row.hash` by its hash. Two values are stored sealed: `display_name`, for whom the
        link is, and in update mode `access_token`, which the app sent and the exchange answers with."""
        token = tokens.mint(tokens.LINK, env)
        hashed = self._vault.fingerprint(LINK, token)
        sealed = self._sealed(access_token, sealed_token_context(row.client, hashed))
        name = self._sealed(display_name, display_name_context(row.client, hashed))
        await self._insert((msgspec.structs.replace(row, hash=hashed, sealed_access_token=sealed), name))
        return token

    def _sealed(self, text: str | None, context: Context) -> bytes | None:
        return self._vault.seal(text.encode(), context) if text else None

    async def look_up(self, token: str, client: str | None = None) -> LinkToken | None:
        """The row of a link token, expired or not. With `client`, only if the token belongs to that client."""
        if not tokens.well_formed(token, tokens.LINK):
            return None
        sql = "SELECT * FROM link_tokens WHERE hash = ANY(%s) AND (%s::text IS NULL OR client = %s)"
        row = await self._db.one(sql, (self._vault.fingerprints(LINK, token), client, client))
        return LinkToken(**row) if row else None

    async def of_session(self, session: LinkSession) -> LinkToken | None:
        row = await self._db.one(OF_SESSION, (session.link_token,))
        return LinkToken(**row) if row else None

    async def display_name(self, session: LinkSession) -> str | None:
        """For whom the link is, if the app said so."""
        row = await self._db.one("SELECT sealed FROM link_display_names WHERE link_token = %s", (session.link_token,))
        context = display_name_context(session.client or "", session.link_token)
        return self._vault.open(row["sealed"], context).decode() if row else None

    async def hand_over(self, session: LinkSession, env: str, via: Via, *, first: bool = False) -> str | None:
        """A new public token for a granted link session, or None if the session was exchanged. The earlier ones stay
        valid. `first`: None too if a browser was sent to the app before."""
        token = tokens.mint(tokens.PUBLIC, env)
        row = {
            "hash": self._vault.fingerprint(PUBLIC, token), "link_session": session.id, "client": session.client,
            "via": via, "slot": f"{via}:{token_hex(4)}", "first": first, "now": self._clock.now(),
            "until": self._clock.now() + self._public_life, "most": MOST_PUBLIC_TOKENS,
        }  # fmt: skip
        async with self._db.transaction() as tx:
            # The lock comes first, so that the statement after it sees what a hand-over at the same time did.
            if (
                await (await tx.execute(sessions.RETURNS if via == "browser" else sessions.GRANTED, row)).fetchone()
                is None
            ):
                return None
            handed = await (await tx.execute(HAND_OVER, row)).fetchone()
            if handed is not None and handed["earlier"] == 0:
                await events.note(tx, session, "handed_over", self._clock.now())
        return token

    async def prune(self, now: datetime, before: datetime) -> None:
        """Deletes public tokens that expired by `now`, and link tokens that expired by `before` (S-098)."""
        await delete_in_batches(self._db, PRUNE_PUBLIC, {"before": now})
        await delete_in_batches(self._db, PRUNE_DISPLAY_NAMES, {"before": now})
        await delete_in_batches(self._db, PRUNE_SUMMARIES, {"before": before})
        await delete_in_batches(self._db, PRUNE_LINK, {"before": before})

    async def delete_public(self, tx: Tx, sessions: list[str]) -> None:
        """Deletes the public tokens of link sessions that are deleted."""
        await tx.execute("DELETE FROM public_tokens WHERE link_session = ANY (%s)", (sessions,))


def sealed_token_context(client: str, link_token: bytes) -> Context:
    return Context("link_tokens", client, link_token.hex(), "access_token")


def display_name_context(client: str, link_token: bytes) -> Context:
    return Context("link_display_names", client, link_token.hex(), "display_name")


async def _insert(tx: Tx, rows: Sequence[tuple[LinkToken, bytes | None]]) -> Sequence[None]:
    names = [
        {"hash": row.hash, "sealed": sealed, "until": row.expires_at + NAME_KEPT} for row, sealed in rows if sealed
    ]
    summaries = [row for row, _ in rows if row.show_summary]
    # One statement in either case: most groups have no name and no summary.
    given = [as_json(row for row, _ in rows)]
    if names or summaries:
        await tx.execute(INSERT_ALL, (*given, as_json(names), as_json(summaries)))
    else:
        await tx.execute(INSERT, given)
    return [None] * len(rows)


INSERT: LiteralString = """
INSERT INTO link_tokens (hash, client, created_at, expires_at, org, user_id, account, sealed_access_token, callback_url,
                         state, locale)
SELECT decode(hash, 'base64'), client, created_at, expires_at, org, user_id, account,
       decode(sealed_access_token, 'base64'), callback_url, state, locale
FROM json_to_recordset(%s::json) AS t (
    hash text, client text, created_at timestamptz, expires_at timestamptz, org text, user_id text, account text,
    sealed_access_token text, callback_url text, state text, locale text)
"""
INSERT_NAMES: LiteralString = """
INSERT INTO link_display_names (link_token, sealed, expires_at)
SELECT decode(hash, 'base64'), decode(sealed, 'base64'), until
FROM json_to_recordset(%s::json) AS t (hash text, sealed text, until timestamptz)
"""
INSERT_SUMMARIES: LiteralString = """
INSERT INTO link_summaries (link_token, expires_at)
SELECT decode(hash, 'base64'), expires_at FROM json_to_recordset(%s::json) AS t (hash text, expires_at timestamptz)
"""
INSERT_ALL: LiteralString = f"WITH tokens AS ({INSERT}), names AS ({INSERT_NAMES}) {INSERT_SUMMARIES}"
OF_SESSION = """
SELECT *, EXISTS (SELECT FROM link_summaries WHERE link_token = hash) AS show_summary FROM link_tokens WHERE hash = %s
"""

PRUNE_PUBLIC = """
DELETE FROM public_tokens WHERE expires_at <= %(before)s AND hash = ANY (ARRAY(
    SELECT hash FROM public_tokens WHERE expires_at <= %(before)s ORDER BY expires_at LIMIT %(most)s))"""
PRUNE_DISPLAY_NAMES = """
DELETE FROM link_display_names WHERE link_token = ANY (ARRAY(
    SELECT link_token FROM link_display_names WHERE expires_at <= %(before)s ORDER BY expires_at LIMIT %(most)s))"""
PRUNE_SUMMARIES = """
DELETE FROM link_summaries WHERE link_token = ANY (ARRAY(
    SELECT link_token FROM link_summaries WHERE expires_at <= %(before)s ORDER BY expires_at LIMIT %(most)s))"""
PRUNE_LINK = """
DELETE FROM link_tokens WHERE hash = ANY (ARRAY(
    SELECT hash FROM link_tokens WHERE expires_at <= %(before)s ORDER BY expires_at LIMIT %(most)s))"""

HAND_OVER = """
WITH earlier AS (
    SELECT hash, row_number() OVER (ORDER BY expires_at DESC) AS n FROM public_tokens
    WHERE link_session = %(link_session)s AND starts_with(via, %(via)s)
), dropped AS (
    DELETE FROM public_tokens WHERE hash = ANY (ARRAY(SELECT hash FROM earlier WHERE n >= %(most)s))
)
INSERT INTO public_tokens (hash, link_session, client, via, expires_at)
VALUES (%(hash)s, %(link_session)s, %(client)s, %(slot)s, %(until)s)
RETURNING (SELECT count(*) FROM earlier) AS earlier
"""

# For each row of the CTE `exchanged` in update mode: the exchange returns the access token, so its copy is erased.
ERASE: LiteralString = """
UPDATE link_tokens SET sealed_access_token = NULL FROM exchanged
WHERE hash = exchanged.link_token AND exchanged.account IS NOT NULL"""
