"""Settles a job: its state, its result, its receipt, its record's id, and its event in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.problems import AccountGone
from cobalt_link.connector.writes import Write
from cobalt_link.connector.writing import Held, NotWritten, Reason
from cobalt_link.kit.clock import Clock
from cobalt_link.records.ids import RecordIds
from cobalt_link.records.writes.job import Asked, Result, State, Step, WriteJob
from cobalt_link.records.writes.operation import Done, Fields, Operation
from cobalt_link.records.writes.receipts import Receipt, ReceiptKeys, differences, plain
from cobalt_link.records.writes.sealing import JobSeals
from cobalt_link.records.writes.table import POSTPONE, SETTLE, WriteJobs
from cobalt_link.store.database import Database, Tx
from cobalt_link.store.signals import announce
from cobalt_link.webhooks.events import Event, Events

OUTCOME_UNKNOWN = Reason(
    "OUTCOME_UNKNOWN",
    "Nobody knows whether the EHR has it: the connection broke, and it cannot be read back. Look in the EHR before you"
    " send it again.",
)


class Settlement:
    """Writes the end of a job. Only the worker that has the claim can."""

    def __init__(
        self, db: Database, jobs: WriteJobs, seals: JobSeals, ids: RecordIds, keys: ReceiptKeys, stationery: Stationery
    ) -> None:
        self.seals = seals
        self._db = db
        self._jobs = jobs
        self._ids = ids
        self._keys = keys
        self._events = stationery.events
        self._clock = stationery.clock
        self._issuer = stationery.issuer
        self._renamed = stationery.renamed

    async def succeeded(
        self,
        job: WriteJob,
        operation: Operation,
        account: Account,
        asked: Asked,
        write: Write,
        held: Held,
        answer: object,
    ) -> None:
        done = Done(record_id=job.record_id, asked=asked.fields, write=write, held=held)
        data = {operation.record: job.record_id, **(operation.data(done) if operation.data else {}), **held.shown}
        # An EHR may answer an error although it did it (fhir-oddities 33). What it holds is what counts.
        note = "although the EHR refused" if isinstance(answer, NotWritten) else None
        result = Result(data=data, receipt=await self._receipt(job, operation, "succeeded", asked, write, held))
        kind = operation.event_of(write)
        event = self._event(job, self._renamed.get(kind, kind), data, asked)
        await self._settle(job, "succeeded", None, result, event, (held, account, operation), note)

    async def failed(
        self,
        job: WriteJob,
        operation: Operation,
        asked: Asked | None,
        reasons: Sequence[Reason],
        write: Write | None = None,
        held: Held | None = None,
    ) -> None:
        """`held` is the record that a change did not change."""
        await self._end(job, operation, "failed", asked, reasons, write, held)

    async def unknown(self, job: WriteJob, operation: Operation, asked: Asked | None, write: Write | None) -> None:
        await self._end(job, operation, "outcome_unknown", asked, [OUTCOME_UNKNOWN], write)

    async def fetched(
        self,
        job: WriteJob,
        account: Account,
        event: str,
        asked: Asked,
        data: Fields,
        reason: Reason | None = None,
    ) -> None:
        """Settles a job that only read. With a reason it has failed."""
        if reason:
            data |= {"failure_reason": reason.description, "reasons": [msgspec.to_builtins(reason)]}
        state: State = "failed" if reason else "succeeded"
        sent = msgspec.structs.replace(self._event(job, event, data, asked), live_fetch=True, user_id=account.user_id)
        result = Result(reasons=(reason,) if reason else (), data=data)
        await self._settle(job, state, reason.code if reason else None, result, sent, None)

    async def without_receipt(self, job: WriteJob, state: State, code: str) -> None:
        """For a job of which nothing else can be written."""
        now = self._clock.now()
        async with self._db.transaction() as tx:
            steps = [Step("settled", now, code)]
            await self._jobs.change(SETTLE, job, steps, tx, state=state, code=code, now=now, result=None)
            await announce(tx, topic_of(job.id))

    async def waits_for_sign_in(self, job: WriteJob) -> None:
        """Until the account's user has signed in again, or the job expires."""
        now, code = self._clock.now(), "login_required"
        steps = [Step("waiting", now, code)] if job.code != code else []
        await self._jobs.change(POSTPONE, job, steps, state="waiting_for_sign_in", code=code, due_at=None)

    async def _end(
        self,
        job: WriteJob,
        operation: Operation,
        state: State,
        asked: Asked | None,
        reasons: Sequence[Reason],
        write: Write | None,
        held: Held | None = None,
    ) -> None:
        reasons = [operation.reason(each) for each in reasons]
        data: Fields = {
            operation.record: job.record_id,
            **(_echo(operation, asked.fields) if asked else {}),
            "failure_reason": " ".join(each.description for each in reasons),
            "reasons": [msgspec.to_builtins(each) for each in reasons],
        }
        for each in reasons:
            data |= each.details
        receipt = await self._receipt(job, operation, state, asked, write, held, reasons)
        result = Result(reasons=tuple(reasons), data=data, receipt=receipt)
        event = self._event(job, operation.failed, data, asked) if asked else None
        await self._settle(job, state, reasons[0].code, result, event, None)

    async def _settle(
        self,
        job: WriteJob,
        state: State,
        code: str | None,
        result: Result,
        event: Event | None,
        made: tuple[Held, Account, Operation] | None,
        note: str | None = None,
    ) -> None:
        now = self._clock.now()
        try:
            sealed = await self.seals.seal_result(job.account, job.id, result)
        except AccountGone:
            sealed = None  # nobody may read it anymore
        async with self._db.transaction() as tx:
            steps = [Step("read_back", now), Step("settled", now, note)] if made else [Step("settled", now, code)]
            await self._jobs.change(SETTLE, job, steps, tx, state=state, code=code, now=now, result=sealed)
            if made:
                await self._bind(tx, job, *made)
            if sealed is not None and event is not None:
                await self._events.record(tx, event)
            await announce(tx, topic_of(job.id))
        self._events.wake()

    async def _bind(self, tx: Tx, job: WriteJob, held: Held, account: Account, operation: Operation) -> None:
        if operation.target is None:
            await self._ids.bind(tx, account, operation.kind, job.record_id, held.ehr_id, self._clock.now())

    def _event(self, job: WriteJob, kind: str, data: dict[str, Any], asked: Asked) -> Event:
        return Event(
            type=kind,
            data=data,
            client=job.client,
            org=job.org,
            account=job.account,
            reference=asked.reference,
            job_id=job.id,
        )

    async def _receipt(
        self,
        job: WriteJob,
        operation: Operation,
        outcome: State,
        asked: Asked | None,
        write: Write | None,
        held: Held | None,
        reasons: Sequence[Reason] = (),
    ) -> str:
        now = self._clock.now()
        return await self._keys.sign(
            Receipt(
                iss=self._issuer,
                iat=int(now.timestamp()),
                job_id=str(job.id),
                operation=operation.name,
                outcome=outcome,
                record_id=job.record_id,
                ehr_id=held.ehr_id if held else None,
                ehr={"address": job.lane},
                route="api",
                asked_at=job.created_at,
                sent_at=job.intent_at,
                settled_at=now,
                by={"client": job.client, "access_token_reference_id": asked.reference if asked else None},
                asked=plain(write) if write else (asked.fields if asked else {}),
                holds=plain(held.fields) if held else None,
                differences=differences(write, held) if write and held else [],
                pending_signature=held.pending_signature if held else False,
                verified=bool(held and held.fields),
                reasons=tuple(reasons),
                ai=asked.fields.get("ai") if asked else None,
            )
        )


class Stationery(msgspec.Struct, frozen=True):
    """What every settlement is written with. `issuer` is the public address of this installation, `renamed` the types
    of events that it calls otherwise."""

    events: Events
    clock: Clock
    issuer: str
    renamed: Mapping[str, str] = {}


def _echo(operation: Operation, fields: Fields) -> Fields:
    mrn = {name: fields["patient_mrn"] for name in ("mrn", "patient_mrn") if fields.get("patient_mrn")}
    return mrn | {name: fields[name] for name in operation.echo if name in fields}


def topic_of(job_id: int) -> str:
    """Announced when the job is settled."""
    return f"write_job:{job_id}"
