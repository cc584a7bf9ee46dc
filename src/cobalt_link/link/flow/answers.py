"""What a browser's answer does to a link session: it goes into the journal for its pane, and the session is due again.

An answer names its pane. A second answer to the same pane is stale and changes nothing.
"""

from __future__ import annotations

from cobalt_link.connector.panes import Answer, Message, Pane, WaitingAnswer
from cobalt_link.connector.refusals import TooManyTries
from cobalt_link.link.deps import LinkDeps
from cobalt_link.link.flow.flow import Flows
from cobalt_link.link.flow.progress import SessionProgress
from cobalt_link.link.flow.queue import SessionQueue
from cobalt_link.link.session import events
from cobalt_link.link.session.browser import seen_by
from cobalt_link.link.session.journal import delete_after, note_answer
from cobalt_link.link.session.session import LinkSession, is_polled_for, is_working
from cobalt_link.link.session.sessions import LAST_TRY, LinkSessionTable
from cobalt_link.signin.journal import JournalEntry
from cobalt_link.signin.replay import WaitResult, encoded

PATIENCE = 25.0  # seconds for a poll that runs when an answer comes: longer than the EHR has for it
CHECKED = 3.0  # seconds


class SessionAnswers:
    """Each method takes the session as the browser's request found it."""

    def __init__(
        self,
        deps: LinkDeps,
        sessions: LinkSessionTable,
        flows: Flows,
        queue: SessionQueue,
        progress: SessionProgress,
    ) -> None:
        self._deps = deps
        self._sessions = sessions
        self._flows = flows
        self._queue = queue
        self._progress = progress

    async def answer(self, session: LinkSession, n: int, answer: Answer) -> bool:
        """Records an answer to pane `n`. False if that pane is no longer open."""
        current = await self._quiet(session, session, n)
        while current is not None:
            if await (self._check(current) if _is_check(current, answer) else self._accept(current, answer)):
                return True
            current = await self._quiet(session, await self._progress.find(session.id), n)
        return False

    async def again(self, session: LinkSession, n: int, *, elsewhere: bool = False) -> bool:
        """Another try from the sign-in on, or, `elsewhere`, from the choice of the practice."""
        current = await self._quiet(session, session, n)
        while current is not None:
            if await self._rewind(current, elsewhere):
                return True
            current = await self._quiet(session, await self._progress.find(session.id), n)
        return False

    async def own(self, session: LinkSession) -> bool:
        """Before the hand-over: saved answers may have linked a session that nobody has answered. False if another
        browser owns it."""
        return await self._sessions.own(session)

    async def leave(self, session: LinkSession) -> None:
        """Ends the session. What was typed no longer opens."""
        async with self._deps.db.transaction() as tx:
            await self._flows[session.purpose].leave(tx, session)

    async def expire(self, session: LinkSession) -> None:
        """Ends a session whose time is over, for a page that notices it. Else upkeep would, a moment later."""
        now = self._deps.clock.now()
        if session.settled_at is None and self._flows[session.purpose].expired(session, now):
            async with self._deps.db.transaction() as tx:
                for each in await self._sessions.expire(tx, now, session.id):
                    await events.note(tx, each, "expired", now)

    async def stay(self, session: LinkSession) -> bool:
        """Keeps the session open for its whole lifetime from now on, once (WCAG 2.2, 2.2.1)."""
        now = self._deps.clock.now()
        return await self._sessions.extend(session, now, now + self._flows[session.purpose].lifetime)

    async def set_locale(self, session: LinkSession, locale: str) -> None:
        """Keeps the language that the user chose."""
        await self._sessions.set_locale(session.id, locale)

    async def _accept(self, current: LinkSession, answer: Answer) -> bool:
        pane, n, now = current.pane, current.pane_n or 0, self._deps.clock.now()
        assert pane is not None
        flow = self._flows[current.purpose]
        restarts_here, until = flow.restarts_after(pane), now + flow.lifetime
        async with self._deps.db.transaction() as tx:
            if not await self._sessions.accept(tx, current, consented=restarts_here, now=now, until=until):
                return False
            await note_answer(tx, current, _entry(current, pane, n, answer), now)
            await events.note(tx, current, "answered", now, pane=pane.name)
            here = await self._queue.wake(tx, current.id)
        self._queue.start(current.id, here, current.address)
        return True

    async def _check(self, current: LinkSession) -> bool:
        """The user says that it is done: asks the EHR at once, and waits a moment for what comes of it."""
        async with self._deps.db.transaction() as tx:
            if not await self._sessions.run_now(tx, current):
                return False
            here = await self._queue.wake(tx, current.id)
        self._queue.start(current.id, here, current.address)
        await self._progress.settled_down(current.id, CHECKED)
        return True

    async def _rewind(self, current: LinkSession, elsewhere: bool) -> bool:
        keep_n = 0 if elsewhere else current.consented_n or 0
        typed = current.pane.details.get("user") if isinstance(current.pane, Message) else None
        username = None if elsewhere or typed is None else str(typed)
        notice = None if elsewhere else _last_try(current.pane)
        now = self._deps.clock.now()
        until = now + self._flows[current.purpose].lifetime
        async with self._deps.db.transaction() as tx:
            kept = {"keep_n": keep_n, "username": username, "notice": notice}
            if not await self._sessions.rewind(tx, current, **kept, now=now, until=until):
                return False
            await delete_after(tx, current.id, keep_n)
            await events.note(tx, current, "again", now)
            here = await self._queue.wake(tx, current.id)
        self._queue.start(current.id, here, current.address)
        return True

    async def _quiet(self, session: LinkSession, current: LinkSession | None, n: int) -> LinkSession | None:
        """The session as it is now with pane `n` open, after a poll that happens to run. None if it can no longer be
        answered, or not from the browser that was let in with `session` (S-024)."""
        if current and current.pane is not None and current.pane_n == n and is_working(current):
            current = await self._progress.settled_down(current.id, PATIENCE)
        if current and current.pane is not None and current.pane_n == n and is_polled_for(current):
            # What a poll has learned must not get lost: an EHR may tell it only once.
            current = await self._progress.recalled(current)
        if current is None or current.pane is None or current.pane_n != n or is_working(current):
            return None
        return seen_by(current, session.browser) if current.expires_at > self._deps.clock.now() else None


def _last_try(pane: Pane | None) -> str | None:
    """The user says that the password was reset, so one more may be sent. The next pane warns of it."""
    held = isinstance(pane, Message) and pane.code == TooManyTries.code and pane.details.get("reason") == "known"
    return LAST_TRY if held else None


def _is_check(session: LinkSession, answer: Answer) -> bool:
    return session.state == "polling" and isinstance(answer, WaitingAnswer) and answer.action == "check"


def _entry(session: LinkSession, pane: Pane, n: int, answer: Answer) -> JournalEntry:
    # A waiting pane that is asked, not polled for, is answered like any other.
    if session.state == "polling" and isinstance(answer, WaitingAnswer):
        value = encoded(WaitResult(answer=answer))
        return JournalEntry(n=n, kind="wait", name=pane.name, state="done", value=value)
    return JournalEntry(n=n, kind="ask", name=pane.name, state="done", value=encoded(answer))
