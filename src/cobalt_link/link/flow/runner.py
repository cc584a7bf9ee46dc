"""Runs a link session: claims it, replays its sign-in against the journal, and gives it back with the outcome.

Runs in a worker. A worker that dies in the middle loses its claim when the lease ends. One that was only paused finds
its claim gone, and changes nothing.
"""

from __future__ import annotations

from contextlib import suppress

import msgspec
from psycopg import DataError

from cobalt_link.accounts.account import Account, OpenAccount
from cobalt_link.accounts.login_tries import LoginBrake, Typist
from cobalt_link.accounts.problems import AccountGone
from cobalt_link.connector.panes import Consent, Credentials, Message, Pane, PaneRefusal
from cobalt_link.connector.refusals import EhrDown, OtherAccount, Refusal, StartedOver, WrongCredentials
from cobalt_link.jobs.claims import LostClaim
from cobalt_link.link.deps import LinkDeps
from cobalt_link.link.flow.flow import Flow, Flows
from cobalt_link.link.flow.link_sign_in import LinkSignIn
from cobalt_link.link.flow.polls import LEASE, SessionPolls
from cobalt_link.link.flow.queue import SessionQueue
from cobalt_link.link.session import events
from cobalt_link.link.session.journal import DurableJournal, delete_after, last_entry
from cobalt_link.link.session.session import ChosenEhr, LinkSession
from cobalt_link.link.session.sessions import LAST_TRY, LinkSessionTable
from cobalt_link.link.session.states import EventName
from cobalt_link.signin.replay import CONFIRM, Asking, Granted, Outcome, Polling, Refused, replay
from cobalt_link.signin.translate import as_refusal
from cobalt_link.store.database import Tx

# The account to repair was disconnected meanwhile. No EHR refused anything, and trying again cannot help.
DISCONNECTED = Message(code="disconnected", again=False)
# Opening a page must not text anybody: a mail filter may be what opens it.
RECONNECT = Consent(name=CONFIRM)
# Saved answers that the EHR has refused are not tried again: each try counts towards a lock-out.
REFUSED_ANSWERS = {"wrong_credentials", "locked", "password_expired"}


