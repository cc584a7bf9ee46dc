"""Accepts writes: checks what can be checked without the EHR, stores the job, and answers with its id.

The same Idempotency-Key on one account gives the first answer again and has one effect (S-078 to S-080).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import msgspec
from structlog.contextvars import get_contextvars

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.problems import NotSupported, ReconnectRequired, not_offered
from cobalt_link.connector.connector import Connector
from cobalt_link.jobs.queue import Jobs
from cobalt_link.kit.clock import Clock
from cobalt_link.kit.ids import HEX, canonical, new_id
from cobalt_link.records.ids import EHR_ID, RecordIds
from cobalt_link.records.writes.job import Asked, Step, WriteJob, new_job_id
from cobalt_link.records.writes.operation import Fields, Operation
from cobalt_link.records.writes.sealing import JobSeals
from cobalt_link.records.writes.shapes import WriteAsked
from cobalt_link.records.writes.table import AMEND, RETRY, NewJob, WriteJobs
from cobalt_link.vault import Vault
from cobalt_link.web.conversion import convert
from cobalt_link.web.problems import InvalidRequest, MissingField, Problem

RUN = "records.write"
DISPATCH = "records.dispatch"
PATIENT = ("patient",)
WAITS = timedelta(hours=24)  # how long a job may wait for its person or its EHR
LONGEST_WAIT = timedelta(days=30)
WAKES_EVERY = 0.1  # seconds


class KeyUsedForAnother(Problem):
    """This Idempotency-Key came with another request before. Use a new key for every new request."""

    code = "idempotency_key_used"
    status = 422


class NoSuchRecord(Problem):
    """There is no such record for this account. Send the id that the answer or the list gave you."""

    code = "record_not_found"
    status = 404


class WriteNotAllowed(Problem):
    """The account's user has not allowed this app to write that. They were asked when they linked, and earlier releases
    asked for reading only. Send them through Link again, without update mode."""

    code = "write_not_allowed"
    status = 403


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """`replayed`: the answer to an Idempotency-Key that came before."""

    job_id: int
    record_id: str
    replayed: bool = False


class Offers(msgspec.Struct, frozen=True):
    """The kinds of writes by name, and the installed connectors by key."""

    operations: Mapping[str, Operation]
    connectors: Mapping[str, Connector]


class WriteDesk:
    """Accepts the writes of accounts."""

    def __init__(
        self,
        jobs: WriteJobs,
        seals: JobSeals,
        ids: RecordIds,
        offers: Offers,
        vault: Vault,
        clock: Clock,
    ) -> None:
        self._jobs = jobs
        self._seals = seals
        self._ids = ids
        self._operations = offers.operations
        self._connectors = offers.connectors
        self._vault = vault
        self._clock = clock
        self._queue: Jobs | None = None
        self._woken = 0.0

    def starts_with(self, queue: Jobs) -> None:
        """Where the desk has accepted jobs started."""
        self._queue = queue

    async def accept(
        self, operation: Operation, account: Account, body: WriteAsked, *, key: str | None, target: str | None = None
    ) -> Accepted:
        """Stores the write. Raises NotSupported, NotGranted, NoSuchRecord, KeyUsedForAnother, ReconnectRequired,
        AccountGone."""
        print_ = NO_KEY
        if key:
            print_ = self._prints(account, key, [operation.name, target, operation.sent(body), operation.filled(body)])
        if key and (known := await self._kept(account, print_)):
            return known
        if account.health == "login_required":
            # Accepted jobs wait for their user, but an app that sends one now should send the user to Link first.
            raise ReconnectRequired
        if amended := await self._amended(operation, account, body, target, print_):
            return amended
        asked = await self.checked(operation, account, body, target)
        record_id = await self._record_id(operation, account, target)
        expires = _until(self._clock.now(), body.expires_in)
        while True:
            job = await self._new(operation.name, account, asked, record_id, expires, print_)
            if await self._jobs.insert(job):
                await self._start(job)
                return Accepted(job_id=job.id, record_id=record_id)
            if key and (known := await self._kept(account, print_)):
                return known

    async def accept_read(self, name: str, account: Account, fields: Fields, *, key: str | None) -> Accepted:
        """Stores a read that answers later. Raises KeyUsedForAnother, ReconnectRequired, AccountGone."""
        print_ = self._prints(account, key, [name, fields]) if key else NO_KEY
        if key and (known := await self._kept(account, print_)):
            return known
        if account.health == "login_required":
            raise ReconnectRequired
        request_id = get_contextvars().get("request_id")
        asked = Asked(fields=fields, write={}, reference=account.reference, request_id=request_id)
        expires = _until(self._clock.now(), fields.get("expires_in"))
        while True:
            job = await self._new(name, account, asked, new_id(), expires, print_)
            if await self._jobs.insert(job):
                await self._start(job)
                return Accepted(job_id=job.id, record_id=job.record_id)
            if key and (known := await self._kept(account, print_)):
                return known

    async def checked(self, operation: Operation, account: Account, body: WriteAsked, target: str | None) -> Asked:
        """What to store of a request. Raises NotSupported for a write, or a field of it, that the account's EHR does
        not take, and NoSuchRecord."""
        sent = operation.sent(body)
        filled = operation.filled(body, sent)
        connector = self._connectors.get(account.connector)
        manifest = connector.manifest.offering(account.offers) if connector else None
        name = manifest.name if manifest else account.connector
        taken = manifest.writes.get(operation.name) if manifest else None
        if manifest is None or taken is None:
            raise not_offered(name, operation.name, operation.name, account.offers)
        if operation.name not in account.writes:
            raise WriteNotAllowed
        if refused := operation.unsupported(filled, sent, taken):
            raise NotSupported(
                f"{name} does not take {', '.join(refused)} in {operation.name}. Leave it out for {name}."
            )
        if lacking := operation.lacking(filled, sent, manifest.required.get(operation.name, ())):
            raise MissingField(*lacking)
        return Asked(
            fields=sent,
            write=filled,
            ehr_ids=await self._resolve(operation, account, sent, target),
            target=target,
            reference=account.reference,
            request_id=get_contextvars().get("request_id"),
        )

    async def started_again(self, job: WriteJob, expires: datetime, **amendment: Any) -> bool:
        """With a new `request`, if there is an amendment, and what is `amended` with it."""
        now = self._clock.now()
        given = {"id": job.id, "client": job.client, "now": now, "expires_at": expires, "request": None}
        changed = await self._jobs.try_change(RETRY, given | amendment, [Step("retried", now)])
        if changed:
            await self._start(job)
        return changed

    async def _start(self, job: NewJob | WriteJob) -> None:
        queue, now = self._queue, time.monotonic()
        if queue is None:
            return
        if queue.works_here:
            queue.start(RUN, lane=job.lane, party=job.client, job_id=str(job.id))
        elif now - self._woken > WAKES_EVERY:
            # Another worker takes all that is due, so one wake-up is enough for many writes.
            self._woken = now
            await queue.wake_now(DISPATCH)

    async def _resolve(
        self, operation: Operation, account: Account, given: Fields, target: str | None
    ) -> dict[str, str]:
        """The EHR's ids for those of ours. An id of ours whose record is still being written is resolved later."""
        others, patient = operation.others(given, target), canonical(given.get("patient_id") or "")
        wanted = [(other.kinds, either) for other, either in others.values()]
        known = await self._ids.resolve_all(account, [(PATIENT, patient), *wanted])
        found: dict[str, str] = {}
        for name, (other, either) in others.items():
            ehr_id = known.get((other.kinds, either))
            if ehr_id or not HEX.fullmatch(canonical(either)):
                found[name] = ehr_id or either
            elif not given.get(other.unless or ""):
                await self._need_promise(operation, account, other.kinds[0], canonical(either))
        if HEX.fullmatch(patient) and (PATIENT, patient) not in known:
            await self._need_promise(operation, account, "patient", patient)
        return found

    async def _record_id(self, operation: Operation, account: Account, target: str | None) -> str:
        """Our id of what is written: a new one, or that of the record in the path, which may be named by the EHR's."""
        ours = canonical(target) if target else new_id()
        if target is None or HEX.fullmatch(ours):
            return ours
        if not EHR_ID.fullmatch(target):
            raise NoSuchRecord
        return (await self._ids.give(account, [(operation.kind, target)]))[operation.kind, target]

    async def _need_promise(self, operation: Operation, account: Account, kind: str, our_id: str) -> None:
        """Raises NoSuchRecord unless a job of the account is to create the record."""
        state = await self._jobs.promised(account.id, our_id)
        if state is None:
            text = f"There is no {kind.replace('_', ' ')} {our_id} for this account. Send an id from an answer of ours."
            raise NoSuchRecord(operation.not_found or text)
        if state == "failed" and operation.not_created:
            raise InvalidRequest(operation.not_created)

    async def _amended(
        self, operation: Operation, account: Account, body: WriteAsked, target: str | None, print_: Print
    ) -> Accepted | None:
        """Changes the job that is to create the record, if the EHR has not got it yet (contract §4.5, §4.7)."""
        creating = self._operations.get(operation.name.replace(".update", ".create"))
        if target is None or creating is None or creating is operation:
            return None
        before: WriteJob | None = None
        while True:
            job = await self._jobs.of_record(account.id, canonical(target), creating.name)
            if job and print_.is_among(job.amended):
                return Accepted(job_id=job.id, record_id=job.record_id, replayed=True)
            former = await self._seals.asked(job) if job and job.state != "succeeded" else None
            # If a worker has it already, the change is a job of its own, which waits for that one.
            if job is None or former is None or (before and before.sealed_request == job.sealed_request):
                return None
            merged = convert(former.fields | operation.sent(body), creating.asked)
            asked = await self.checked(creating, account, cast(WriteAsked, merged), None)
            if await self._amend(account, job, asked, body, print_):
                return Accepted(job_id=job.id, record_id=job.record_id)
            before = job

    async def _amend(self, account: Account, job: WriteJob, asked: Asked, body: WriteAsked, print_: Print) -> bool:
        """False if the job has changed since it was read, or if a worker has it."""
        sealed = await self._seals.seal_asked(account, job.id, asked)
        given = {"request": sealed, "amended": print_.kept, "former": job.sealed_request}
        if job.state == "failed":
            return await self.started_again(job, _until(self._clock.now(), body.expires_in), **given)
        return await self._jobs.try_change(AMEND, {"id": job.id, **given})

    async def _new(
        self,
        operation: str,
        account: Account,
        asked: Asked,
        record_id: str,
        expires: datetime,
        print_: Print,
    ) -> NewJob:
        now = self._clock.now()
        job_id = new_job_id(now)
        return NewJob(
            id=job_id,
            client=account.client,
            org=account.org,
            account=account.id,
            lane=account.address,
            operation=operation,
            record_id=record_id,
            sealed_request=await self._seals.seal_asked(account, job_id, asked),
            steps=[Step("accepted", now)],
            created_at=now,
            expires_at=expires,
            key_hash=print_.keys[0] if print_.keys else None,
            request_hash=print_.requests[0] if print_.requests else None,
        )

    async def _kept(self, account: Account, print_: Print) -> Accepted | None:
        found = await self._jobs.of_key(account.id, print_.keys)
        if found is None:
            return None
        job, request_hash = found
        if request_hash not in print_.requests:
            raise KeyUsedForAnother
        return Accepted(job_id=job.id, record_id=job.record_id, replayed=True)

    def _prints(self, account: Account, key: str, given: list[Any]) -> Print:
        # Under the account's id, so that equal requests of two accounts have different hashes (S-062).
        body = msgspec.json.encode(given, order="sorted").decode()
        requests = self._vault.fingerprints("write_request", body, account.id)
        return Print(self._vault.fingerprints("idempotency_key", key, account.id), requests)


class Print(msgspec.Struct, frozen=True):
    """The hashes of an Idempotency-Key and of its request, under every hash key. The current one comes first."""

    keys: Sequence[bytes]
    requests: Sequence[bytes]

    @property
    def kept(self) -> list[bytes]:
        """What a job keeps of it: both hashes in one."""
        return [self.keys[0] + self.requests[0]] if self.keys else []

    def is_among(self, kept: Sequence[bytes]) -> bool:
        """Raises KeyUsedForAnother."""
        for each in kept:
            for key in self.keys:
                if each.startswith(key):
                    if each.removeprefix(key) not in self.requests:
                        raise KeyUsedForAnother
                    return True
        return False


NO_KEY = Print((), ())


def _until(now: datetime, seconds: Any) -> datetime:
    return now + (min(timedelta(seconds=seconds), LONGEST_WAIT) if seconds else WAITS)
