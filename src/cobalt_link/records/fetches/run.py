"""Does live fetches: reads, and settles the job with what was read, or with why it could not be."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.problems import NotSupported, ReconnectRequired
from cobalt_link.connector.writing import Reason
from cobalt_link.kit.clock import Clock
from cobalt_link.records.engine import RecordsEngine
from cobalt_link.records.fetches.fetch import FETCHES, Fetch
from cobalt_link.records.writes.accept import Accepted, WriteDesk
from cobalt_link.records.writes.job import Asked, WriteJob
from cobalt_link.records.writes.run import WriteRunner
from cobalt_link.records.writes.settle import Settlement
from cobalt_link.web import Call
from cobalt_link.web.problems import Problem


class FetchDesk:
    """Accepts live fetches, and does their jobs."""

    def __init__(
        self, desk: WriteDesk, runner: WriteRunner, settlement: Settlement, engine: RecordsEngine, clock: Clock
    ) -> None:
        self._desk = desk
        self._runner = runner
        self._settlement = settlement
        self._engine = engine
        self._clock = clock
        runner.also_does(FETCHES, self)

    async def accept(self, fetch: Fetch, call: Call, body: Any) -> Accepted:
        """Raises NotSupported, in the contract's words."""
        fetch.check(body)
        account: Account = call.account
        if not self._engine.offers(account, fetch.capability):
            ehr = self._engine.ehr_name(account)
            raise NotSupported(f"Live fetch for {fetch.name.partition('.')[0]} is not supported for {ehr}.")
        fields = {name: value for name, value in msgspec.to_builtins(body).items() if value is not None}
        accepted = await self._desk.accept_read(fetch.name, account, fields, key=call.idempotency_key)
        if accepted.replayed:
            call.response_headers["Idempotent-Replayed"] = "true"
        return accepted

    async def __call__(self, job: WriteJob, account: Account, asked: Asked) -> None:
        fetch = FETCHES[job.operation]
        try:
            data = await fetch.run(self._engine, account, msgspec.convert(asked.fields, fetch.asked))
        except ReconnectRequired:
            await self._settlement.waits_for_sign_in(job)
        except Problem as problem:
            if problem.status >= 500 and job.expires_at > self._clock.now():
                seconds = int(problem.headers.get("Retry-After", 10))
                await self._runner.postpone(job, "queued", problem.code, timedelta(seconds=seconds))
                return
            reason = Reason(problem.code.upper(), problem.message)
            await self._settlement.fetched(job, account, fetch.event, asked, {"success": False}, reason)
        else:
            await self._settlement.fetched(job, account, fetch.event, asked, data)
