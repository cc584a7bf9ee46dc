"""Opens link sessions: with a link token, or for a user who comes to `/connections`.

A session belongs to the browser that gives its first answer. Until then every opening of its link token takes it over.
"""

from __future__ import annotations

from collections.abc import Mapping
from secrets import token_bytes
from typing import Any, Literal

import msgspec

from cobalt_link.kit.ids import dated_id
from cobalt_link.link.deps import LinkDeps
from cobalt_link.link.flow.flow import Flows
from cobalt_link.link.flow.queue import SessionQueue
from cobalt_link.link.session import events
from cobalt_link.link.session.browser import Browsers
from cobalt_link.link.session.session import NewLinkSession, Purpose
from cobalt_link.link.session.sessions import LinkSessionTable
from cobalt_link.link.session.tokens import LinkToken, Tokens

NotOpenedReason = Literal["link_unknown", "link_expired", "link_used", "other_browser"]


class NotOpened(msgspec.Struct, frozen=True):
    """The token opens nothing. `why` is the page to show, `client` whose token it was."""

    why: NotOpenedReason
    client: str | None = None


class SessionOpened(msgspec.Struct, frozen=True):
    """The session to go on with, and the client that asked. `secret` is new for the cookie; None if the browser has
    it already."""

    session_id: str
    secret: str | None
    client: str | None = None


class SessionOpening:
    """Makes sessions, and lets browsers into them."""

    def __init__(
        self,
        deps: LinkDeps,
        sessions: LinkSessionTable,
        tokens: Tokens,
        browsers: Browsers,
        flows: Flows,
        queue: SessionQueue,
    ) -> None:
        self._deps = deps
        self._sessions = sessions
        self._tokens = tokens
        self._browsers = browsers
        self._flows = flows
        self._queue = queue

    async def open(self, token: str, cookies: Mapping[str, str]) -> SessionOpened | NotOpened:
        """Opens a link token."""
        row = await self._tokens.look_up(token)
        if row is None:
            return NotOpened("link_unknown")
        session = await self._sessions.of_link_token(row.hash)
        if session is None:
            if row.expires_at <= self._deps.clock.now():
                return NotOpened("link_expired", row.client)
            if opened := await self._begin(row):
                return opened
            # Two openings at once: this one came second, and takes over like any later one.
            return await self.open(token, cookies)
        if self._browsers.owns(session, cookies):
            return SessionOpened(session.id, None, row.client)
        if session.state in ("granted", "left"):
            return NotOpened("link_used", row.client)
        if session.state == "expired" or session.expires_at <= self._deps.clock.now():
            return NotOpened("link_expired", row.client)
        secret, hashed = self._browsers.new_secret(session.id)
        if await self._sessions.take_over(row.hash, hashed):
            return SessionOpened(session.id, secret, row.client)
        return NotOpened("other_browser", row.client)

    async def open_connections(self, locale: str | None) -> SessionOpened:
        """Begins a session for which no app asked. Its link token is random and nobody has it."""
        new, secret = self._new("connections", link_token=token_bytes(32), locale=locale)
        await self._store(new)
        return SessionOpened(new.id, secret)

    async def _begin(self, row: LinkToken) -> SessionOpened | None:
        new, secret = self._new(
            "link",
            link_token=row.hash,
            client=row.client,
            org=row.org,
            user_id=row.user_id,
            account=row.account,
            locale=row.locale,
        )
        return SessionOpened(new.id, secret, row.client) if await self._store(new) else None

    def _new(self, purpose: Purpose, **more: Any) -> tuple[NewLinkSession, str]:
        """A new session, and the secret of its browser."""
        now = self._deps.clock.now()
        session_id = dated_id(now)
        secret, hashed = self._browsers.new_secret(session_id)
        until = now + self._flows[purpose].lifetime
        new = NewLinkSession(id=session_id, purpose=purpose, browser=hashed, created_at=now, expires_at=until, **more)
        return new, secret

    async def _store(self, new: NewLinkSession) -> bool:
        async with self._deps.db.transaction() as tx:
            if not await self._sessions.open(tx, new):
                return False
            await events.note(tx, new, "opened", new.created_at)
            here = await self._queue.wake(tx, new.id)
        self._queue.start(new.id, here)
        return True
