"""Takes a link session one telling further: claims it, tells its story, and gives it back with what came of it.

Runs in a worker. A worker that dies in the middle loses its claim when its lease ends; one that was only paused finds
its claim gone and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial

import msgspec
import psycopg
from psycopg import DataError

from cobalt_link.accounts.account import Account, OpenAccount
from cobalt_link.accounts.instance_health import InstanceHealth
from cobalt_link.accounts.problems import AccountGone
from cobalt_link.accounts.table import AccountTable
from cobalt_link.connector.grant import Grant
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.panes import Consent, Credentials, Message, Pane, PaneRefusal
from cobalt_link.connector.refusals import OtherAccount, Refusal, StartedOver
from cobalt_link.developers.orgs import Orgs
from cobalt_link.jobs.claims import LostClaim
from cobalt_link.jobs.queue import Jobs
from cobalt_link.kit.clock import Clock
from cobalt_link.link.flow import already
from cobalt_link.link.flow.connections import ConnectionLookup
from cobalt_link.link.flow.linking import LinkSignIn
from cobalt_link.link.session import events
from cobalt_link.link.session.journal import DurableJournal, forget_after, last_entry
from cobalt_link.link.session.sessions import ChosenEhr, LinkSession, LinkSessionTable
from cobalt_link.link.session.states import EventName
from cobalt_link.signin.replay import CONFIRM, Asking, Granted, JournalFailed, Outcome, Polling, Refused, replay
from cobalt_link.signin.translate import as_refusal
from cobalt_link.store.database import Database, DatabaseUnavailable, Tx

RUN_SESSION = "link.advance"
# The account to repair was disconnected meanwhile: not an EHR's refusal, and nothing to try again.
DISCONNECTED = Message(code="disconnected", again=False)
# Opening a page must not text anybody: whoever looks at it may be a mail filter.
RECONNECT = Consent(name=CONFIRM)
# Saved answers that the EHR has refused are not tried again: each try counts towards a lock-out.
REFUSED_ANSWERS = {"wrong_credentials", "locked", "password_expired"}


class SessionRunner:
    """`await advance(id)`: a telling, if the link session has one due."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        jobs: Jobs,
        sessions: LinkSessionTable,
        accounts: AccountTable,
        health: InstanceHealth,
        orgs: Orgs,
        finding: ConnectionLookup,
        addresses: Mapping[str, str],
    ) -> None:
        self._db = db
        self._clock = clock
        self._jobs = jobs
        self._sessions = sessions
        self._accounts = accounts
        self._health = health
        self._orgs = orgs
        self._finding = finding
        self._addresses = addresses

    async def __call__(self, session_id: str) -> None:
        session = await self._sessions.claim(session_id, self._clock.now())
        private = await self._sessions.private_key(session) if session else None
        if session is None or private is None:
            return
        with suppress(LostClaim):
            async with self._sessions.claims.kept(session.id, session.claim):
                try:
                    await self._tell(session, private)
                except AccountGone:
                    await self._stop(session, DISCONNECTED)

    async def _tell(self, session: LinkSession, private: bytes) -> None:
        linking, repaired = await self._linking(session)
        opened = await self._accounts.opened(repaired, "answers_opened") if repaired else None
        journal = DurableJournal(self._db, session, private, self._clock.now)
        known = opened.known if opened else {}
        saved, confirm = _offered_answers(repaired, opened), RECONNECT if repaired and not session.answered else None
        outcome = await replay(linking, journal, saved=saved, known=known, confirm=confirm)
        await self._give_back(session, outcome, linking, opened)

    async def sweep(self) -> None:
        """Advances what lost its wake-up or its worker."""
        for session_id in await self._sessions.due(self._clock.now()):
            await self(session_id)

    async def _linking(self, session: LinkSession) -> tuple[LinkSignIn, Account | None]:
        connectors = await self._finding.offered(session)
        if session.is_own:
            return LinkSignIn(connectors, ChosenEhr(), consents=False), None
        if session.account:
            account = await self._accounts.find(session.client, session.account)
            fixed = ChosenEhr(connector=account.connector, address=account.address, practice=account.practice)
            return LinkSignIn(connectors, fixed, consents=False), account
        org = await self._orgs.by_id(session.org)
        address = org.address or self._addresses.get(org.ehr or "")
        fixed = ChosenEhr(connector=org.ehr, address=address, practice=org.settings.branding_name)
        standing = partial(self._standing, session)
        return LinkSignIn(connectors, fixed, domains=org.settings.allowed_ehr_domains, standing=standing), None

    async def _standing(self, session: LinkSession, grant: Grant, found: ChosenEhr) -> str | None:
        connector, address = found.connector or "", found.address or ""
        try:
            found_there = await self._accounts.standing(session.client, session.org, connector, address, grant)
        except (psycopg.Error, DatabaseUnavailable) as error:
            raise JournalFailed(error) from None  # a fault of ours must not be written down as an answer of the EHR
        return next((each.id for each in found_there if already.works_for(each, session.user_id)), None)

    async def _give_back(
        self, session: LinkSession, outcome: Outcome, linking: LinkSignIn, opened: OpenAccount | None
    ) -> None:
        found = linking.found
        try:
            async with self._db.transaction() as tx:
                await self._store(tx, session, outcome, linking, opened)
            if isinstance(outcome, Granted):
                await self._health.worked(found.connector or "", found.address or "")
            if session.is_own and isinstance(outcome, Granted):
                await self._finding.drop(outcome.grant, found)
        except (OtherAccount, DataError) as error:
            # DataError: the EHR said something that no database takes, such as a NUL in a name.
            async with self._db.transaction() as tx:
                await self._refuse(tx, session, as_refusal(error), None, found)

    async def _store(
        self, tx: Tx, session: LinkSession, outcome: Outcome, linking: LinkSignIn, opened: OpenAccount | None
    ) -> None:
        found = linking.found
        match outcome:
            case Asking(n, pane):
                await self._show(tx, session, _prepared(pane, session, opened), n, found)
            case Polling(n, pane, seconds):
                wake_at = self._clock.now() + timedelta(seconds=seconds)
                await self._sessions.show(tx, session, pane, n, found, wake_at=wake_at)
                await self._jobs.wake(tx, RUN_SESSION, after=seconds, session_id=session.id)
                if session.pane_n != n:
                    await self._note(tx, session, "pane", pane=pane.name)
            case Granted() if session.is_own:
                await self._finding.settle(tx, session, outcome.grant, found)
            case Granted():
                await self._grant(tx, session, outcome, linking)
            case Refused(refusal, username):
                await self._refuse(tx, session, refusal, username, found)

    async def _show(self, tx: Tx, session: LinkSession, pane: Pane, n: int, found: ChosenEhr) -> None:
        await self._sessions.show(tx, session, pane, n, found)
        await self._note(tx, session, "pane", pane=pane.name, code=pane.problem.code if pane.problem else None)

    async def _grant(self, tx: Tx, session: LinkSession, granted: Granted, linking: LinkSignIn) -> None:
        account, found = await self._account(tx, session, granted, linking), linking.found
        user = granted.grant.user
        named = user.name or user.username
        now = self._clock.now()
        await self._sessions.settle(tx, session, account=account.id, ehr_user_name=named, found=found, now=now)
        await self._note(tx, session, "granted")

    async def _account(self, tx: Tx, session: LinkSession, granted: Granted, linking: LinkSignIn) -> Account:
        found = linking.found
        if session.account:
            return await self._accounts.repair(tx, session.account, granted.grant, granted.answers)
        org = await self._orgs.by_id(session.org)
        return await self._accounts.keep(
            tx,
            client=session.client,
            org=org.id,
            org_id=org.org_id,
            user_id=session.user_id,
            connector=found.connector or "",
            instance=EhrInstance(address=found.address or "", practice=found.practice),
            grant=granted.grant,
            answers=granted.answers,
            kept=linking.kept,
            another=linking.another,
        )

    async def _refuse(
        self, tx: Tx, session: LinkSession, refusal: Refusal, username: str | None, found: ChosenEhr
    ) -> None:
        # Twice in a row without a pane in between would go on for ever: then the person decides.
        if isinstance(refusal, StartedOver) and session.notice != refusal.code:
            keep_n = _still_valid(session, refusal)
            await forget_after(tx, session.id, keep_n)
            await self._sessions.again(tx, session, found, refusal.code, keep_n=keep_n)
            await self._jobs.wake(tx, RUN_SESSION, session_id=session.id)
        else:
            details = refusal.details | ({"user": username} if username else {})
            n = await last_entry(tx, session.id) + 1
            await self._sessions.show(tx, session, Message(code=refusal.code, details=details), n, found)
        await self._note(tx, session, "refused", code=refusal.code)

    async def _stop(self, session: LinkSession, message: Message) -> None:
        async with self._db.transaction() as tx:
            await self._show(tx, session, message, await last_entry(tx, session.id) + 1, _found_before(session))

    async def _note(
        self, tx: Tx, session: LinkSession, name: EventName, *, pane: str | None = None, code: str | None = None
    ) -> None:
        await events.note(tx, session.link_token, name, self._clock.now(), pane=pane, code=code)


def _offered_answers(repaired: Account | None, opened: OpenAccount | None) -> dict[str, bytes]:
    if repaired is None or opened is None or repaired.health_reason in REFUSED_ANSWERS:
        return {}
    return opened.answers


def _still_valid(session: LinkSession, no: StartedOver) -> int:
    """Up to which entry the journal still tells this story: the consent, unless what differs came before it."""
    consented, differs = session.consented_n or 0, no.details.get("entry")
    return 0 if isinstance(differs, int) and differs <= consented else consented


def _found_before(session: LinkSession) -> ChosenEhr:
    return ChosenEhr(connector=session.connector, address=session.address, practice=session.practice)


def _prepared(pane: Pane, session: LinkSession, opened: OpenAccount | None) -> Pane:
    """The pane with what the link session knows: the username of an earlier run, and why the story was told anew."""
    if session.notice and pane.problem is None:
        pane = msgspec.structs.replace(pane, problem=PaneRefusal(session.notice))
    if not isinstance(pane, Credentials):
        return pane
    if opened:
        return msgspec.structs.replace(pane, username=opened.user.username, fixed=True)
    return msgspec.structs.replace(pane, username=pane.username or session.username)
