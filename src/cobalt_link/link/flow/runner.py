"""Takes an attempt one telling further: claims it, tells its story, and gives it back with what came of it.

Runs in a worker. A worker that dies in the middle loses its claim when its lease ends; one that was only paused finds
its claim gone and changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial

import msgspec
import psycopg
import structlog
from psycopg import DataError

from cobalt_link.accounts.account import Account, Opened
from cobalt_link.accounts.instance_health import Places
from cobalt_link.accounts.problems import AccountGone
from cobalt_link.accounts.table import Accounts
from cobalt_link.connector.grant import Grant
from cobalt_link.connector.instance import Place
from cobalt_link.connector.panes import Consent, Credentials, Message, Pane, Problem
from cobalt_link.connector.refusals import OtherAccount, Refusal, StartedOver
from cobalt_link.developers.orgs import Orgs
from cobalt_link.jobs.queue import Jobs
from cobalt_link.kit.clock import Clock
from cobalt_link.link.flow import already
from cobalt_link.link.flow.connections import Finding
from cobalt_link.link.flow.linking import Linking
from cobalt_link.link.session import events
from cobalt_link.link.session.journal import DurableJournal, forget_after, last_entry
from cobalt_link.link.session.sessions import Attempt, Attempts, Found
from cobalt_link.link.session.states import EventName
from cobalt_link.signin.journal import LostClaim
from cobalt_link.signin.replay import KNOCK, Asking, Granted, JournalFailed, Outcome, Refused, Resting, tell
from cobalt_link.signin.translate import as_refusal
from cobalt_link.store.database import Database, DatabaseUnavailable, Tx

log = structlog.get_logger()

ADVANCE = "link.advance"
# The account to repair was disconnected meanwhile: not an EHR's refusal, and nothing to try again.
DISCONNECTED = Message(code="disconnected", again=False)
# Opening a page must not text anybody: whoever looks at it may be a mail filter.
RECONNECT = Consent(name=KNOCK)
# Saved answers that the EHR has refused are not tried again: each try counts towards a lock-out.
REFUSED_ANSWERS = {"wrong_credentials", "locked", "password_expired"}


class Advance:
    """`await advance(id)`: a telling, if the attempt has one due."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        jobs: Jobs,
        attempts: Attempts,
        accounts: Accounts,
        places: Places,
        orgs: Orgs,
        finding: Finding,
        addresses: Mapping[str, str],
    ) -> None:
        self._db = db
        self._clock = clock
        self._jobs = jobs
        self._attempts = attempts
        self._accounts = accounts
        self._places = places
        self._orgs = orgs
        self._finding = finding
        self._addresses = addresses

    async def __call__(self, attempt_id: str) -> None:
        attempt = await self._attempts.claim(attempt_id, self._clock.now())
        private = await self._attempts.private_key(attempt) if attempt else None
        if attempt is None or private is None:
            return
        with suppress(LostClaim):
            async with self._holding(attempt):
                try:
                    await self._tell(attempt, private)
                except AccountGone:
                    await self._stop(attempt, DISCONNECTED)

    async def _tell(self, attempt: Attempt, private: bytes) -> None:
        linking, repaired = await self._linking(attempt)
        opened = await self._accounts.opened(repaired, "answers_opened") if repaired else None
        journal = DurableJournal(self._db, attempt, private, self._clock.now)
        known = opened.known if opened else {}
        saved, knock = _offered_answers(repaired, opened), RECONNECT if repaired and not attempt.answered else None
        outcome = await tell(linking, journal, saved=saved, known=known, knock=knock)
        await self._give_back(attempt, outcome, linking, opened)

    async def sweep(self) -> None:
        """Advances what lost its wake-up or its worker."""
        for attempt_id in await self._attempts.due(self._clock.now()):
            await self(attempt_id)

    async def _linking(self, attempt: Attempt) -> tuple[Linking, Account | None]:
        connectors = await self._finding.offered(attempt)
        if attempt.is_own:
            return Linking(connectors, Found(), consents=False), None
        if attempt.account:
            account = await self._accounts.find(attempt.client, attempt.account)
            fixed = Found(connector=account.connector, address=account.address, practice=account.practice)
            return Linking(connectors, fixed, consents=False), account
        org = await self._orgs.by_id(attempt.org)
        address = org.address or self._addresses.get(org.ehr or "")
        fixed = Found(connector=org.ehr, address=address, practice=org.settings.branding_name)
        standing = partial(self._standing, attempt)
        return Linking(connectors, fixed, domains=org.settings.allowed_ehr_domains, standing=standing), None

    async def _standing(self, attempt: Attempt, grant: Grant, found: Found) -> str | None:
        connector, address = found.connector or "", found.address or ""
        try:
            found_there = await self._accounts.standing(attempt.client, attempt.org, connector, address, grant)
        except (psycopg.Error, DatabaseUnavailable) as error:
            raise JournalFailed(error) from None  # a fault of ours must not be written down as an answer of the EHR
        return next((each.id for each in found_there if already.works_for(each, attempt.user_id)), None)

    async def _give_back(self, attempt: Attempt, outcome: Outcome, linking: Linking, opened: Opened | None) -> None:
        found = linking.found
        try:
            async with self._db.transaction() as tx:
                await self._store(tx, attempt, outcome, linking, opened)
            if isinstance(outcome, Granted):
                await self._places.worked(found.connector or "", found.address or "")
            if attempt.is_own and isinstance(outcome, Granted):
                await self._finding.drop(outcome.grant, found)
        except (OtherAccount, DataError) as error:
            # DataError: the EHR said something that no database takes, such as a NUL in a name.
            async with self._db.transaction() as tx:
                await self._refuse(tx, attempt, as_refusal(error), None, found)

    async def _store(self, tx: Tx, attempt: Attempt, outcome: Outcome, linking: Linking, opened: Opened | None) -> None:
        found = linking.found
        match outcome:
            case Asking(n, pane):
                await self._show(tx, attempt, _prepared(pane, attempt, opened), n, found)
            case Resting(n, pane, seconds):
                wake_at = self._clock.now() + timedelta(seconds=seconds)
                await self._attempts.show(tx, attempt, pane, n, found, wake_at=wake_at)
                await self._jobs.wake(tx, ADVANCE, after=seconds, attempt_id=attempt.id)
                if attempt.pane_n != n:
                    await self._note(tx, attempt, "pane", pane=pane.name)
            case Granted() if attempt.is_own:
                await self._finding.settle(tx, attempt, outcome.grant, found)
            case Granted():
                await self._grant(tx, attempt, outcome, linking)
            case Refused(refusal, username):
                await self._refuse(tx, attempt, refusal, username, found)

    async def _show(self, tx: Tx, attempt: Attempt, pane: Pane, n: int, found: Found) -> None:
        await self._attempts.show(tx, attempt, pane, n, found)
        await self._note(tx, attempt, "pane", pane=pane.name, code=pane.problem.code if pane.problem else None)

    async def _grant(self, tx: Tx, attempt: Attempt, granted: Granted, linking: Linking) -> None:
        account, found = await self._account(tx, attempt, granted, linking), linking.found
        person = granted.grant.person
        named = person.name or person.username
        now = self._clock.now()
        await self._attempts.settle(tx, attempt, account=account.id, person=named, found=found, now=now)
        await self._note(tx, attempt, "granted")

    async def _account(self, tx: Tx, attempt: Attempt, granted: Granted, linking: Linking) -> Account:
        found = linking.found
        if attempt.account:
            return await self._accounts.repair(tx, attempt.account, granted.grant, granted.answers)
        org = await self._orgs.by_id(attempt.org)
        return await self._accounts.keep(
            tx,
            client=attempt.client,
            org=org.id,
            org_id=org.org_id,
            user_id=attempt.user_id,
            connector=found.connector or "",
            place=Place(address=found.address or "", practice=found.practice),
            grant=granted.grant,
            answers=granted.answers,
            kept=linking.kept,
            another=linking.another,
        )

    async def _refuse(self, tx: Tx, attempt: Attempt, refusal: Refusal, username: str | None, found: Found) -> None:
        # Twice in a row without a pane in between would go on for ever: then the person decides.
        if isinstance(refusal, StartedOver) and attempt.notice != refusal.code:
            keep_n = _still_valid(attempt, refusal)
            await forget_after(tx, attempt.id, keep_n)
            await self._attempts.again(tx, attempt, found, refusal.code, keep_n=keep_n)
            await self._jobs.wake(tx, ADVANCE, attempt_id=attempt.id)
        else:
            details = refusal.details | ({"user": username} if username else {})
            n = await last_entry(tx, attempt.id) + 1
            await self._attempts.show(tx, attempt, Message(code=refusal.code, details=details), n, found)
        await self._note(tx, attempt, "refused", code=refusal.code)

    async def _stop(self, attempt: Attempt, message: Message) -> None:
        async with self._db.transaction() as tx:
            await self._show(tx, attempt, message, await last_entry(tx, attempt.id) + 1, _found_before(attempt))

    async def _note(
        self, tx: Tx, attempt: Attempt, name: EventName, *, pane: str | None = None, code: str | None = None
    ) -> None:
        await events.note(tx, attempt.link_token, name, self._clock.now(), pane=pane, code=code)

    @asynccontextmanager
    async def _holding(self, attempt: Attempt) -> AsyncIterator[None]:
        keeper = asyncio.create_task(self._hold(attempt))
        try:
            yield
        finally:
            keeper.cancel()

    async def _hold(self, attempt: Attempt) -> None:
        while True:
            await asyncio.sleep(self._attempts.lease.total_seconds() / 3)
            try:
                await self._attempts.hold(attempt, self._clock.now())
            except Exception as error:
                # The database may be restarting; past the lease the claim is lost, and that is noticed.
                log.warning("claim_not_renewed", attempt=attempt.id, error=type(error).__name__)


def _offered_answers(repaired: Account | None, opened: Opened | None) -> dict[str, bytes]:
    if repaired is None or opened is None or repaired.health_reason in REFUSED_ANSWERS:
        return {}
    return opened.answers


def _still_valid(attempt: Attempt, no: StartedOver) -> int:
    """Up to which entry the journal still tells this story: the consent, unless what differs came before it."""
    consented, differs = attempt.consented_n or 0, no.details.get("entry")
    return 0 if isinstance(differs, int) and differs <= consented else consented


def _found_before(attempt: Attempt) -> Found:
    return Found(connector=attempt.connector, address=attempt.address, practice=attempt.practice)


def _prepared(pane: Pane, attempt: Attempt, opened: Opened | None) -> Pane:
    """The pane with what the attempt knows: the username of an earlier run, and why the story was told anew."""
    if attempt.notice and pane.problem is None:
        pane = msgspec.structs.replace(pane, problem=Problem(attempt.notice))
    if not isinstance(pane, Credentials):
        return pane
    if opened:
        return msgspec.structs.replace(pane, username=opened.person.username, fixed=True)
    return msgspec.structs.replace(pane, username=pane.username or attempt.username)