class SessionRunner:
    """`await runner(session_id)` runs the session if it is due."""

    def __init__(
        self, deps: LinkDeps, sessions: LinkSessionTable, flows: Flows, queue: SessionQueue, polls: SessionPolls
    ) -> None:
        self._deps = deps
        self._sessions = sessions
        self._flows = flows
        self._queue = queue
        self._polls = polls

    async def __call__(self, session_id: str) -> None:
        session = await self._sessions.claim(session_id, self._deps.clock.now())
        private = await self._sessions.private_key(session) if session else None
        if session is None or private is None:
            return
        with suppress(LostClaim):
            async with self._sessions.claims.kept(session.id, session.claim):
                try:
                    await self._run(session, private)
                except AccountGone:
                    await self._stop(session, DISCONNECTED)

    async def sweep(self) -> None:
        """Starts the sessions that lost their wake-up or their worker, without waiting for any of them."""
        for session_id, address in await self._sessions.due(self._deps.clock.now()):
            self._queue.start(session_id, here=True, address=address)

    async def _run(self, session: LinkSession, private: bytes) -> None:
        flow = self._flows[session.purpose]
        sign_in = await flow.sign_in(session)
        repairs = sign_in.repairs
        opened = await self._deps.accounts.opened(repairs, "answers_opened") if repairs else None
        outcome = await replay(
            sign_in,
            DurableJournal(self._deps.db, session, private, self._deps.clock.now),
            saved=_saved_answers(repairs, opened),
            known=opened.known if opened else {},
            confirm=RECONNECT if repairs and not session.answered else None,
            brake=self._brake(flow, session, sign_in, opened),
            launched=flow.launched,
        )
        await self._give_back(flow, session, outcome, sign_in, opened)

    def _brake(self, flow: Flow, session: LinkSession, sign_in: LinkSignIn, opened: OpenAccount | None) -> LoginBrake:
        typist = Typist(
            source=session.id,
            client=session.client,
            user_id=session.user_id,
            own=opened.user.username if opened else None,
            last_try=not flow.asks_for_itself,
        )
        return self._deps.tries.brake(typist, lambda: (sign_in.chosen.connector or "", sign_in.chosen.address or ""))

    async def _give_back(
        self, flow: Flow, session: LinkSession, outcome: Outcome, sign_in: LinkSignIn, opened: OpenAccount | None
    ) -> None:
        chosen = sign_in.chosen
        try:
            async with self._deps.db.transaction() as tx:
                if isinstance(outcome, Granted):
                    await flow.settle(tx, session, outcome, sign_in)
                else:
                    await self._store(tx, session, outcome, chosen, opened)
        except (OtherAccount, DataError) as error:
            # DataError: the EHR said something that no database takes, such as a NUL in a name.
            async with self._deps.db.transaction() as tx:
                await self._refuse(tx, session, as_refusal(error), None, chosen)
            return
        if isinstance(outcome, Polling):
            await self._polls.hold(session, outcome, chosen.address)
        if isinstance(outcome, Refused) and outcome.refusal.code == EhrDown.code:
            await self._deps.health.failed(chosen.connector or "", chosen.address or "")
        if isinstance(outcome, Granted):
            await self._deps.health.worked(chosen.connector or "", chosen.address or "")
            await flow.settled(outcome.grant, chosen)

    async def _store(
        self,
        tx: Tx,
        session: LinkSession,
        outcome: Asking | Polling | Refused,
        chosen: ChosenEhr,
        opened: OpenAccount | None,
    ) -> None:
        match outcome:
            case Asking(n, pane):
                await self._show(tx, session, _prepared(pane, session, opened), n, chosen)
            case Polling(n, pane):
                await self._sessions.show(tx, session, pane, n, chosen, wake_in=LEASE)
                if session.pane_n != n:
                    await self._note(tx, session, "pane", pane=pane.name)
            case Refused(refusal, username):
                await self._refuse(tx, session, refusal, username, chosen)

    async def _show(self, tx: Tx, session: LinkSession, pane: Pane, n: int, chosen: ChosenEhr) -> None:
        await self._sessions.show(tx, session, pane, n, chosen)
        await self._note(tx, session, "pane", pane=pane.name, code=pane.problem.code if pane.problem else None)

    async def _refuse(
        self, tx: Tx, session: LinkSession, refusal: Refusal, username: str | None, chosen: ChosenEhr
    ) -> None:
        # Starting over twice without a pane in between could go on for ever: the second time the user decides.
        if isinstance(refusal, StartedOver) and session.notice != refusal.code:
            keep_n = _still_valid(session, refusal)
            await delete_after(tx, session.id, keep_n)
            await self._sessions.restart(tx, session, chosen, refusal.code, keep_n=keep_n)
            await self._queue.wake_by_job(tx, session.id)
        else:
            details = refusal.details | ({"user": username} if username else {})
            n = await last_entry(tx, session.id) + 1
            message = Message(code=refusal.code, details=details, again=refusal.details.get("reason") != "usernames")
            await self._sessions.show(tx, session, message, n, chosen)
        await self._note(tx, session, "refused", code=refusal.code)

    async def _stop(self, session: LinkSession, message: Message) -> None:
        async with self._deps.db.transaction() as tx:
            await self._show(tx, session, message, await last_entry(tx, session.id) + 1, session.chosen)

    async def _note(
        self, tx: Tx, session: LinkSession, name: EventName, *, pane: str | None = None, code: str | None = None
    ) -> None:
        await events.note(tx, session, name, self._deps.clock.now(), pane=pane, code=code)


def _saved_answers(repairs: Account | None, opened: OpenAccount | None) -> dict[str, bytes]:
    if repairs is None or opened is None or repairs.health_reason in REFUSED_ANSWERS:
        return {}
    return opened.answers


def _still_valid(session: LinkSession, refusal: StartedOver) -> int:
    """The last journal entry that is still valid: the consent, unless the first entry that differs came before it."""
    consented, differs = session.consented_n or 0, refusal.details.get("entry")
    return 0 if isinstance(differs, int) and differs <= consented else consented


def _prepared(pane: Pane, session: LinkSession, opened: OpenAccount | None) -> Pane:
    """The pane with what the session knows: the username of an earlier run, and why the sign-in started over."""
    if session.notice and pane.problem is None and (problem := _noticed(session.notice, pane)):
        pane = msgspec.structs.replace(pane, problem=problem)
    if not isinstance(pane, Credentials):
        return pane
    if opened:
        return msgspec.structs.replace(pane, username=opened.user.username, fixed=True)
    return msgspec.structs.replace(pane, username=pane.username or session.username)


def _noticed(notice: str, pane: Pane) -> PaneRefusal | None:
    if notice != LAST_TRY:
        return PaneRefusal(notice)
    return PaneRefusal(WrongCredentials.code, {"reason": notice}) if isinstance(pane, Credentials) else None
