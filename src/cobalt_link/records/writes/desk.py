"""What the routes of writes work with: accepting and checking writes, and the jobs of a client."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from cobalt_link.connector.writing import NotWritten
from cobalt_link.kit.clock import Clock
from cobalt_link.kit.ids import HEX, canonical
from cobalt_link.records.writes.accept import WAITS, Accepted, WriteDesk
from cobalt_link.records.writes.job import FINAL, Result, Step, WriteJob
from cobalt_link.records.writes.operation import Operation
from cobalt_link.records.writes.prepare import Preparation
from cobalt_link.records.writes.receipts import ReceiptKeys
from cobalt_link.records.writes.sealing import JobSeals
from cobalt_link.records.writes.settle import topic_of
from cobalt_link.records.writes.shapes import ForPatientAsked, WriteAsked
from cobalt_link.records.writes.table import CANCEL, WriteJobs
from cobalt_link.store.signals import Signals
from cobalt_link.web import Call
from cobalt_link.web.problems import Problem

JOB_ID = re.compile(r"[0-9]{1,16}")


class JobNotFound(Problem):
    """There is no such job. Send the job_id from the answer of a write."""

    code = "job_not_found"
    status = 404


class NotPossible(Problem):
    """The job is not in a state for this. Read it with GET /v1/jobs/{id}."""

    code = "job_state"
    status = 409


class WritesApi:
    """Bound to one process."""

    def __init__(
        self,
        desk: WriteDesk,
        jobs: WriteJobs,
        seals: JobSeals,
        preparation: Preparation,
        keys: ReceiptKeys,
        waiting: JobSignals,
    ) -> None:
        self._desk = desk
        self._jobs = jobs
        self._seals = seals
        self._preparation = preparation
        self._keys = keys
        self._signals = waiting.signals
        self._clock = waiting.clock

    async def accept(self, operation: Operation, call: Call, body: WriteAsked, path: Mapping[str, str]) -> Accepted:
        target = path.get(operation.target) if operation.target else None
        asked = _with_patient(body, path)
        accepted = await self._desk.accept(operation, call.account, asked, key=call.idempotency_key, target=target)
        if accepted.replayed:
            call.response_headers["Idempotent-Replayed"] = "true"
        return accepted

    async def check(
        self, operation: Operation, call: Call, body: WriteAsked, path: Mapping[str, str]
    ) -> tuple[bool, list[dict[str, Any]]]:
        """Whether the EHR would take a write, and why not."""
        target = path.get(operation.target) if operation.target else None
        asked = await self._desk.checked(operation, call.account, _with_patient(body, path), target)
        try:
            await self._preparation.check(operation, call.account, asked)
        except NotWritten as refused:
            return False, [msgspec.to_builtins(operation.reason(each)) for each in refused.reasons]
        return True, []

    async def shown(self, client: str, job_id: str, *, wait: int = 0) -> dict[str, Any]:
        """A job as the API shows it. Waits up to `wait` seconds for it to settle."""
        job, end = await self._get(client, job_id), time.monotonic() + wait
        with self._signals.watch(topic_of(job.id)) as watch:
            if wait:
                job = await self._get(client, job_id)
            while job.settled_at is None and (left := end - time.monotonic()) > 0 and not self._signals.released:
                await self._signals.changed(watch, left)
                job = await self._get(client, job_id)
        return self._view(job, await self._seals.result(job))

    async def cancel(self, client: str, job_id: str) -> dict[str, Any]:
        job, now = await self._get(client, job_id), self._clock.now()
        if not await self._jobs.try_change(
            CANCEL, {"id": job.id, "client": client, "now": now}, [Step("cancelled", now)]
        ):
            raise NotPossible(
                "The EHR may have it already, so it cannot be cancelled. Read its result when it is settled."
            )
        return await self.shown(client, job_id)

    async def retry(self, client: str, job_id: str) -> dict[str, Any]:
        job = await self._get(client, job_id)
        if not await self._desk.started_again(job, self._clock.now() + WAITS):
            raise NotPossible(
                "Only a failed write can be done again. If the outcome is unknown, the EHR may hold the record: look"
                " there first."
            )
        return await self.shown(client, job_id)

    async def receipt(self, client: str, job_id: str) -> tuple[str, dict[str, Any]]:
        """The compact JWS, and its payload."""
        result = await self._seals.result(await self._get(client, job_id))
        if result is None or result.receipt is None:
            raise NotPossible("This job has no receipt: it is not settled yet, or its result was erased.")
        payload = result.receipt.split(".")[1]
        return result.receipt, msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))

    async def receipt_keys(self) -> list[dict[str, Any]]:
        return await self._keys.public()

    async def _get(self, client: str, job_id: str) -> WriteJob:
        job = await self._jobs.get(client, int(job_id)) if JOB_ID.fullmatch(job_id) else None
        if job is None:
            raise JobNotFound
        return job

    def _view(self, job: WriteJob, result: Result | None) -> dict[str, Any]:
        return {
            "job_id": job.id,
            "job_execution_id": job.id,
            "operation": job.operation,
            "record_id": job.record_id,
            "account_id": job.account,
            "state": job.state,
            "settled": job.state in FINAL and job.settled_at is not None,
            "code": job.code,
            "reasons": [msgspec.to_builtins(each) for each in result.reasons] if result else [],
            "data": result.data if result else None,
            "steps": job.steps,
            "created_at": job.created_at,
            "expires_at": job.expires_at,
            "settled_at": job.settled_at,
        }


class JobSignals(msgspec.Struct, frozen=True):
    """What a request waits for a job with."""

    signals: Signals
    clock: Clock


def _with_patient(body: WriteAsked, path: Mapping[str, str]) -> WriteAsked:
    """A path may name the patient, by the record number or by our id."""
    if "patient_mrn" not in path or not isinstance(body, ForPatientAsked):
        return body
    patient = path["patient_mrn"]
    ours = HEX.fullmatch(canonical(patient))
    return msgspec.structs.replace(body, **{"patient_id" if ours else "patient_mrn": patient})
