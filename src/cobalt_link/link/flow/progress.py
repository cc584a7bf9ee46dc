"""How far a link session is: waits for its next pane, and tells the steps of the sign-in while they run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

from cobalt_link.link.deps import LinkDeps
from cobalt_link.link.session import events
from cobalt_link.link.session.journal import lines
from cobalt_link.link.session.session import LinkSession, is_polled_for, is_working
from cobalt_link.link.session.sessions import LinkSessionTable, topic
from cobalt_link.store.signals import Watch

SLOW = timedelta(seconds=20)
RECALLED = 5.0  # seconds for the process that polls for a session to give it back: longer than most polls take


class SessionProgress:
    """Reads only."""

    def __init__(self, deps: LinkDeps, sessions: LinkSessionTable) -> None:
        self._deps = deps
        self._sessions = sessions

    async def find(self, session_id: str) -> LinkSession | None:
        return await self._sessions.by_id(session_id)

    async def settled_down(self, session_id: str, seconds: float) -> LinkSession | None:
        """The session as soon as no worker runs it, or as it is after so many seconds."""
        return await self._until(session_id, seconds, lambda session: not is_working(session))

    async def recalled(self, session: LinkSession) -> LinkSession | None:
        """The session without the process that polls for it: after the poll that runs, if one does. If the process does
        not answer, then as it is after a few seconds, and an answer takes the session away from it."""
        with self._deps.signals.watch(topic(session.id)) as watch:
            await self._sessions.recall(session)
            return await self._watched(watch, session.id, RECALLED, lambda now: not is_polled_for(now))

    async def pauses(self, session: LinkSession, seconds: float, each: float) -> AsyncIterator[None]:
        """Ends when another pane is open than that of `session`, or after so many seconds. Until then it yields after
        `each` seconds. It looks at the session at the start, and when it is signaled, and not in between."""
        deadline, pause, look = _now() + seconds, _now() + each, True
        with self._deps.signals.watch(topic(session.id)) as watch:
            while not (look and _moved_on(session, await self.find(session.id))):
                if _now() >= deadline or self._deps.signals.released:
                    return
                look = await self._deps.signals.changed(watch, max(0.0, min(pause, deadline) - _now()))
                if _now() >= pause:
                    pause += each
                    yield

    async def steps(self, session_id: str, seconds: float) -> AsyncIterator[str]:
        """The names of the sign-in's steps as they start, until the user is needed again or time is up."""
        deadline, sent = _now() + seconds, 0
        with self._deps.signals.watch(topic(session_id)) as watch:
            while True:
                session = await self.find(session_id)
                names = await self._steps(session_id, session)
                for name in names[sent:]:
                    yield name
                sent = max(sent, len(names))
                left = deadline - _now()
                if session is None or not is_working(session) or left <= 0 or self._deps.signals.released:
                    return
                await self._deps.signals.changed(watch, left)

    async def is_slow(self, session: LinkSession) -> bool:
        """Whether the step that runs has been running for long: the page then says that nothing is expected."""
        found = await lines(self._deps.db, session.id)
        latest = self._deps.clock.now() - SLOW
        return bool(found) and found[-1]["state"] == "open" and found[-1]["began_at"] <= latest

    async def events(self, session: LinkSession) -> list[events.LinkEvent]:
        """What happened in the session so far."""
        return await events.listed(self._deps.db, session)

    async def _until(self, session_id: str, seconds: float, done: Callable[[LinkSession], bool]) -> LinkSession | None:
        with self._deps.signals.watch(topic(session_id)) as watch:
            return await self._watched(watch, session_id, seconds, done)

    async def _watched(
        self, watch: Watch, session_id: str, seconds: float, done: Callable[[LinkSession], bool]
    ) -> LinkSession | None:
        deadline = _now() + seconds
        while (session := await self.find(session_id)) and not done(session):
            left = deadline - _now()
            if left <= 0 or self._deps.signals.released:
                break
            await self._deps.signals.changed(watch, left)
        return session

    async def _steps(self, session_id: str, session: LinkSession | None) -> list[str]:
        """Those after the consent. A name that begins with `_` is not shown."""
        after = (session.consented_n or 0) if session else 0
        return [
            line["name"]
            for line in await lines(self._deps.db, session_id)
            if line["kind"] == "step" and line["n"] > after and line["name"][0] != "_"
        ]


def _moved_on(session: LinkSession, now: LinkSession | None) -> bool:
    return now is None or now.pane_n != session.pane_n or now.pane != session.pane


def _now() -> float:
    return asyncio.get_running_loop().time()
