"""The routes of writes, one for each operation, and of their jobs and receipts."""

from __future__ import annotations

import inspect
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from cobalt_link.accounts.problems import (
    AccountGone,
    EhrThrottled,
    EhrUnavailable,
    EhrUnexpected,
    MissingRights,
    NotGranted,
    NotSupported,
    ReconnectRequired,
)
from cobalt_link.developers.ehr_domains import EhrDomainNotAllowed
from cobalt_link.records.writes.accept import KeyUsedForAnother, NoSuchRecord, WriteNotAllowed
from cobalt_link.records.writes.desk import JobNotFound, NotPossible, WritesApi
from cobalt_link.records.writes.job import State, Step
from cobalt_link.records.writes.operation import Operation
from cobalt_link.records.writes.operations import OPERATIONS
from cobalt_link.web import Auth, Call, Idempotency, Rate, Routes, Tenant
from cobalt_link.web.problems import InvalidRequest, MissingField, Unavailable
from cobalt_link.web.table import parameters

routes = Routes("records")
keys = Routes("receipts")

WRITE: Any = {
    "auth": Auth.ACCOUNT,
    "tenant": Tenant.ACCOUNT,
    "rate": Rate.WRITE,
    "idempotency": Idempotency.KEY,
    "errors": (
        ReconnectRequired,
        WriteNotAllowed, AccountGone, NotSupported, NotGranted, NoSuchRecord, KeyUsedForAnother, InvalidRequest,
        MissingField, Unavailable,
    ),
}  # fmt: skip
# With dry_run, the EHR is asked.
ASKS = (MissingRights, EhrUnavailable, EhrThrottled, EhrUnexpected, EhrDomainNotAllowed)
JOBS: Any = {
    "auth": Auth.CLIENT,
    "tenant": Tenant.CLIENT,
    "idempotency": Idempotency.NONE,
    "errors": (JobNotFound,),
}


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """`code` says why the job waits or failed, `expires_at` until when it may begin. `record_id` is the id that the
    answer gave to the record."""

    job_id: int
    job_execution_id: int
    operation: str
    record_id: str
    account_id: str
    state: State
    settled: bool
    code: str | None
    reasons: list[dict[str, Any]]
    data: dict[str, Any] | None
    steps: list[Step]
    created_at: datetime
    expires_at: datetime
    settled_at: datetime | None


class JobAnswer(msgspec.Struct, frozen=True):
    job: JobView
    success: bool = True


class JobAsked(msgspec.Struct, frozen=True):
    wait: Annotated[int, Meta(ge=0, le=60, description="Seconds to wait for the job to settle.")] = 0


class ReceiptAnswer(msgspec.Struct, frozen=True):
    """`receipt` is a compact JWS. `payload` is what it signs."""

    receipt: str
    payload: dict[str, Any]
    success: bool = True


class ReceiptKeySet(msgspec.Struct, frozen=True):
    """A JWK Set (RFC 7517 §5)."""

    keys: list[dict[str, Any]]


@routes.get("/v1/jobs/{job_id}", **JOBS, rate=Rate.READ, audit=None, summary="Read how far a write is.")
async def show_job(room: WritesApi, call: Call, body: JobAsked, job_id: str) -> JobAnswer:
    return JobAnswer(JobView(**await room.shown(call.caller.id, job_id, wait=body.wait)))


@routes.post(
    "/v1/jobs/{job_id}/cancel",
    **(JOBS | {"errors": (JobNotFound, NotPossible)}),
    rate=Rate.WRITE,
    audit="job_cancelled",
    summary="Cancel a write that the EHR has not got yet.",
)
async def cancel_job(room: WritesApi, call: Call, job_id: str) -> JobAnswer:
    return JobAnswer(JobView(**await room.cancel(call.caller.id, job_id)))


@routes.post(
    "/v1/jobs/{job_id}/retry",
    **(JOBS | {"errors": (JobNotFound, NotPossible)}),
    rate=Rate.WRITE,
    audit="job_retried",
    summary="Do a failed write again, which the EHR certainly does not hold.",
)
async def retry_job(room: WritesApi, call: Call, job_id: str) -> JobAnswer:
    return JobAnswer(JobView(**await room.retry(call.caller.id, job_id)))


@routes.get(
    "/v1/jobs/{job_id}/receipt",
    **(JOBS | {"errors": (JobNotFound, NotPossible)}),
    rate=Rate.READ,
    audit=None,
    summary="Read the signed receipt of a settled write: what was asked, and what the EHR holds.",
)
async def show_receipt(room: WritesApi, call: Call, job_id: str) -> ReceiptAnswer:
    return ReceiptAnswer(*await room.receipt(call.caller.id, job_id))


@keys.get(
    "/.well-known/receipts-jwks.json",
    auth=Auth.NONE,
    tenant=Tenant.NONE,
    rate=Rate.PUBLIC,
    idempotency=Idempotency.NONE,
    audit=None,
    errors=(Unavailable,),
    summary="The public keys that verify receipts.",
)
async def show_receipt_keys(room: WritesApi, call: Call) -> ReceiptKeySet:
    call.response_headers["Cache-Control"] = "public, max-age=300"
    return ReceiptKeySet(await room.receipt_keys())


class DryRun(msgspec.Struct, frozen=True):
    """Nothing was written. `reasons` says why the EHR would refuse, as far as it can be known."""

    valid: bool
    reasons: list[dict[str, Any]]
    dry_run: bool = True
    success: bool = True


def _answer_of(operation: Operation) -> type[msgspec.Struct]:
    """The answer of an operation: the record's id and the job, at the top and in `data` (contract §9 row 9)."""
    name = "".join(part.capitalize() for part in operation.name.replace(".", "_").split("_"))
    own: list[Any] = [(operation.record, str), ("job_id", int), ("job_execution_id", int), ("message", str)]
    own += [(field, str) for field in operation.echoed]
    data = msgspec.defstruct(f"{name}Data", own, frozen=True)
    return msgspec.defstruct(f"{name}Accepted", [*own, ("data", data), ("success", bool, True)], frozen=True)


def _declare(operation: Operation) -> None:
    answer = _answer_of(operation)
    data = next(each.type for each in msgspec.structs.fields(answer) if each.name == "data")
    in_path = sorted(parameters(operation.path))
    has_dry_run = "dry_run" in operation.asked.__struct_fields__

    async def write(room: WritesApi, call: Call, body: Any, **path: str) -> Any:
        if has_dry_run and body.dry_run:
            return DryRun(*await room.check(operation, call, body, path))
        accepted = await room.accept(operation, call, body, path)
        echoed = (getattr(body, field) for field in operation.echoed)
        own = (accepted.record_id, accepted.job_id, accepted.job_id, operation.message, *echoed)
        return answer(*own, data(*own))

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    named = [inspect.Parameter(name, kind) for name in ("room", "call", "body", *in_path)]
    write.__signature__ = inspect.Signature(named)  # type: ignore[attr-defined]
    write.__name__ = write.__qualname__ = operation.name.replace(".", "_")
    write.__annotations__ = {
        "body": operation.asked,
        **dict.fromkeys(in_path, str),
        "return": answer | DryRun if has_dry_run else answer,
    }
    more: Any = {"max_body": operation.max_body} if operation.max_body else {}
    errors = WRITE["errors"] + operation.errors + (ASKS if has_dry_run else ())
    add = routes.post if operation.method == "POST" else routes.patch
    options = WRITE | {"errors": errors} | more
    add(operation.path, **options, status=operation.status, audit=operation.name, summary=operation.summary)(write)


for _operation in OPERATIONS.values():
    _declare(_operation)
