"""What reads may know of writes: records that are still to be made, and which ones are being changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from cobalt_link.accounts.account import Account
from cobalt_link.kit.ids import canonical
from cobalt_link.records.ids import Kind
from cobalt_link.records.pending import Pending, Status
from cobalt_link.records.writes.job import WriteJob
from cobalt_link.records.writes.operation import Operation
from cobalt_link.records.writes.sealing import JobSeals
from cobalt_link.records.writes.table import WriteJobs


class WritePromises:
    """The `Promises` of an installation that writes."""

    def __init__(self, jobs: WriteJobs, seals: JobSeals, operations: Mapping[str, Operation]) -> None:
        self._jobs = jobs
        self._seals = seals
        self._operations = operations

    async def pending(self, account: Account, kinds: Collection[Kind], our_id: str) -> Pending | None:
        job = await self._jobs.creating(account.id, canonical(our_id))
        operation = self._operations.get(job.operation) if job else None
        if job is None or operation is None or operation.target is not None or operation.kind not in kinds:
            return None
        asked = None if job.state == "succeeded" else await self._seals.asked(job)
        if asked is None:
            return None
        result = await self._seals.result(job)
        return Pending(
            id=job.record_id,
            kind=operation.kind,
            status=status_of(job),
            job_id=job.id,
            failure_reason=" ".join(each.description for each in result.reasons) or None if result else None,
            asked_at=job.created_at,
            fields=asked.write | asked.fields,
        )

    async def changing(self, account: Account, our_ids: Collection[str]) -> Mapping[str, int]:
        return await self._jobs.changing(account.org, our_ids)


def status_of(job: WriteJob) -> Status:
    """The contract's word (§4.5, §4.7)."""
    if job.settled_at is None:
        return "pending"
    return "failed" if job.state == "failed" else "outcome_unknown"
