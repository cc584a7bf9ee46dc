"""Does the write of a job: at most once, and success is what the EHR holds afterwards.

The intent is on disk before the EHR gets anything. A job that is found with an intent is never sent again: what the EHR
holds decides, and not what it answered (S-086).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import msgspec
import structlog

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.problems import AccountGone, ReconnectRequired
from cobalt_link.accounts.sessions import EhrSessions
from cobalt_link.accounts.table import AccountTable
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.refusals import SessionEnded
from cobalt_link.connector.writes import Write
from cobalt_link.connector.writing import Held, MayBeHeld, NotWritten, Reason, Writing, Written
from cobalt_link.jobs.claims import LostClaim
from cobalt_link.kit.clock import Clock
from cobalt_link.records.writes.job import Asked, Step, WriteJob
from cobalt_link.records.writes.operation import Operation
from cobalt_link.records.writes.prepare import Preparation
from cobalt_link.records.writes.settle import Settlement
from cobalt_link.records.writes.table import GIVE_BACK, INTENT, NOT_SENT, POSTPONE, WriteJobs
from cobalt_link.web.problems import Problem

log = structlog.get_logger()

# In seconds after the intent: then a worker that has not sent the write yet, because it was stopped, sends it no more.
SENT_WITHIN = 35.0
# How long after the intent a request may still reach the EHR.
IN_FLIGHT = timedelta(seconds=SENT_WITHIN + 10)
# How long an EHR may take to show what it has answered to have written.
SHOWN = timedelta(seconds=5)
# How long after the intent the last look comes at what was not there. Gateways give up on an EHR that goes on.
LAST_LOOK = timedelta(minutes=2)
LONGEST_PAUSE = timedelta(minutes=10)
MOST_SENDS = 3  # each after an EHR that refused the session
MOST_BROKEN = 10  # workers that may die or fail at a job before it is given up (S-087)


class WriteRunner:
    """`await runner(job_id=…)` does a due job."""

    def __init__(
        self,
        jobs: WriteJobs,
        accounts: AccountTable,
        sessions: EhrSessions,
        preparation: Preparation,
        settlement: Settlement,
        clock: Clock,
    ) -> None:
        self._jobs = jobs
        self._accounts = accounts
        self._sessions = sessions
        self._preparation = preparation
        self._settlement = settlement
        self._clock = clock
        self._others: dict[str, OtherWork] = {}

    def also_does(self, names: Iterable[str], work: OtherWork) -> None:
        """Has `work` done for the jobs of these operations, which write nothing."""
        self._others |= dict.fromkeys(names, work)

    async def __call__(self, *, job_id: str) -> None:
        job = await self._jobs.claim(int(job_id), self._clock.now())
        if job is None:
            return
        with suppress(LostClaim):
            async with self._jobs.claims.kept(job_id, job.claim):
                try:
                    await (self._run(job) if job.broken < MOST_BROKEN else self._give_up(job))
                except asyncio.CancelledError:
                    # This worker has to end: another one goes on at once, and not after the lease.
                    await asyncio.shield(self._jobs.change(GIVE_BACK, job, ()))
                    raise

    async def _give_up(self, job: WriteJob) -> None:
        """Ends a job at which every worker dies or fails, so that it does not do so for ever."""
        settle, sent = self._settlement, job.intent_at is not None
        log.error("write_given_up", job=job.id, operation=job.operation, sent=sent)
        try:
            operation, asked = self._preparation.operation(job), await settle.seals.asked(job)
            if sent:
                await settle.unknown(job, operation, asked, None)
            else:
                await settle.failed(job, operation, asked, [BROKEN])
        except Exception as error:
            # It may be the settling that fails, because the request cannot be read.
            log.error("write_ended_without_receipt", job=job.id, error=type(error).__name__)
            await settle.without_receipt(job, "outcome_unknown" if sent else "failed", BROKEN.code)

    async def _run(self, job: WriteJob) -> None:
        settle = self._settlement
        asked = await settle.seals.asked(job)
        try:
            account = await self._accounts.by_id(job.account)
        except AccountGone:
            account = None
        if job.operation in self._others:
            if account and asked:
                await self._others[job.operation](job, account, asked)
            else:
                await settle.without_receipt(job, "failed", DISCONNECTED.code)
            return
        operation = self._preparation.operation(job)
        if account is None or asked is None:
            if job.intent_at is None:
                await settle.failed(job, operation, asked, [DISCONNECTED])
            else:  # nobody can look into the EHR anymore
                await settle.unknown(job, operation, asked, None)
        elif job.intent_at is not None:
            await self._look(job, operation, account, asked, None)
        elif job.expires_at <= self._clock.now():
            await settle.failed(job, operation, asked, [_expired(job)])
        else:
            await self._send(job, operation, account, asked)

    async def _send(self, job: WriteJob, operation: Operation, account: Account, asked: Asked) -> None:
        try:
            write = await self._preparation.write(job, operation, account, asked)
            touches = await self._preparation.touches(operation, account, write)
            held = await self._made_before(job, operation, account, write)
        except NotWritten as refused:
            await self._settlement.failed(job, operation, asked, refused.reasons)
            return
        except Problem as problem:
            await self._wait(job, operation, asked, problem)
            return
        if held is not None:
            await self._settlement.succeeded(job, operation, account, asked, write, held, None)
            return
        now, deadline = self._clock.now(), asyncio.get_running_loop().time() + SENT_WITHIN
        await self._jobs.change(INTENT, job, [Step("intent", now)], now=now, touches=touches)
        job = msgspec.structs.replace(job, intent_at=now, tries=job.tries + 1)
        answer: Answer = None
        try:
            async with asyncio.timeout_at(deadline):
                answer = await self._sessions.once(
                    account, _writes(self._preparation.writing(account, operation), write)
                )
        except TimeoutError:
            log.info("write_not_answered", job=job.id, code="too_late")
        except NotWritten as refused:
            answer = refused
        except SessionEnded as ended:
            answer = ended
        except ReconnectRequired as problem:
            # The EHR refused the user before it looked at the write.
            await self._jobs.change(NOT_SENT, job, ())
            await self._wait(job, operation, asked, problem)
            return
        except Problem as problem:
            if problem.status < 500:
                answer = NotWritten(Reason(problem.code.upper(), problem.message))
            log.info("write_not_answered", job=job.id, code=problem.code)
        await self._look(job, operation, account, asked, answer, write)

    async def _made_before(self, job: WriteJob, operation: Operation, account: Account, write: Write) -> Held | None:
        """What an earlier try of this job made after all, although nothing was there when it was looked for."""
        if job.tries == 0:
            return None
        try:
            held = await self._held(account, self._preparation.writing(account, operation), write, None)
        except MayBeHeld:
            return None  # the try before ended with a no of the EHR, or it could be told then
        return held if held is not None and held.took else None

    async def _look(
        self,
        job: WriteJob,
        operation: Operation,
        account: Account,
        asked: Asked,
        answer: Answer,
        write: Write | None = None,
    ) -> None:
        """Settles a job whose write the EHR may have, by what the EHR holds."""
        writing = self._preparation.writing(account, operation)
        held, certain = None, writing.read_back is not None
        try:
            write = write or await self._preparation.write(job, operation, account, asked)
            held = await self._held(account, writing, write, answer)
        except NotWritten:
            pass  # what the write is about is gone from the EHR
        except MayBeHeld:
            certain = False
        except Problem as problem:
            await self._look_again(job, operation, asked, problem, write)
            return
        if held is not None and write is not None and (held.took or _was_taken(answer, held)):
            await self._settlement.succeeded(job, operation, account, asked, write, held, answer)
        elif isinstance(answer, NotWritten):
            await self._settlement.failed(job, operation, asked, answer.reasons, write, held)
        elif isinstance(answer, SessionEnded) and job.tries < MOST_SENDS:
            await self._jobs.change(NOT_SENT, job, ())
            await self.postpone(job, "queued", "session_ended", timedelta(0))
        elif writing.read_back is None:
            await self._settlement.unknown(job, operation, asked, write)
        elif self._may_still_arrive(job):
            await self.postpone(job, "running", "not_in_ehr_yet", self._pause(job), answer)
        elif (left := LAST_LOOK - self._since_intent(job)) > timedelta(0):
            await self.postpone(job, "outcome_unknown", "not_in_ehr_yet", left, answer)
        elif not certain:
            await self._settlement.unknown(job, operation, asked, write)
        else:
            await self._settlement.failed(job, operation, asked, [NOT_IN_EHR], write, held)

    async def _held(self, account: Account, writing: Writing, write: Write, answer: Answer) -> Held | None:
        ehr_id = getattr(answer, "ehr_id", None)
        read_back = writing.read_back
        if read_back is None:
            return Held(ehr_id=ehr_id, fields={}) if ehr_id else None

        async def step(connector: Any, chart: Chart) -> Held | None:
            return await read_back(connector, chart, write, ehr_id)

        return await self._sessions.read(account, step)

    async def _look_again(
        self, job: WriteJob, operation: Operation, asked: Asked, problem: Problem, write: Write | None
    ) -> None:
        """The EHR does not say what it holds. Until the job ends that is unknown, and nobody may send it again."""
        if isinstance(problem, ReconnectRequired):
            await self._settlement.waits_for_sign_in(job)
        elif self._clock.now() >= job.expires_at:
            await self._settlement.unknown(job, operation, asked, write)
        else:
            await self.postpone(job, "outcome_unknown", problem.code, self._pause(job))

    async def _wait(self, job: WriteJob, operation: Operation, asked: Asked, problem: Problem) -> None:
        """Nothing was sent, or nobody may look: tries again later, or once the account's user has signed in."""
        if isinstance(problem, ReconnectRequired):
            await self._settlement.waits_for_sign_in(job)
        elif problem.status < 500:
            await self._settlement.failed(job, operation, asked, [Reason(problem.code.upper(), problem.message)])
        else:
            seconds = int(problem.headers.get("Retry-After", 10))
            await self.postpone(job, "queued", problem.code, timedelta(seconds=seconds))

    async def postpone(self, job: WriteJob, state: str, code: str, pause: timedelta, answer: Answer = None) -> None:
        now = self._clock.now()
        # `expires_at` is until when it may begin.
        due = now + pause if job.intent_at else min(now + pause, max(job.expires_at, now))
        steps = [Step("answered", now)] if isinstance(answer, Written) else []
        # A job that waits for long must not grow without end.
        steps += [Step("waiting", now, code)] if job.code != code else []
        await self._jobs.change(POSTPONE, job, steps, state=state, code=code, due_at=due)

    def _may_still_arrive(self, job: WriteJob) -> bool:
        answered = any(step.name == "answered" for step in job.steps)
        return self._since_intent(job) < (SHOWN if answered else IN_FLIGHT)

    def _pause(self, job: WriteJob) -> timedelta:
        """Longer each time."""
        return min(max(self._since_intent(job) / 2, timedelta(seconds=1)), LONGEST_PAUSE)

    def _since_intent(self, job: WriteJob) -> timedelta:
        return self._clock.now() - (job.intent_at or self._clock.now())


