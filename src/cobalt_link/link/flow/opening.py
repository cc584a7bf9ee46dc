"""Opens link sessions: with a link token, by an EHR, or for a user who comes to `/connections`.

A session belongs to the browser that gives its first answer. Until then every browser that opens its link token may see
it, each with a secret of its own, so a link preview or a mail scanner takes nothing from the user.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from secrets import token_bytes
from typing import Any, Literal, TypeAlias

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
from cobalt_link.store.database import Tx

Noted: TypeAlias = Callable[[Tx, NewLinkSession], Awaitable[bool]]
"""Writes down why a session begins, in its transaction. False: it must not begin."""
NotOpenedReason = Literal["link_unknown", "link_expired", "link_used", "other_browser", "origin_not_registered"]


class NotOpened(msgspec.Struct, frozen=True):
    """The token opens nothing. `why` is the page to show, `client` whose token it was. `strange` are the origins that
    this client has not registered."""

    why: NotOpenedReason
    client: str | None = None
    strange: Sequence[str] = ()


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

    async def open(
        self, token: str, cookies: Mapping[str, str], around: Sequence[str] = ()
    ) -> SessionOpened | NotOpened:
        """Opens a link token. `around` are the origins of the pages around a frame."""
        row = await self._tokens.look_up(token)
        client = await self._deps.clients.by_id(row.client) if row else None
        if row is None or client is None or client.disabled_at is not None:
            return NotOpened("link_unknown")
        if strange := [each for each in around if each not in client.origins]:
            return NotOpened("origin_not_registered", row.client, strange)
        session = await self._sessions.of_link_token(row.hash)
        if session is None:
            if row.expires_at <= self._deps.clock.now():
                return NotOpened("link_expired", row.client)
            if opened := await self._begin(row):
                return opened
            return await self.open(token, cookies)  # two openings at once, and this one came second
        if self._browsers.secret_in(session, cookies):
            return SessionOpened(session.id, None, row.client)
        if session.state in ("granted", "left"):
            return NotOpened("link_used", row.client)
        if session.state == "expired" or session.expires_at <= self._deps.clock.now():
            return NotOpened("link_expired", row.client)
        if session.browser:
            return NotOpened("other_browser", row.client)
        return SessionOpened(session.id, self._browsers.new_secret(session.id), row.client)

    async def open_connections(self, locale: str | None) -> SessionOpened:
        """Begins a session for which no app asked. Its link token is random and nobody has it."""
        new = self._new("connections", link_token=token_bytes(32), locale=locale)
        await self._store(new)
        return SessionOpened(new.id, self._browsers.new_secret(new.id))

    async def open_launch(self, row: LinkToken, noted: Noted) -> SessionOpened | None:
        """Begins a session for a user whom an EHR sends. Nobody has its link token. None if `noted` says that somebody
        was first."""
        return await self._begin(row, "ehr_launch", noted)

    async def again(self, session_id: str, cookies: Mapping[str, str]) -> SessionOpened | None:
        """A browser comes back to a session that it has opened. None if another browser did."""
        session = await self._sessions.by_id(session_id)
        known = session is not None and self._browsers.secret_in(session, cookies)
        return SessionOpened(session_id, None) if known else None

    async def _begin(
        self, row: LinkToken, purpose: Purpose = "link", noted: Noted | None = None
    ) -> SessionOpened | None:
        new = self._new(
            purpose,
            row.expires_at,
            link_token=row.hash,
            client=row.client,
            org=row.org,
            user_id=row.user_id,
            account=row.account,
            locale=row.locale,
        )
        opened = SessionOpened(new.id, self._browsers.new_secret(new.id), row.client)
        return opened if await self._store(new, noted) else None

    def _new(self, purpose: Purpose, at_least: datetime | None = None, **more: Any) -> NewLinkSession:
        """A new session. Until its first answer it lives as long as its link token, `at_least`: a mail scanner may open
        the token days before its user."""
        now = self._deps.clock.now()
        until = now + self._flows[purpose].lifetime
        until = max(until, at_least or until)
        return NewLinkSession(id=dated_id(now), purpose=purpose, created_at=now, expires_at=until, **more)

    async def _store(self, new: NewLinkSession, noted: Noted | None = None) -> bool:
        async with self._deps.db.transaction() as tx:
            if noted is not None and not await noted(tx, new):
                return False
            if not await self._sessions.open(tx, new):
                return False
            await events.note(tx, new, "opened", new.created_at)
            here = await self._queue.wake(tx, new.id)
        self._queue.start(new.id, here)
        return True
