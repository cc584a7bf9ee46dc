"""Polls EHRs for sessions whose users approve elsewhere, such as on a phone, while a page waits.

A run that ends in a wait leaves its poll here, and the session's claim stays with this process. A poll without news is
one request to the EHR and nothing else: no run, no statement, no commit. One statement in ten seconds extends the
leases of all of them. If this process dies, the leases end, and another one runs the sign-ins and polls on.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

import psycopg
import structlog

from cobalt_link.jobs.claims import LostClaim
from cobalt_link.link.deps import LinkDeps
from cobalt_link.link.flow.pace import PolledLogin, PollPace
from cobalt_link.link.flow.queue import SessionQueue
from cobalt_link.link.session.journal import note_answer
from cobalt_link.link.session.session import LinkSession
from cobalt_link.link.session.sessions import WORKER_SILENCE, LinkSessionTable, recall_topic
from cobalt_link.signin.journal import JournalEntry
from cobalt_link.signin.poll import Poll
from cobalt_link.signin.replay import Polling
from cobalt_link.store.database import DatabaseUnavailable

LEASE = WORKER_SILENCE.total_seconds()
MOST_SESSIONS = 5000  # that one process polls for, some 100 MB
FULL = 20.0  # seconds until a worker tries again to find a process with room
ANSWERED = 10.0  # seconds for the answer that a session was given back for
LAST_POLLS = 2.0  # seconds for the polls that run when the worker ends
BATCH = 500  # sessions of one statement, so that none holds locks for long
DATABASE_PAUSE = 1.0  # seconds

log = structlog.get_logger()


class PolledSession:
    """A session that this process polls for. `expires_at` follows what the database says."""

    def __init__(self, session: LinkSession, poll: Poll, wait: PolledLogin, since: float) -> None:
        self.session = session
        self.poll = poll
        self.wait = wait
        self.since = since
        self.expires_at: datetime = session.expires_at
        self.polls = 0  # so far
        self.runs = False  # whether one runs now
        self.turned_away = 0  # times in a row that a poll had no place
        self.task: asyncio.Task[None] | None = None

    @property
    def claim(self) -> dict[str, int]:
        return {self.session.id: self.session.claim or 0}


class SessionPolls:
    """All sessions that this process polls for. It does so while it works, from `hold` on until `close`."""

    def __init__(self, deps: LinkDeps, sessions: LinkSessionTable, queue: SessionQueue) -> None:
        self._deps = deps
        self._sessions = sessions
        self._queue = queue
        self._pace = PollPace()
        self._held: dict[str, PolledSession] = {}

    async def hold(self, session: LinkSession, waits: Polling, address: str | None) -> None:
        """Polls for a session from now on. Its run has just ended in `waits`, and still has the claim."""
        lane = address or session.id
        login = (waits.poll.username or session.id).strip().casefold()
        held = PolledSession(session, waits.poll, PolledLogin(lane=lane, login=login, every=waits.seconds), _now())
        if len(self._held) >= MOST_SESSIONS or not self._deps.jobs.is_open:
            await self._sessions.stop_polling(held.claim, FULL if self._deps.jobs.is_open else 0.0)
            return
        if before := self._held.get(session.id):
            self._drop(before)
        self._held[session.id] = held
        self._pace.add(held.wait)
        held.task = asyncio.create_task(self._poll(held))

    async def beat(self) -> None:
        """Extends all leases, and forgets the sessions that somebody else has taken or ended."""
        every = list(self._held.values())
        for batch in (every[n : n + BATCH] for n in range(0, len(every), BATCH)):
            kept = await self._sessions.keep_polling(_claims(batch), LEASE)
            for held in batch:
                if until := kept.get(held.session.id):
                    held.expires_at = until
                else:
                    self._drop(held)

    async def close(self) -> None:
        """Gives all sessions back, so that other processes go on at once. Lets polls that run end first."""
        if running := [held.task for held in self._held.values() if held.runs and held.task]:
            await asyncio.wait(running, timeout=LAST_POLLS)
        left = list(self._held.values())
        for held in left:
            self._drop(held)
        for batch in (left[n : n + BATCH] for n in range(0, len(left), BATCH)):
            await self._sessions.stop_polling(_claims(batch), 0.0)

    async def _poll(self, held: PolledSession) -> None:
        try:
            with self._deps.signals.watch(recall_topic(held.session.id), alone=True) as recall:
                while not await recall.changed(self._pause(held)):
                    if entry := await self._asked(held):
                        return await self._end(held, entry)
                    if not self._deps.jobs.is_open:
                        break
            await self._sessions.stop_polling(held.claim, ANSWERED if self._deps.jobs.is_open else 0.0)
        except LostClaim:
            pass  # an answer was first, or another process
        except (psycopg.Error, DatabaseUnavailable):
            pass  # another process goes on when the lease ends
        finally:
            self._drop(held)

    def _pause(self, held: PolledSession) -> float:
        if held.turned_away:
            return self._pace.pause_without_place(held.turned_away)
        return self._pace.pause(held.wait, held.polls, _now() - held.since)

    async def _asked(self, held: PolledSession) -> JournalEntry | None:
        if self._deps.clock.now() >= held.expires_at:
            return None
        if not self._pace.begin(held.wait):
            held.turned_away += 1
            return None
        held.turned_away = 0
        held.runs, held.polls, began = True, held.polls + 1, _now()
        try:
            return await held.poll()
        except Exception as error:
            # Not the EHR's fault: its refusals are entries. The brake did not reach its table, for example.
            log.warning("poll_failed", link_session=held.session.id, error=type(error).__name__)
            return None
        finally:
            held.runs = False
            self._pace.end(held.wait, _now() - began)

    async def _end(self, held: PolledSession, entry: JournalEntry) -> None:
        """Records what ended the wait, and has the sign-in run on. An EHR may tell it only once, so it is not given up
        while the database is away."""
        session = held.session
        while True:
            try:
                async with self._deps.db.transaction() as tx:
                    await self._sessions.polled(tx, session)
                    await note_answer(tx, session, entry, self._deps.clock.now())
                    here = await self._queue.wake(tx, session.id)
                break
            except (psycopg.OperationalError, DatabaseUnavailable):
                await asyncio.sleep(DATABASE_PAUSE)
        self._queue.start(session.id, here, held.wait.lane)

    def _drop(self, held: PolledSession) -> None:
        if self._held.get(held.session.id) is held:
            del self._held[held.session.id]
            self._pace.remove(held.wait)
            if held.task is not None and held.task is not asyncio.current_task():
                held.task.cancel()


def _claims(held: list[PolledSession]) -> dict[str, int]:
    return {key: claim for each in held for key, claim in each.claim.items()}


def _now() -> float:
    return asyncio.get_running_loop().time()
