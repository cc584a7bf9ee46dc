"""The browsers that are at an EHR's authorization server, and how one proves that it is the one that went there.

Each time a browser goes there it gets a `state` of its own for the address, and a secret for its cookies. Only keyed
hashes of both are stored. The first return with both takes the row away (RFC 6749 §10.12, RFC 9700 §4.7; S-019).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_urlsafe
from typing import LiteralString

import msgspec

from cobalt_link.link.session.session import LinkSession
from cobalt_link.store.batches import delete_in_batches
from cobalt_link.store.database import Database
from cobalt_link.vault import Vault

STATE, BROWSER = "redirect state", "redirect browser"
MOST = 20  # of one pane: a user who loses a window opens another
KEPT = timedelta(days=1)  # longer than any link session stays open

BEGIN: LiteralString = """
WITH dropped AS (
    DELETE FROM link_redirects WHERE state = ANY (ARRAY(
        SELECT state FROM link_redirects WHERE link_session = %(session)s ORDER BY at DESC, state OFFSET %(most)s))
)
INSERT INTO link_redirects (state, link_session, pane_n, registration, browser, owner, framed, at)
VALUES (%(state)s, %(session)s, %(n)s, %(registration)s, %(browser)s, %(owner)s, %(framed)s, %(now)s)"""
TAKE: LiteralString = """
DELETE FROM link_redirects
WHERE state = ANY (%(states)s) AND registration = %(registration)s AND browser = ANY (%(browsers)s) AND at > %(since)s
RETURNING link_session, pane_n, owner, framed"""
BEGUN: LiteralString = "SELECT FROM link_redirects WHERE link_session = %s AND pane_n = %s AND framed LIMIT 1"
PRUNE: LiteralString = """
DELETE FROM link_redirects WHERE at < %(before)s AND ctid = ANY (ARRAY(
    SELECT ctid FROM link_redirects WHERE at < %(before)s ORDER BY at LIMIT %(most)s))"""


class Departure(msgspec.Struct, frozen=True):
    """What a browser takes along: `state` in the address, and `secret` in a cookie."""

    state: str
    secret: str

    @property
    def cookie(self) -> str:
        return cookie_of(self.state)


class Arrival(msgspec.Struct, frozen=True):
    """Where a browser that came back belongs: the pane of a session, and the browser that owns it. `framed`: it is a
    window beside a page in a frame."""

    link_session: str
    pane_n: int
    owner: bytes
    framed: bool


class LinkRedirects:
    """All SQL on `link_redirects`."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    async def begin(self, session: LinkSession, registration: str, now: datetime, *, framed: bool) -> Departure:
        """`session` as the browser sees it: its `browser` is the hash of the page that the user left."""
        departure = Departure(token_urlsafe(32), token_urlsafe(32))
        row = {
            "state": self._vault.fingerprint(STATE, departure.state),
            "session": session.id,
            "n": session.pane_n,
            "registration": registration,
            "browser": self._vault.fingerprint(BROWSER, departure.secret),
            "owner": session.browser,
            "framed": framed,
            "now": now,
            "most": MOST - 1,
        }
        await self._db.run(BEGIN, row)
        return departure

    async def take(self, registration: str, state: str, cookies: Mapping[str, str], now: datetime) -> Arrival | None:
        """Ends a trip, once. None if the state is unknown or used, belongs to another registration or browser."""
        secret = next((cookies[name] for name in _names(state) if name in cookies), "")
        given = {
            "states": self._vault.fingerprints(STATE, state),
            "registration": registration,
            "browsers": self._vault.fingerprints(BROWSER, secret),
            "since": now - KEPT,
        }
        row = await self._db.one(TAKE, given)
        return msgspec.convert(row, Arrival) if row else None

    async def has_window(self, session: LinkSession) -> bool:
        """Whether a window beside the frame went to the EHR for the open pane, and has not come back."""
        return await self._db.one(BEGUN, (session.id, session.pane_n)) is not None

    async def prune(self, now: datetime) -> None:
        await delete_in_batches(self._db, PRUNE, {"before": now - KEPT})


def cookie_of(state: str, *, secure: bool = False) -> str:
    """Each trip has its own cookie, so that two windows do not overwrite each other's secret."""
    return f"{'__Host-' if secure else ''}cobalt_r{sha256(state.encode()).hexdigest()[:12]}"


def _names(state: str) -> tuple[str, str]:
    return cookie_of(state, secure=True), cookie_of(state)
