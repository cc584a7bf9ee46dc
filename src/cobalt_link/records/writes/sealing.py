"""Seals what a job stores, with the key of its account: when the account ends, none of it opens."""

from __future__ import annotations

import msgspec

from cobalt_link.accounts.problems import AccountGone
from cobalt_link.records.writes.job import Asked, Result, WriteJob
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.vault import Context, DataKey


class JobSeals:
    """Seals and opens requests and results."""

    def __init__(self, keys: DataKeys) -> None:
        self._keys = keys

    async def seal_asked(self, account: str, job_id: int, asked: Asked) -> bytes:
        """Raises AccountGone."""
        return (await self._key(account)).seal(msgspec.json.encode(asked), _context(account, job_id, "request"))

    async def asked(self, job: WriteJob) -> Asked | None:
        """None once it is erased, or if the account has ended."""
        opened = await self._opened(job, job.sealed_request, "request")
        return msgspec.json.decode(opened, type=Asked) if opened else None

    async def seal_result(self, account: str, job_id: int, result: Result) -> bytes:
        return (await self._key(account)).seal(msgspec.json.encode(result), _context(account, job_id, "result"))

    async def result(self, job: WriteJob) -> Result | None:
        """None as long as there is none, once it is erased, or if the account has ended."""
        opened = await self._opened(job, job.sealed_result, "result")
        return msgspec.json.decode(opened, type=Result) if opened else None

    async def _opened(self, job: WriteJob, sealed: bytes | None, field: str) -> bytes | None:
        key = await self._keys.get(_owner(job.account)) if sealed else None
        return key.open(sealed, _context(job.account, job.id, field)) if key and sealed else None

    async def _key(self, account: str) -> DataKey:
        key = await self._keys.get(_owner(account))
        if key is None:
            raise AccountGone
        return key


def _owner(account: str) -> str:
    return f"account:{account}"


def _context(account: str, job_id: int, field: str) -> Context:
    return Context("write_jobs", account, str(job_id), field)
