"""The log of events as the API shows it: each event with its payload, and every try to deliver it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

import msgspec

from cobalt_link.store.data_keys import DataKeys
from cobalt_link.store.database import Database, Row
from cobalt_link.webhooks import statements
from cobalt_link.webhooks.endpoints import Endpoint, Endpoints
from cobalt_link.webhooks.outbox import opened_payload

Status = Literal["success", "failed", "pending"]


class DeliveryView(msgspec.Struct, frozen=True, kw_only=True):
    """One try to deliver an event. `webhook_attempt` counts from 1. `error` says in a code why there is no
    `response_status_code`. `webhook_url` is null if the webhook was removed since."""

    webhook_attempt: int
    at: datetime
    webhook_id: str
    webhook_url: str | None
    delivered: bool
    response_status_code: int | None
    error: str | None
    duration_ms: int


class WebhookEventView(msgspec.Struct, frozen=True, kw_only=True):
    """An event, with the keys of each version of the contract.

    `delivery_status` and `status` are `success` if every webhook that takes the event has got it, `pending` while one
    is still to get it, `failed` if nothing more is tried, and null if no webhook took it. `data` is null once the
    account was disconnected."""

    id: str
    event_id: str
    object: Literal["event"] = "event"
    type: str
    event_type: str
    created: datetime
    created_at: datetime
    job_id: str | None
    job_execution_id: str | None
    access_token_reference_id: str | None
    user_id: str | None
    data: dict[str, Any] | None
    status: Status | None
    delivery_status: Status | None
    delivered: bool
    delivery_attempts: int
    last_delivery_attempt: datetime | None
    response_status_code: int | None
    webhook_id: str | None
    webhook_url: str | None
    deliveries: list[DeliveryView]


class LogFilter(msgspec.Struct, frozen=True, kw_only=True):
    """`first` and `last` are days in UTC, both included."""

    job_id: str | None = None
    type: str | None = None
    status: Status | None = None
    first: date | None = None
    last: date | None = None
    newest_first: bool = True


class EventLog:
    """What an account's app sees of the events."""

    def __init__(self, db: Database, keys: DataKeys, endpoints: Endpoints) -> None:
        self._db = db
        self._keys = keys
        self._endpoints = endpoints

    async def page(
        self, client: str, account: str, wanted: LogFilter, *, page: int, size: int
    ) -> tuple[list[WebhookEventView], int]:
        """One page of an account's events, and how many there are in all."""
        last = wanted.last if wanted.last != date.max else None  # no day follows it
        given = {
            "client": client,
            "account": account,
            "job_id": wanted.job_id,
            "type": wanted.type,
            "status": wanted.status,
            "start": datetime.combine(wanted.first, time(), UTC) if wanted.first else "-infinity",
            "end": datetime.combine(last + timedelta(days=1), time(), UTC) if last else "infinity",
            "limit": size,
            "offset": (page - 1) * size,
        }
        newest, oldest, count = statements.NEWEST, statements.OLDEST, statements.COUNT
        if wanted.job_id is not None:
            newest, oldest = statements.NEWEST_OF_JOB, statements.OLDEST_OF_JOB
            count = statements.COUNT_OF_JOB
        rows = await self._db.rows(newest if wanted.newest_first else oldest, given)
        # Most lists fit on their first page, and need no second statement.
        total = len(rows) if page == 1 and len(rows) < size else None
        if total is None:
            found = await self._db.one(count, given)
            total = found["count"] if found else 0
        return await self._views(client, rows), total

    async def _views(self, client: str, rows: list[Row]) -> list[WebhookEventView]:
        if not rows:
            return []
        columns = {"ids": [row["id"] for row in rows], "ats": [row["created_at"] for row in rows]}
        tries: dict[str, list[Row]] = {}
        for row in await self._db.rows(statements.TRIES, columns):
            tries.setdefault(row["event"], []).append(row)
        waiting = {row["event"]: row["endpoint"] for row in await self._db.rows(statements.WAITING, columns)}
        owners = sorted({row["owner"] for row in rows})
        keys = {owner: self._keys.opened(owner, form) for owner, form in (await self._keys.wrapped(owners)).items()}
        known = {each.id: each for each in await self._endpoints.all(client)}
        views = []
        for row in rows:
            body = opened_payload(keys.get(row["owner"]), client, row["id"], row["sealed_payload"])
            made = [_delivery_view(each, known) for each in tries.get(row["id"], [])]
            views.append(_view(row, msgspec.json.decode(body) if body else {}, made, waiting.get(row["id"]), known))
        return views


def _view(
    row: Row, envelope: dict[str, Any], tries: Sequence[DeliveryView], waiting: str | None, known: dict[str, Endpoint]
) -> WebhookEventView:
    last = tries[-1] if tries else None
    endpoint = last.webhook_id if last else waiting
    return WebhookEventView(
        id=row["id"],
        event_id=row["id"],
        type=row["type"],
        event_type=row["type"],
        created=row["created_at"],
        created_at=row["created_at"],
        job_id=row["job_id"],
        job_execution_id=row["job_id"],
        access_token_reference_id=envelope.get("access_token_reference_id"),
        user_id=envelope.get("user_id"),
        data=envelope.get("data"),
        status=row["status"],
        delivery_status=row["status"],
        delivered=row["status"] == "success",
        delivery_attempts=len(tries),
        last_delivery_attempt=last.at if last else None,
        response_status_code=last.response_status_code if last else None,
        webhook_id=endpoint,
        webhook_url=known[endpoint].url if endpoint in known else None,
        deliveries=list(tries),
    )


def _delivery_view(row: Row, known: dict[str, Endpoint]) -> DeliveryView:
    endpoint = row["endpoint"]
    return DeliveryView(
        webhook_attempt=row["number"],
        at=row["at"],
        webhook_id=endpoint,
        webhook_url=known[endpoint].url if endpoint in known else None,
        delivered=row["delivered"],
        response_status_code=row["status"],
        error=row["error"],
        duration_ms=row["milliseconds"],
    )
