"""Seals what a job stores, with the key of its account: when the account ends, none of it opens."""

from __future__ import annotations

import msgspec

from cobalt_link.accounts import sealing
from cobalt_link.accounts.account import Account
from cobalt_link.accounts.problems import AccountGone
from cobalt_link.records.writes.job import Asked, Result, WriteJob
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.vault import Context


class JobSeals:
    """Seals and opens requests and results."""

    def __init__(self, keys: DataKeys) -> None:
        self._keys = keys

    async def seal_asked(self, account: Account, job_id: int, asked: Asked) -> bytes:
        """Raises AccountGone."""
        key = await sealing.key_of(self._keys, account)
        if key is None:
            raise AccountGone
        return key.seal(msgspec.json.encode(asked), _context(account.id, job_id, "request"))

    async def asked(self, job: WriteJob) -> Asked | None:
        """None once it is erased, or if the account has ended."""
        opened = await self._opened(job, job.sealed_request, "request")
        return msgspec.json.decode(opened, type=Asked) if opened else None

    async def seal_result(self, account: str, job_id: int, result: Result) -> bytes:
        """Raises AccountGone."""
        key = await self._keys.get(sealing.owner(account))
        if key is None:
            raise AccountGone
        return key.seal(msgspec.json.encode(result), _context(account, job_id, "result"))

    async def result(self, job: WriteJob) -> Result | None:
        """None as long as there is none, once it is erased, or if the account has ended."""
        opened = await self._opened(job, job.sealed_result, "result")
        return msgspec.json.decode(opened, type=Result) if opened else None

    async def _opened(self, job: WriteJob, sealed: bytes | None, field: str) -> bytes | None:
        key = await self._keys.get(sealing.owner(job.account)) if sealed else None
        return key.open(sealed, _context(job.account, job.id, field)) if key and sealed else None


def _context(account: str, job_id: int, field: str) -> Context:
    return Context("write_jobs", account, str(job_id), field)