OtherWork = Callable[[WriteJob, Account, Asked], Awaitable[None]]
Answer = Any
"""`Written`, `NotWritten`, `SessionEnded`, or None if the EHR gave no answer that says what it did."""

NOT_IN_EHR = Reason(
    "NOT_IN_EHR", "The EHR does not hold what was asked for, whatever it answered. Look there before you send it again."
)
DISCONNECTED = Reason("ACCOUNT_DISCONNECTED", "The account was disconnected.")
BROKEN = Reason(
    "INTERNAL_ERROR", "This installation could not do the write: every try broke off. Tell its operator the job_id."
)


def _writes(writing: Writing, write: Write) -> Any:
    async def step(connector: Any, chart: Chart) -> Any:
        return await writing.write(connector, chart, write)

    return step


def _was_taken(answer: Answer, held: Held) -> bool:
    """Whether the EHR held what was asked for, and somebody has changed it since."""
    then, now = getattr(answer, "version", None), held.version
    return then is not None and now is not None and now > then


def _expired(job: WriteJob) -> Reason:
    codes = {"login_required": "EHR_LOGIN_REQUIRED"}
    code = codes.get(job.code or "", "EHR_UNAVAILABLE")
    return Reason(code, f"The EHR could not be reached for this account until {job.expires_at:%Y-%m-%d %H:%M} UTC.")
