"""The job of one write: its states, its steps, and what it stores sealed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from cobalt_link.connector.writing import Reason

State = Literal["queued", "running", "waiting_for_sign_in", "succeeded", "failed", "outcome_unknown"]
FINAL: frozenset[State] = frozenset({"succeeded", "failed", "outcome_unknown"})

StepName = Literal[
    "accepted", "started", "waiting", "intent", "answered", "read_back", "settled", "cancelled", "retried"
]


class Step(msgspec.Struct, frozen=True):
    """`note` is a code, such as why a job waits. It holds nothing of the chart."""

    name: StepName
    at: datetime
    note: str | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of a request: its fields as the API takes them, those of the connector's write, and the ids of the
    EHR that are known already.

    `target` is the id in the path of the request, `reference` the label of the access token that it came with.
    `request_id` is that of the request.
    """

    fields: dict[str, Any]
    write: dict[str, Any]
    ehr_ids: dict[str, str] = {}
    target: str | None = None
    reference: str
    request_id: str | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a settled job stores. `data` is that of its event, `receipt` the signed one of a write (`receipts.py`)."""

    reasons: tuple[Reason, ...] = ()
    data: dict[str, Any] = {}
    receipt: str | None = None


class WriteJob(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `write_jobs`. `broken` counts the workers that died or failed at it since it last got on. `amended` has
    the hashes of the Idempotency-Key and of the request of each change to it."""

    id: int
    client: str
    org: str
    account: str
    lane: str
    operation: str
    record_id: str
    state: State
    code: str | None
    sealed_request: bytes | None
    sealed_result: bytes | None
    steps: list[Step]
    tries: int
    broken: int
    created_at: datetime
    expires_at: datetime
    intent_at: datetime | None
    settled_at: datetime | None
    claim: int | None
    amended: Sequence[bytes] = ()


def new_job_id(now: datetime) -> int:
    """A number below 2**53, which every JSON parser keeps: the day since 1970, and 36 random bits."""
    return (now.date().toordinal() - 719163) << 36 | int.from_bytes(os.urandom(5)) & (1 << 36) - 1
