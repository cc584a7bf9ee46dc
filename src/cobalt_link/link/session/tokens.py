"""Creates, looks up, and hands over link tokens and public tokens. Only keyed hashes of them are stored.

Concurrent new link tokens share one transaction. Each request is answered after its commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import LiteralString

import msgspec

from cobalt_link.kit import tokens
from cobalt_link.kit.clock import Clock
from cobalt_link.link.session import events
from cobalt_link.link.session.session import LinkSession
from cobalt_link.store.batches import delete_in_batches
from cobalt_link.store.database import Database, Tx, as_json
from cobalt_link.store.grouped import Grouped
from cobalt_link.vault import Context, Vault

LINK = "link_token"
PUBLIC = "public_token"
# A link session that a token opened in its last second may last so long, if the user keeps it open.
NAME_KEPT = timedelta(days=15)


class LinkToken(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `link_tokens`. `account` is set in update mode."""

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


class Tokens:
    """All SQL on `link_tokens`, `link_display_names`, and `public_tokens`, except for the exchange."""

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
        row = await self._db.one("SELECT * FROM link_tokens WHERE hash = %s", (session.link_token,))
        return LinkToken(**row) if row else None

    async def display_name(self, session: LinkSession) -> str | None:
        """For whom the link is, if the app said so."""
        row = await self._db.one("SELECT sealed FROM link_display_names WHERE link_token = %s", (session.link_token,))
        context = display_name_context(session.client or "", session.link_token)
        return self._vault.open(row["sealed"], context).decode() if row else None

    async def hand_over(self, session: LinkSession, env: str, via: str) -> str | None:
        """A new public token for a granted link session, or None if the session was exchanged. It replaces the earlier
        token with the same `via`."""
        token = tokens.mint(tokens.PUBLIC, env)
        row = {
            "hash": self._vault.fingerprint(PUBLIC, token), "link_session": session.id, "client": session.client,
            "via": via, "until": self._clock.now() + self._public_life,
        }  # fmt: skip
        async with self._db.transaction() as tx:
            handed = await (await tx.execute(HAND_OVER, row)).fetchone()
            if handed is not None and handed["first"]:
                await events.note(tx, session, "handed_over", self._clock.now())
        return token if handed is not None else None

    async def prune(self, now: datetime, before: datetime) -> None:
        """Deletes public tokens that expired by `now`, and link tokens that expired by `before` (S-098)."""
        await delete_in_batches(self._db, PRUNE_PUBLIC, {"before": now})
        await delete_in_batches(self._db, PRUNE_DISPLAY_NAMES, {"before": now})
        await delete_in_batches(self._db, PRUNE_LINK, {"before": before})

    async def delete_public(self, tx: Tx, sessions: list[str]) -> None:
        """Deletes the public tokens of link sessions that are deleted."""
        await tx.execute("DELETE FROM public_tokens WHERE link_session = ANY (%s)", (sessions,))


def sealed_token_context(client: str, link_token: bytes) -> Context:
    return Context("link_tokens", client, link_token.hex(), "access_token")


def display_name_context(client: str, link_token: bytes) -> Context:
    return Context("link_display_names", client, link_token.hex(), "display_name")


async def _insert(tx: Tx, rows: Sequence[tuple[LinkToken, bytes | None]]) -> Sequence[None]:
    tokens = as_json(row for row, _ in rows)
    names = [
        {"hash": row.hash, "sealed": sealed, "until": row.expires_at + NAME_KEPT} for row, sealed in rows if sealed
    ]
    # One statement in either case: most groups have no name.
    await tx.execute(
        *((f"WITH tokens AS ({INSERT}) {INSERT_NAMES}", (tokens, as_json(names))) if names else (INSERT, (tokens,)))
    )
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

PRUNE_PUBLIC = """
DELETE FROM public_tokens WHERE expires_at <= %(before)s AND hash = ANY (ARRAY(
    SELECT hash FROM public_tokens WHERE expires_at <= %(before)s ORDER BY expires_at LIMIT %(most)s))"""
PRUNE_DISPLAY_NAMES = """
DELETE FROM link_display_names WHERE link_token = ANY (ARRAY(
    SELECT link_token FROM link_display_names WHERE expires_at <= %(before)s ORDER BY expires_at LIMIT %(most)s))"""
PRUNE_LINK = """
DELETE FROM link_tokens WHERE hash = ANY (ARRAY(
    SELECT hash FROM link_tokens WHERE expires_at <= %(before)s ORDER BY expires_at LIMIT %(most)s))"""

# FOR UPDATE keeps the events in order: `events.note` needs the lock on the link session's row.
HAND_OVER = """
INSERT INTO public_tokens (hash, link_session, client, via, expires_at)
SELECT %(hash)s, id, client, %(via)s, %(until)s FROM link_sessions
WHERE id = %(link_session)s AND granted IS NOT NULL AND exchanged_at IS NULL
FOR UPDATE
ON CONFLICT (link_session, via) DO UPDATE SET hash = excluded.hash, expires_at = excluded.expires_at
RETURNING xmax = 0 AS first
"""

# For each row of the CTE `exchanged` in update mode: the exchange returns the access token, so its copy is erased.
ERASE: LiteralString = """
UPDATE link_tokens SET sealed_access_token = NULL FROM exchanged
WHERE hash = exchanged.link_token AND exchanged.account IS NOT NULL"""
