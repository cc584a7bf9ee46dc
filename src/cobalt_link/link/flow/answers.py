"""A person's browser at a link session: who may see it, what an answer does, and how it ends.

A link session belongs to the browser that gave its first answer: a secret in a cookie, of which only a keyed hash
rests.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from hmac import compare_digest
from secrets import token_bytes, token_urlsafe
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit, urlunsplit

import msgspec

from cobalt_link.connector.panes import Answer, Consent, Message, Pane, Picker, WaitingAnswer
from cobalt_link.jobs.queue import Jobs
from cobalt_link.kit.clock import Clock
from cobalt_link.kit.ids import new_id
from cobalt_link.link.flow.runner import RUN_SESSION
from cobalt_link.link.session import events
from cobalt_link.link.session.journal import forget_after, forget_all, note_answer
from cobalt_link.link.session.journal import lines as journal_lines
from cobalt_link.link.session.sessions import OWN_LIFE, LinkSession, LinkSessionTable, NewLinkSession, topic
from cobalt_link.link.session.tokens import LinkToken, Tokens
from cobalt_link.signin.journal import JournalEntry
from cobalt_link.signin.replay import WaitResult, encoded
from cobalt_link.store.database import Database, Tx
from cobalt_link.store.signals import Signals
from cobalt_link.vault import Vault

BROWSER = "browser"
PATIENCE = 25.0  # seconds for a poll that is running when an answer comes: longer than the EHR has for it
CHECKED = 3.0  # seconds
SLOW = timedelta(seconds=20)
MOST = 10_000  # callbacks that are remembered

NotOpenedReason = Literal["link_unknown", "link_expired", "link_used", "other_browser"]


class NotOpened(msgspec.Struct, frozen=True):
    """Nobody gets in here; `why` is the page to show, `client` whose token it was."""

    why: NotOpenedReason
    client: str | None = None


class SessionOpened(msgspec.Struct, frozen=True):
    """The link session to go on with, and whose it is ("" for a person's own); `secret` is new for the cookie, or None
    when the browser has it already."""

    session_id: str
    secret: str | None
    client: str = ""


class SessionAnswers:
    """What the hosted pages do."""

    def __init__(
        self,
        db: Database,
        vault: Vault,
        clock: Clock,
        jobs: Jobs,
        signals: Signals,
        tokens: Tokens,
        sessions: LinkSessionTable,
        *,
        minutes: int,
    ) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._jobs = jobs
        self._signals = signals
        self._tokens = tokens
        self._sessions = sessions
        self._life = timedelta(minutes=minutes)
        self._callbacks: dict[bytes, str | None] = {}

    async def enter(self, token: str, cookies: Mapping[str, str]) -> SessionOpened | NotOpened:
        """Opens a link token. Until the first answer another opening takes the link session over."""
        row = await self._tokens.look_up(token)
        if row is None:
            return NotOpened("link_unknown")
        session = await self._sessions.of_link_token(row.hash)
        if session is None:
            if row.expires_at <= self._clock.now():
                return NotOpened("link_expired", row.client)
            if begun := await self._begin(row):
                return begun
            # Two openings at once: this one came second, and takes over like any later one.
            return await self.enter(token, cookies)
        if self.is_own(session, cookies):
            return SessionOpened(session.id, None, row.client)
        if session.state in ("granted", "left"):
            return NotOpened("link_used", row.client)
        if session.state == "expired" or session.expires_at <= self._clock.now():
            return NotOpened("link_expired", row.client)
        secret = token_urlsafe(32)
        if await self._sessions.take_over(row.hash, self._vault.fingerprint(BROWSER, secret, session.id)):
            return SessionOpened(session.id, secret, row.client)
        return NotOpened("other_browser", row.client)

    def is_own(self, session: LinkSession, cookies: Mapping[str, str]) -> bool:
        """Whether this browser's cookie is the link session's."""
        return self.secret_in(session, cookies) is not None

    def secret_in(self, session: LinkSession, cookies: Mapping[str, str]) -> str | None:
        """The link session's secret, if this browser has it: a window and a frame keep it under different names."""
        for name in (cookie_name(session.id), cookie_name(session.id, secure=True)):
            secret = cookies.get(name)
            hashes = self._vault.fingerprints(BROWSER, secret, session.id) if secret else []
            if any(compare_digest(session.browser, each) for each in hashes):
                return secret
        return None

    def form_token(self, session: LinkSession) -> str:
        """Stands in every form, for the browsers that say neither Sec-Fetch-Site nor Origin."""
        return self._vault.fingerprint("form", session.browser, session.id).hex()[:40]

    async def find(self, session_id: str) -> LinkSession | None:
        return await self._sessions.by_id(session_id)

    async def settled_down(self, session_id: str, seconds: float) -> LinkSession | None:
        """The link session as soon as no worker is at it, or as it is after so many seconds."""
        deadline = asyncio.get_running_loop().time() + seconds
        with self._signals.watch(topic(session_id)) as watch:
            while (session := await self.find(session_id)) and is_working(session):
                left = deadline - asyncio.get_running_loop().time()
                if left <= 0:
                    break
                # LISTEN may be deaf behind a transaction pooler: look again every half second.
                await watch.changed(min(left, 0.5))
        return session

    async def moved_on(self, session: LinkSession, seconds: float) -> None:
        """Returns when another pane is open than the one of `session`, or after so many seconds."""
        deadline = asyncio.get_running_loop().time() + seconds
        with self._signals.watch(topic(session.id)) as watch:
            while (now := await self.find(session.id)) and now.pane_n == session.pane_n and now.pane == session.pane:
                left = deadline - asyncio.get_running_loop().time()
                if left <= 0:
                    return
                await watch.changed(min(left, 0.5))

    async def events(self, session: LinkSession) -> list[events.Event]:
        """What happened in the session so far."""
        return await events.listed(self._db, session.link_token)

    async def steps(self, session_id: str, seconds: float) -> AsyncIterator[str]:
        """The names of the sign-in's steps as they start, until the person is needed again or time is up."""
        deadline, sent = asyncio.get_running_loop().time() + seconds, 0
        with self._signals.watch(topic(session_id)) as watch:
            while True:
                session = await self.find(session_id)
                steps = await self._deeds(session_id, session)
                for name in steps[sent:]:
                    yield name
                sent = max(sent, len(steps))
                left = deadline - asyncio.get_running_loop().time()
                if session is None or not is_working(session) or left <= 0:
                    return
                await watch.changed(min(left, 0.5))

    async def is_slow(self, session: LinkSession) -> bool:
        """Whether the step that runs has been running for long: people should know that nothing is expected of them."""
        lines = await journal_lines(self._db, session.id)
        return bool(lines) and lines[-1]["state"] == "open" and lines[-1]["began_at"] <= self._clock.now() - SLOW

    async def open_own(self, locale: str | None) -> SessionOpened:
        """Begins a person's way to their own connections."""
        opening, secret = self._opening(OWN_LIFE, link_token=token_bytes(32), purpose="connections", locale=locale)
        await self._open(opening)
        return SessionOpened(opening.id, secret)

    async def answer(self, session: LinkSession, n: int, answer: Answer) -> bool:
        """Records an answer to pane `n` and wakes a worker; False if that pane is no longer open."""
        current = await self._quiet(session, session, n)
        while current is not None:
            if await (self._check(current) if _is_check(current, answer) else self._take(current, answer)):
                return True
            current = await self._quiet(session, await self.find(session.id), n)
        return False

    async def again(self, session: LinkSession, n: int, *, elsewhere: bool = False) -> bool:
        """Another try from the sign-in on, or, `elsewhere`, from the choice of the practice."""
        current = await self._quiet(session, session, n)
        while current is not None:
            if await self._rewind(current, elsewhere):
                return True
            current = await self._quiet(session, await self.find(session.id), n)
        return False

    async def leave(self, session: LinkSession) -> None:
        """Ends the link session; what was typed no longer opens."""
        async with self._db.transaction() as tx:
            if session.is_own:
                await forget_all(tx, await self._sessions.forget_own(tx, "left", self._clock.now(), session.id))
            elif await self._sessions.leave(tx, session, self._clock.now()):
                await events.note(tx, session.link_token, "left", self._clock.now())

    async def stay(self, session: LinkSession) -> bool:
        """Keeps the link session open for as long again as it had at first, from now on, once (WCAG 2.2, 2.2.1)."""
        now = self._clock.now()
        return await self._sessions.extend(session, now, now + (OWN_LIFE if session.is_own else self._life))

    async def speak(self, session: LinkSession, locale: str) -> None:
        await self._sessions.speak(session.id, locale)

    async def finish(self, session: LinkSession, env: str) -> tuple[str | None, str | None]:
        """The public token, and the callback address with it: each None where there is none."""
        token = await self._tokens.of_attempt(session)
        public = await self._tokens.hand_over(session, env, "browser")
        callback = token.callback_url if token else None
        if public is None or callback is None:
            return public, None
        state = {"state": token.state} if token and token.state else {}
        return public, _with_query(callback, {"token": public, "public_token": public, **state})

    async def back_url(self, session: LinkSession) -> str | None:
        """Where the app lives, for those who leave: the callback's origin."""
        token = await self._tokens.of_attempt(session)
        parts = urlsplit(token.callback_url) if token and token.callback_url else None
        return f"{parts.scheme}://{parts.netloc}/" if parts else None

    async def callback(self, session: LinkSession) -> str | None:
        """Where the app wants the person back. Every page needs it for its headers, and it never changes."""
        if session.link_token not in self._callbacks:
            if len(self._callbacks) >= MOST:
                self._callbacks.clear()
            token = await self._tokens.of_attempt(session)
            self._callbacks[session.link_token] = token.callback_url if token else None
        return self._callbacks[session.link_token]

    async def _deeds(self, session_id: str, session: LinkSession | None) -> list[str]:
        after = (session.consented_n or 0) if session else 0
        lines = await journal_lines(self._db, session_id)
        return [
            line["name"] for line in lines if line["kind"] == "step" and line["n"] > after and line["name"][0] != "_"
        ]

    async def _take(self, current: LinkSession, answer: Answer) -> bool:
        pane, n, now = current.pane, current.pane_n or 0, self._clock.now()
        assert pane is not None
        # Another try goes back to the consent, or where nobody asks for one to the EHR that was picked.
        is_kept = isinstance(pane, Picker) if current.is_own else pane == Consent(problem=pane.problem)
        async with self._db.transaction() as tx:
            if not await self._sessions.accept(tx, current, consented=is_kept, now=now):
                return False
            await note_answer(tx, current, _entry(current, pane, n, answer), now)
            await events.note(tx, current.link_token, "answered", now, pane=pane.name)
            here = await self._wake(tx, current.id)
        self._start(current.id, here)
        return True

    async def _check(self, current: LinkSession) -> bool:
        """The person says that it is done: the EHR is asked at once, and what comes of it is worth a moment."""
        async with self._db.transaction() as tx:
            if not await self._sessions.hurry(tx, current):
                return False
            here = await self._wake(tx, current.id)
        self._start(current.id, here)
        await self.settled_down(current.id, CHECKED)
        return True

    async def _rewind(self, current: LinkSession, elsewhere: bool) -> bool:
        keep_n = 0 if elsewhere else current.consented_n or 0
        typed = current.pane.details.get("user") if isinstance(current.pane, Message) else None
        username = None if elsewhere or typed is None else str(typed)
        now = self._clock.now()
        async with self._db.transaction() as tx:
            if not await self._sessions.rewind(tx, current, keep_n=keep_n, username=username, now=now):
                return False
            await forget_after(tx, current.id, keep_n)
            await events.note(tx, current.link_token, "again", now)
            here = await self._wake(tx, current.id)
        self._start(current.id, here)
        return True

    async def _begin(self, row: LinkToken) -> SessionOpened | None:
        opening, secret = self._opening(
            self._life,
            link_token=row.hash,
            client=row.client,
            org=row.org or "",
            user_id=row.user_id or "",
            account=row.account,
            locale=row.locale,
        )
        return SessionOpened(opening.id, secret, row.client) if await self._open(opening) else None

    def _opening(self, life: timedelta, **more: Any) -> tuple[NewLinkSession, str]:
        """A new link session that lives for so long, and the secret of its browser."""
        now, session_id, secret = self._clock.now(), new_id(), token_urlsafe(32)
        browser = self._vault.fingerprint(BROWSER, secret, session_id)
        return NewLinkSession(id=session_id, browser=browser, created_at=now, expires_at=now + life, **more), secret

    async def _open(self, opening: NewLinkSession) -> bool:
        async with self._db.transaction() as tx:
            if not await self._sessions.open(tx, opening):
                return False
            await events.note(tx, opening.link_token, "opened", opening.created_at)
            here = await self._wake(tx, opening.id)
        self._start(opening.id, here)
        return True

    async def _wake(self, tx: Tx, session_id: str) -> bool:
        """Wakes a worker by a job, unless this process is one that will do it itself, which is told by True."""
        if here := self._jobs.works_here:
            return here
        await self._jobs.wake(tx, RUN_SESSION, session_id=session_id)
        return False

    def _start(self, session_id: str, here: bool) -> None:
        """After the commit: a person waits, and the way of a job through the database takes longer than the telling."""
        if here:
            self._jobs.start(RUN_SESSION, session_id=session_id)

    async def _quiet(self, session: LinkSession, current: LinkSession | None, n: int) -> LinkSession | None:
        """The link session as it is now, with pane `n` open, after a poll that happens to run; None if it can no
        longer be answered, or not from the browser that was let in with `session` (S-024)."""
        if current and current.pane is not None and current.pane_n == n and is_working(current):
            current = await self.settled_down(current.id, PATIENCE)
        if current is None or current.pane is None or current.pane_n != n or is_working(current):
            return None
        if current.browser != session.browser:
            return None
        return current if current.expires_at > self._clock.now() else None


def is_working(session: LinkSession) -> bool:
    """Whether a worker has to act before the person can."""
    return session.state in ("due", "running")


def _is_check(session: LinkSession, answer: Answer) -> bool:
    return session.state == "polling" and isinstance(answer, WaitingAnswer) and answer.action == "check"


def cookie_name(session_id: str, *, secure: bool = False) -> str:
    """One cookie per link_session, so that two tabs with two link sessions do not fight over one."""
    return f"{'__Host-' if secure else ''}cobalt_{session_id[:16]}"


def _entry(session: LinkSession, pane: Pane, n: int, answer: Answer) -> JournalEntry:
    # A waiting pane that is asked, not polled for, is answered like any other.
    if session.state == "polling" and isinstance(answer, WaitingAnswer):
        return JournalEntry(n=n, kind="wait", name=pane.name, state="done", value=encoded(WaitResult(answer=answer)))
    return JournalEntry(n=n, kind="ask", name=pane.name, state="done", value=encoded(answer))


def _with_query(url: str, more: Mapping[str, str]) -> str:
    parts = urlsplit(url)
    query = "&".join(part for part in (parts.query, urlencode(more)) if part)
    return urlunsplit(parts._replace(query=query))
