"""Works with an account's EHR session: opens it, uses it, and renews it silently when the EHR has ended it.

However many calls in however many processes meet an ended session, one renews it and the others wait for the result.
Renewing tries the connector's `renew` first, and the saved answers only then. A sign-in that the EHR refuses ends in
`login_required` and is never repeated; see docs/why/renewal.md.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

import msgspec
import structlog

from cobalt_link.accounts import refusal_problems
from cobalt_link.accounts.account import Account, OpenAccount
from cobalt_link.accounts.instance_health import InstanceHealth
from cobalt_link.accounts.problems import AccountGone, EhrThrottled, EhrUnexpected, ReconnectRequired
from cobalt_link.accounts.renewals import Claim, RenewalLeases
from cobalt_link.accounts.table import AccountTable
from cobalt_link.connector.ask import Ask
from cobalt_link.connector.capabilities import RenewsSessions
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.grant import Grant, Renewed
from cobalt_link.connector.refusals import EhrBusy, EhrDown, Refusal, SessionEnded
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
EARLY = timedelta(seconds=5)
SIGN_OUT_SECONDS = 5


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
        leases: RenewalLeases,
        health: InstanceHealth,
        connectors: Mapping[str, Connector],
        clock: Clock,
        times: RenewalTimes = TIMES,
    ) -> None:
        self._accounts = accounts
        self._leases = leases
        self._health = health
        self._connectors = connectors
        self._clock = clock
        self._times = times
        self._flights: dict[tuple[str, int], asyncio.Task[None]] = {}

    async def read(self, account: Account, step: EhrCall[T]) -> T:
        """What `step(connector, chart)` reads. The session is renewed once if necessary.

        Raises ReconnectRequired, EhrUnavailable, EhrThrottled, MissingRights, NotSupported, EhrUnexpected, or
        AccountGone. An account that needs its user sends nothing to the EHR (S-141).
        """
        if account.health == "login_required":
            raise ReconnectRequired
        opened = await self._accounts.opened(account, "read", answers=False)
        if not self._has_expired(opened):
            try:
                return await self._do(opened, step)
            except SessionEnded:
                pass
        opened = await self.renewed(account, opened.number)
        try:
            return await self._do(opened, step)
        except SessionEnded as again:
            raise self._problem(account, again) from None

    async def renewed(self, account: Account, seen: int) -> OpenAccount:
        """The account with a grant later than number `seen`, which the EHR no longer accepts."""
        flight = self._flights.get((account.id, seen)) or self._start(account, seen)
        # Shielded: a caller that hangs up must not end the sign-in under the others.
        await asyncio.shield(flight)
        return await self._accounts.opened(account, "read", answers=False)

    async def disconnect(self, account: Account, by: str | None = None) -> None:
        """Ends the account here, then, as far as the EHR answers, its session there. Raises AccountGone.

        `by`: see `AccountTable.disconnect`.
        """
        try:
            opened = await self._accounts.opened(account, "sign_out", answers=False)
        except (AccountGone, VaultError):
            opened = None  # what does not open can still be ended
        if not await self._accounts.disconnect(account, by):
            raise AccountGone
        if opened is not None:
            await self.sign_out(account.connector, opened.chart)

    async def sign_out(self, connector: str, chart: Chart) -> None:
        """Ends an EHR's session that nobody will use any more. If the EHR does not answer, it ends by itself."""
        try:
            async with asyncio.timeout(SIGN_OUT_SECONDS):
                await self._connectors[connector].sign_out(chart)
        except Exception as error:
            log.info("sign_out_failed", connector=connector, error=type(error).__name__)

    async def sweep(self) -> None:
        """Finishes renewals whose process died: the account is healthy again or `login_required`, never in between."""
        for account, number in await self._leases.abandoned():
            try:
                await self.renewed(account, number)
            except Problem as problem:
                log.info("abandoned_renewal_settled", account=account.id, code=problem.code)

    async def close(self) -> None:
        """Waits for the sign-ins that have begun, so that none of them is left in the middle."""
        await asyncio.gather(*self._flights.values(), return_exceptions=True)

    def _has_expired(self, opened: OpenAccount) -> bool:
        return opened.expires_at is not None and opened.expires_at - EARLY <= self._clock.now()

    async def _do(self, opened: OpenAccount, step: EhrCall[T]) -> T:
        account = opened.account
        try:
            found = await step(self._connector(account), opened.chart)
        except (Problem, SessionEnded):
            raise
        except Exception as error:
            no = as_refusal(error)
            if refusal_problems.needs_the_user(no):
                await self._accounts.mark_login_required(account, no.code)
            raise self._problem(account, no) from error
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
            flight.exception()  # read here: every caller may have hung up

    async def _renew(self, account: Account, seen: int) -> None:
        """Returns once there is a later grant, by us or by another process; else raises what to tell the caller."""
        deadline, pause = time.monotonic() + self._times.patience, 0.02
        while True:
            claim = await self._leases.claim(account, seen)
            if claim:
                await self._renew_or_sign_in(claim)
            # Also after our own sign-in: only what stands in the table counts, we may have lost the claim meanwhile.
            standing = await self._leases.standing(account)
            if standing.health == "login_required":
                raise ReconnectRequired
            if standing.grant_number != seen:
                return
            if standing.rest:
                raise self._problem(account, standing.rest)
            if time.monotonic() > deadline:
                raise EhrThrottled(
                    "The session at the EHR is being renewed. Try again in 5 s (the Retry-After header).",
                    headers={"Retry-After": "5"},
                )
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.25)

    async def _renew_or_sign_in(self, claim: Claim) -> None:
        until = time.monotonic() + self._times.sign_in
        connector = self._connector(claim.account)
        if isinstance(connector, RenewsSessions):
            # No password is sent, so a process that dies here must not bring the account closer to its last sign-in.
            if not await self._leases.count_begun(claim, -1) or await self._renewed_session(claim, connector):
                return
            if not await self._leases.count_begun(claim, +1):
                return
        await self._sign_in(claim, connector, until - time.monotonic())

    async def _renewed_session(self, claim: Claim, connector: RenewsSessions) -> bool:
        """Tries `renew`. True if that settled the claim; False if the saved answers have to be used."""
        try:
            # Only a part of the time, else a sign-in that follows would be cut off in the middle.
            async with asyncio.timeout(self._times.sign_in / 3):
                renewed = await connector.renew(claim.opened.chart)
        except Exception as error:
            no = EhrDown() if isinstance(error, TimeoutError) else as_refusal(error)
            if isinstance(no, EhrDown | EhrBusy):
                # A password that is sent to an EHR in trouble fails too, and may count as a wrong one.
                await self._settle(claim, Refused(no))
                return True
            log.info("session_not_renewed", account=claim.account.id, code=no.code)
            return False
        if renewed is not None:
            await self._leases.renewed(claim, _grant_of(claim, renewed), claim.opened.answers)
        return renewed is not None

    async def _sign_in(self, claim: Claim, connector: Connector, seconds: float) -> None:
        if claim.begun > MOST_BEGUN:
            # Twice a process died in the middle and the password may have gone out twice: the user decides.
            await self._leases.dead(claim, "interrupted")
            return
        instance, opened = claim.account.instance, claim.opened

        async def sign_in(ask: Ask) -> Grant:
            return await connector.sign_in(ask, instance)

        try:
            async with asyncio.timeout(seconds):
                saved, known = opened.answers, opened.known
                outcome = await replay(sign_in, MemoryJournal(), saved=saved, known=known, silent=True)
        except TimeoutError:
            outcome = Refused(EhrDown())
        await self._settle(claim, outcome)

    async def _settle(self, claim: Claim, outcome: Outcome) -> None:
        match outcome:
            case Granted(grant, answers):
                if self._accounts.is_ehr_user_of(claim.account, grant, claim.user):
                    await self._leases.renewed(claim, grant, answers or claim.opened.answers)
                else:
                    await self._leases.dead(claim, "other_account")
            case Refused(refusal) if not refusal_problems.needs_the_user(refusal):
                await self._leases.rest(claim, refusal, refusal_problems.rest(refusal, claim.failed))
            case Refused(refusal):
                await self._leases.dead(claim, refusal_problems.reason(refusal))
            case _:
                await self._leases.dead(claim, "login_required")

    def _connector(self, account: Account) -> Connector:
        connector = self._connectors.get(account.connector)
        if connector is None:
            raise EhrUnexpected(
                f"The connector {account.connector} is not installed here any more. Ask the operator to install it."
            )
        return connector

    def _problem(self, account: Account, refusal: Refusal) -> Problem:
        return refusal_problems.problem_of(refusal, self._connector(account).manifest.name, account.instance.host)


def _grant_of(claim: Claim, renewed: Renewed) -> Grant:
    """The account's last grant with its new session."""
    opened = claim.opened
    return Grant(
        user=opened.user,
        tenant=opened.chart.tenant,
        session=renewed.session,
        known=opened.known,
        expires_at=renewed.expires_at,
        keep_alive=renewed.keep_alive,
        zone=opened.chart.zone,
    )
