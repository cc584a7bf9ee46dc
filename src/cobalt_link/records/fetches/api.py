"""The routes of the live fetches."""

from __future__ import annotations

from typing import Any

import msgspec

from cobalt_link.accounts.problems import AccountGone, NotSupported, ReconnectRequired
from cobalt_link.records.days import MissingParameters
from cobalt_link.records.fetches.fetch import FETCHES, Fetch
from cobalt_link.records.fetches.run import FetchDesk
from cobalt_link.records.writes.accept import KeyUsedForAnother
from cobalt_link.web import Auth, Call, Idempotency, Rate, Routes, Tenant
from cobalt_link.web.problems import InvalidRequest, Unavailable

routes = Routes("records")
MESSAGE = "Live fetch request accepted. Results will be sent via webhook when ready."


class FetchAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """`job_id` and `job_execution_id` are the same."""

    message: str = MESSAGE
    job_id: int
    job_execution_id: int
    success: bool = True


def _declare(fetch: Fetch) -> None:
    async def accept(room: FetchDesk, call: Call, body: Any) -> Any:
        accepted = await room.accept(fetch, call, body)
        return FetchAccepted(job_id=accepted.job_id, job_execution_id=accepted.job_id)

    accept.__name__ = accept.__qualname__ = fetch.name.replace(".", "_")
    accept.__annotations__ = {"body": fetch.asked, "return": FetchAccepted}
    routes.post(
        fetch.path,
        auth=Auth.ACCOUNT,
        tenant=Tenant.ACCOUNT,
        rate=Rate.WRITE,
        idempotency=Idempotency.KEY,
        audit="read",
        status=202,
        errors=(
            ReconnectRequired,
            AccountGone,
            NotSupported,
            KeyUsedForAnother,
            InvalidRequest,
            MissingParameters,
            Unavailable,
        ),
        summary=fetch.summary,
    )(accept)


for _fetch in FETCHES.values():
    _declare(_fetch)
