"""The EHR sessions of accounts: opens one, reads with it, and renews it silently when the EHR has ended it.

However many calls in however many processes meet an ended session, one renews it and the others wait for the result.
Renewing tries the connector's `renew` first, and the saved answers only then. A sign-in that the EHR refuses ends in
`login_required` and is not repeated. See docs/why/renewal.md.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

import msgspec
import structlog

from cobalt_link.accounts import refusal_problems
from cobalt_link.accounts.account import Account, OpenAccount
from cobalt_link.accounts.ehrs import AccountEhrs
from cobalt_link.accounts.instance_health import InstanceHealth
from cobalt_link.accounts.problems import AccountGone, EhrThrottled, ReconnectRequired
from cobalt_link.accounts.renewals import Renewal, Renewals
from cobalt_link.accounts.table import AccountTable
from cobalt_link.connector.ask import Ask
from cobalt_link.connector.capabilities import RenewsSessions
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.grant import Grant, Renewed
from cobalt_link.connector.refusals import (
    EhrBusy,
    EhrDown,
    Locked,
    LoginRequired,
    NotThisAddress,
    Refusal,
    SessionEnded,
)
from cobalt_link.connector.validity import checked
from cobalt_link.connector.writing import MayBeHeld, NotWritten
from cobalt_link.kit.clock import Clock
from cobalt_link.signin.journal import MemoryJournal
from cobalt_link.signin.replay import Granted, Outcome, Refused, replay
from cobalt_link.signin.translate import as_refusal
from cobalt_link.vault import VaultError
from cobalt_link.web.problems import Problem

log = structlog.get_logger()

T = TypeVar("T")
# Its first argument is the connector, by the protocol of the capability that the call needs.
EhrCall = Callable[[Any, Chart], Awaitable[T]]

MOST_BEGUN = 2  # sign-ins whose end nobody knows, before the user is asked
EARLY = timedelta(seconds=5)  # a session that ends during a read costs a request and a renewal as well
SIGN_OUT_SECONDS = 5
NOT_ALLOWED_SECONDS = 60  # until a renewal looks at the operator's list again


class RenewalTimes(msgspec.Struct, frozen=True, kw_only=True):
    """In seconds: how long a sign-in in the background may take, how long its lease lasts, which must be longer, and
    how long a call waits for a renewal that another process does."""

    sign_in: float = 30.0
    lease: float = 40.0
    patience: float = 25.0


TIMES = RenewalTimes()


class EhrSessions:
    """Bound to one process."""

    def __init__(
        self,
        accounts: AccountTable,
        renewals: Renewals,
        health: InstanceHealth,
        ehrs: AccountEhrs,
        clock: Clock,
        times: RenewalTimes = TIMES,
    ) -> None:
        self._accounts = accounts
        self._renewals = renewals
        self._health = health
        self._ehrs = ehrs
        self._clock = clock
        self._times = times
        self._flights: dict[tuple[str, int], asyncio.Task[None]] = {}  # this process's renewals, by account and grant

    def check(self, account: Account) -> None:
        """Raises EhrDomainNotAllowed if the operator's list of EHR domains leaves out the account's EHR."""
        self._ehrs.check(account)

    async def read(self, account: Account, step: EhrCall[T], *, what: str = "read") -> T:
        """What `step(connector, chart)` reads. The session is renewed once if necessary.

        Raises ReconnectRequired, EhrUnavailable, EhrThrottled, MissingRights, NotSupported, EhrUnexpected,
        EhrDomainNotAllowed, or AccountGone. An account that needs its user sends nothing to the EHR (S-141). `what` is
        for the audit trail.
        """
        self.check(account)
        if account.health == "login_required":
            raise ReconnectRequired
        # Without the answers: the password stays sealed until a renewal needs it.
        opened = await self._accounts.opened(account, what, answers=False)
        if not self._has_expired(opened):
            try:
                return await self._do(opened, step)
            except SessionEnded:
                pass
        opened = await self.renewed(account, opened.number)
        try:
            return await self._do(opened, step)
        except SessionEnded as again:
            # A second renewal would repeat this for ever, and each one may send the password.
            raise self._problem(account, again) from None

    async def once(self, account: Account, step: EhrCall[T], *, what: str = "write") -> T:
        """What `step(connector, chart)` does, which is never done twice: for writes.

        Raises what `read` raises, and SessionEnded if the EHR no longer accepts the session.
        """
        self.check(account)
        if account.health == "login_required":
            raise ReconnectRequired
        opened = await self._accounts.opened(account, what, answers=False)
        if self._has_expired(opened):
            opened = await self.renewed(account, opened.number)
        return await self._do(opened, step)

    async def renewed(self, account: Account, seen: int) -> OpenAccount:
        """The account with a grant later than number `seen`, which the EHR no longer accepts."""
        flight = self._flights.get((account.id, seen)) or self._start(account, seen)
        # Shielded: a caller that hangs up must not cancel the renewal that the others wait for.
        await asyncio.shield(flight)
        return await self._accounts.opened(account, "read", answers=False)

    async def disconnect(self, account: Account, by: str | None = None) -> None:
        """Ends the account here, then its session at the EHR, if the EHR answers. Raises AccountGone.

        A session that another account still uses stays open.
        `by`: see `AccountTable.disconnect`.
        """
        try:
            opened = await self._accounts.opened(account, "sign_out", answers=False)
        except (AccountGone, VaultError):
            opened = None  # an account whose grant does not open can still be ended
        ended = await self._accounts.disconnect(account, by)
        if ended is None:
            raise AccountGone
        if opened is not None and not ended.shared:
            await self.sign_out(account.connector, opened.chart)

    async def sign_out(self, connector: str, chart: Chart) -> None:
        """Ends an EHR's session that nobody will use anymore. If the EHR does not answer, it ends by itself."""
        if not self._ehrs.allows(connector, chart.instance.address):
            return
        try:
            async with asyncio.timeout(SIGN_OUT_SECONDS):
                await self._ehrs.connectors[connector].sign_out(chart)
        except Exception as error:
            log.info("sign_out_failed", connector=connector, error=type(error).__name__)

    async def sweep(self) -> None:
        """Finishes renewals whose process died: the account is healthy again or `login_required`, never in between."""
        for account, number in await self._renewals.abandoned():
            try:
                await self.renewed(account, number)
            except Problem as problem:
                log.info("abandoned_renewal_settled", account=account.id, code=problem.code)

    async def close(self) -> None:
        """Waits for the renewals that have begun. One that is cut off would count as a crash."""
        await asyncio.gather(*self._flights.values(), return_exceptions=True)

    def _has_expired(self, opened: OpenAccount) -> bool:
        return opened.expires_at is not None and opened.expires_at - EARLY <= self._clock.now()

    async def _do(self, opened: OpenAccount, step: EhrCall[T]) -> T:
        account = opened.account
        try:
            found = await step(self._ehrs.connector(account), opened.chart)
        except (Problem, SessionEnded, NotWritten, MayBeHeld):
            raise
        except Exception as error:
            refusal = await self._rest_or_end(opened, as_refusal(error))
            if refusal_problems.needs_the_user(refusal):
                await self._accounts.mark_login_required(account, refusal.code)
            if isinstance(refusal, EhrDown):
                await self._health.failed(account.connector, account.address)
            raise self._problem(account, refusal) from error
        await self._health.worked(account.connector, account.address)
        return found

    def _start(self, account: Account, seen: int) -> asyncio.Task[None]:
        flight = asyncio.create_task(self._renew(account, seen))
        self._flights[account.id, seen] = flight
        flight.add_done_callback(lambda done: self._landed((account.id, seen), done))
        return flight

    def _landed(self, key: tuple[str, int], flight: asyncio.Task[None]) -> None:
        del self._flights[key]
        if not flight.cancelled():
            # All callers may have hung up, and asyncio complains about an exception that nobody reads.
            flight.exception()

    async def _renew(self, account: Account, seen: int) -> None:
        """Returns once there is a later grant, by us or by another process. Otherwise raises what the API answers."""
        deadline, pause = time.monotonic() + self._times.patience, 0.02
        while True:
            renewal = await self._renewals.begin(account, seen)
            if renewal:
                await self._renew_or_sign_in(renewal)
            # Also after our own sign-in: we may have lost the claim meanwhile, so only the table counts.
            state = await self._renewals.state(account)
            if state.health == "login_required":
                raise ReconnectRequired
            if state.grant_number != seen:
                return
            if state.back_off:
                raise self._problem(account, state.back_off)
            if time.monotonic() > deadline:
                raise EhrThrottled(
                    "The session at the EHR is being renewed. Try again in 5 s (the Retry-After header).",
                    headers={"Retry-After": "5"},
                )
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.25)

    async def _renew_or_sign_in(self, renewal: Renewal) -> None:
        until, account = time.monotonic() + self._times.sign_in, renewal.account
        if not self._ehrs.allows(account.connector, account.address):
            # The sweep comes here with an account whose renewal began before the operator's list.
            await self._renewals.back_off(renewal, NotThisAddress(reason="not_allowed"), NOT_ALLOWED_SECONDS)
            return
        connector = self._ehrs.connector(account)
        if isinstance(connector, RenewsSessions):
            # No password is sent, so a process that dies here must not bring the account closer to its last sign-in.
            if not await self._renewals.count_begun(renewal, -1) or await self._renewed_session(renewal, connector):
                return
            if not await self._renewals.count_begun(renewal, +1):
                return
        await self._sign_in(renewal, connector, until - time.monotonic())

    async def _renewed_session(self, renewal: Renewal, connector: RenewsSessions) -> bool:
        """Tries `renew`. True if that settled the claim; False if the saved answers have to be used."""
        try:
            # Only a part of the time, else a sign-in that follows would be cut off in the middle.
            async with asyncio.timeout(self._times.sign_in / 3):
                given = await connector.renew(renewal.opened.chart)
                renewed = checked(given) if given is not None else None
        except Exception as error:
            refusal = EhrDown() if isinstance(error, TimeoutError) else as_refusal(error)
            if isinstance(refusal, EhrDown | EhrBusy | LoginRequired):
                # A password that is sent to an EHR in trouble fails too, and may count as a wrong one. And where the
                # connector says that only the user can sign in, there is nothing to try.
                await self._settle(renewal, Refused(refusal))
                return True
            log.info("session_not_renewed", account=renewal.account.id, code=refusal.code)
            return False
        if renewed is not None:
            await self._renewals.renewed(renewal, _grant_of(renewal, renewed), renewal.opened.answers)
        return renewed is not None

    async def _sign_in(self, renewal: Renewal, connector: Connector, seconds: float) -> None:
        if renewal.begun > MOST_BEGUN:
            # Two processes died in the middle, so the password may have been sent twice. A third try could lock the
            # user out of their EHR, so the user decides.
            await self._renewals.require_login(renewal, "interrupted")
            return
        instance, opened = renewal.account.instance, renewal.opened

        async def sign_in(ask: Ask) -> Grant:
            return await connector.sign_in(ask, instance)

        try:
            async with asyncio.timeout(seconds):
                saved, known = opened.answers, opened.known
                brake = self._renewals.brake(renewal)
                outcome = await replay(sign_in, MemoryJournal(), saved=saved, known=known, silent=True, brake=brake)
        except TimeoutError:
            outcome = Refused(EhrDown())
        await self._settle(renewal, outcome)

    async def _settle(self, renewal: Renewal, outcome: Outcome) -> None:
        if isinstance(outcome, Refused):
            outcome = Refused(await self._rest_or_end(renewal.opened, outcome.refusal))
        match outcome:
            case Granted(grant, answers):
                # The same answers may lead to somebody else after the EHR has reassigned a user name.
                if self._accounts.is_ehr_user_of(renewal.account, grant, renewal.login):
                    await self._renewals.renewed(renewal, grant, answers or renewal.opened.answers)
                else:
                    await self._renewals.require_login(renewal, "other_account")
            case Refused(refusal) if not refusal_problems.needs_the_user(refusal):
                seconds = refusal_problems.back_off(refusal, renewal.failed)
                await self._renewals.back_off(renewal, refusal, seconds)
            case Refused(refusal):
                await self._renewals.require_login(renewal, refusal_problems.reason(refusal))
            case _:
                # The EHR asks something that no saved answer fits, such as a code that it has texted.
                await self._renewals.require_login(renewal, "login_required")

    async def _rest_or_end(self, opened: OpenAccount, refusal: Refusal) -> Refusal:
        """A lock that strangers may have caused must not end the account: it rests, also if the EHR names no end."""
        endless = isinstance(refusal, Locked) and refusal_problems.rest_of(refusal) is None
        if endless and await self._renewals.tries.strangers_were_at(opened):
            return Locked(seconds=refusal_problems.UNKNOWN_LOCK, **refusal.details)
        return refusal

    def _problem(self, account: Account, refusal: Refusal) -> Problem:
        return refusal_problems.problem_of(refusal, self._ehrs.connector(account).manifest.name, account.instance.host)


def _grant_of(renewal: Renewal, renewed: Renewed) -> Grant:
    """The account's last grant with its new session."""
    opened = renewal.opened
    return Grant(
        user=opened.user,
        tenant=opened.chart.tenant,
        session=renewed.session,
        known=opened.known,
        expires_at=renewed.expires_at,
        keep_alive=renewed.keep_alive,
        zone=opened.chart.zone,
        offers=renewed.offers,
    )
