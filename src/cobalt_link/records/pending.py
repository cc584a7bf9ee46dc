"""Records that the EHR does not hold yet: what is known of them from the write that is to make them.

They have all keys of the record. What the write does not say is null.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Literal, Protocol, get_origin

import msgspec

from cobalt_link.accounts.account import Account
from cobalt_link.records.ids import Kind

Status = Literal["pending", "failed", "outcome_unknown"]


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A record that a write is to make. `fields` are those of the request and of the connector's write, as JSON."""

    id: str
    kind: Kind
    status: Status
    job_id: int
    failure_reason: str | None
    asked_at: datetime
    fields: Mapping[str, Any]


class Promises(Protocol):
    """What the engine of reads asks about writes."""

    async def pending(self, account: Account, kinds: Collection[Kind], our_id: str) -> Pending | None:
        """The record of one of these kinds that a write of the account is to make, and has not made."""
        ...

    async def changing(self, account: Account, our_ids: Collection[str]) -> Mapping[str, int]:
        """The jobs that are to change records, by the ids of these."""
        ...


class NoPromises:
    """Where nothing is written."""

    async def pending(self, account: Account, kinds: Collection[Kind], our_id: str) -> Pending | None:
        return None

    async def changing(self, account: Account, our_ids: Collection[str]) -> Mapping[str, int]:
        return {}


@cache
def pending_shape(shown: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """The struct of a record that is not there yet: each key of the record, and what its job says."""
    fields: list[Any] = [
        (each.encode_name, each.type, each.type())
        if (get_origin(each.type) or each.type) in (list, tuple)
        else (each.encode_name, each.type | None, None)
        for each in msgspec.structs.fields(shown)
        if each.encode_name not in ("id", "status", "job_id")
    ]
    said: list[Any] = [("id", str), ("status", Status), ("job_id", int), ("failure_reason", str | None)]
    return msgspec.defstruct(f"Pending{shown.__name__}", [*said, *fields], frozen=True, kw_only=True)


def shown_as_pending(shown: type[msgspec.Struct], each: Pending, more: Mapping[str, Any]) -> msgspec.Struct:
    """With the fields of the request that the record has too, and `more`."""
    shape = pending_shape(shown)
    known = {**each.fields, **more}
    own = {name: known[name] for name in shape.__struct_fields__ if known.get(name) is not None}
    said = {"id": each.id, "status": each.status, "job_id": each.job_id, "failure_reason": each.failure_reason}
    return shape(**own | said)
