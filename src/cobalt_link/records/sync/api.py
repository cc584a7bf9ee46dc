"""The route by which an app asks for events about changes of one account's schedule, without an endpoint for them."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from cobalt_link.accounts.problems import AccountGone
from cobalt_link.records.sync.reader import ScheduleReader
from cobalt_link.web import Auth, Call, Idempotency, Rate, Routes, Tenant

routes = Routes("records")


class SyncAsked(msgspec.Struct, frozen=True):
    sync: Annotated[bool, Meta(description="Whether to read the schedule again and again, and record its changes.")]


class SyncAnswer(msgspec.Struct, frozen=True):
    account_id: str
    sync: bool
    success: bool = True


@routes.post(
    "/v1/accounts/{account_id}/sync",
    auth=Auth.CLIENT,
    tenant=Tenant.CLIENT,
    rate=Rate.WRITE,
    idempotency=Idempotency.NONE,
    audit="sync",
    errors=(AccountGone,),
    summary="Ask for events about what staff change in an account's schedule, although no webhook endpoint takes them.",
)
async def ask_for_sync(room: ScheduleReader, call: Call, body: SyncAsked, account_id: str) -> SyncAnswer:
    return SyncAnswer(await room.ask(call.caller.id, account_id, sync=body.sync), body.sync)
