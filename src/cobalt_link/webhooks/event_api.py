"""The routes of the event log: read it (contract §5.2), deliver an event again, and replay a range of time."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from cobalt_link.kit.ids import canonical
from cobalt_link.web import Alias, Auth, Call, Idempotency, Rate, Routes, Tenant
from cobalt_link.web.paging import Page, Pagination
from cobalt_link.web.problems import InvalidRequest, UnknownField
from cobalt_link.webhooks.endpoints import Endpoints
from cobalt_link.webhooks.event_log import EventLog, LogFilter, Status, WebhookEventView
from cobalt_link.webhooks.events import Events
from cobalt_link.webhooks.outbox import MOST_REPLAYED, Outbox, Replay
from cobalt_link.webhooks.problems import NoWebhookTakesIt, WebhookEventNotFound, WebhookNotFound

routes = Routes("webhooks")


class EventApi(msgspec.Struct, frozen=True):
    """What the routes work with."""

    log: EventLog
    outbox: Outbox
    endpoints: Endpoints
    events: Events

    async def redeliver(self, client: str, event: str, webhook: str | None) -> int:
        """For how many endpoints. Raises WebhookEventNotFound, WebhookNotFound, NoWebhookTakesIt."""
        if webhook:
            await self.endpoints.find(client, webhook)
        count = await self.outbox.redeliver(client, event, webhook)
        if count is None:
            raise WebhookEventNotFound
        if count == 0:
            raise NoWebhookTakesIt
        await self.endpoints.resume(client, webhook)
        self.events.wake()
        return count

    async def replay(self, client: str, wanted: Replay) -> tuple[int, datetime | None]:
        """As `Outbox.replay`. Raises WebhookNotFound."""
        if wanted.endpoint:
            await self.endpoints.find(client, wanted.endpoint)
        count, rest = await self.outbox.replay(client, wanted)
        await self.endpoints.resume(client, wanted.endpoint)
        self.events.wake()
        return count, rest


class WebhookEventsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    job_id: Annotated[
        str | None, Alias("job_execution_id"), Meta(description="Only events of this job. The final one comes first.")
    ] = None
    event_type: Annotated[
        str | None, Alias("type"), Meta(description="Only events of this type, such as patient.insurance.added.")
    ] = None
    delivery_status: Annotated[
        Status | None, Alias("status"), Meta(description="Only events that were delivered or not.")
    ] = None
    start_date: Annotated[date | None, Meta(description="Created on this day (UTC) or later.")] = None
    end_date: Annotated[date | None, Meta(description="Created on this day (UTC) or before.")] = None
    page: Page = 1
    page_size: Annotated[int, Meta(ge=1, le=100, description="How many on one page.")] = 50
    sort: Annotated[
        Literal["created_at", "-created_at"], Meta(description="-created_at: the newest first. created_at: the oldest.")
    ] = "-created_at"


class WebhookEventsAnswer(msgspec.Struct, frozen=True):
    webhook_events: list[WebhookEventView]
    pagination: Pagination
    success: bool = True


class Redelivery(msgspec.Struct, frozen=True):
    webhook_id: Annotated[
        str | None, Meta(description="Only to this webhook. To all that take the event by default.")
    ] = None


class Redelivered(msgspec.Struct, frozen=True):
    """`webhooks` is how many webhooks get the event."""

    event_id: str
    webhooks: int
    message: str
    success: bool = True


class ReplayRange(msgspec.Struct, frozen=True):
    start: Annotated[datetime, Alias("start_time", "from"), Meta(description="Events created then or later.")]
    end: Annotated[
        datetime | None, Alias("end_time", "to"), Meta(description="Events created before. Until now by default.")
    ] = None
    webhook_id: Annotated[str | None, Meta(description="Only to this webhook. To all of yours by default.")] = None
    undelivered_only: Annotated[
        bool, Meta(description="Leave out events that a webhook has already got. All are sent again by default.")
    ] = False


class Replayed(msgspec.Struct, frozen=True):
    """`deliveries` is how many were started. `next` is where to start again if the range has more events than one call
    replays, else null."""

    deliveries: int
    next: datetime | None
    success: bool = True


@routes.get(
    "/v1/webhook-events",
    auth=Auth.ACCOUNT,
    tenant=Tenant.ACCOUNT,
    rate=Rate.READ,
    idempotency=Idempotency.NONE,
    audit=None,
    errors=(InvalidRequest, UnknownField),
    summary="List the events of an account, with every attempt to deliver them. The newest comes first.",
)
async def list_webhook_events(room: EventApi, call: Call, body: WebhookEventsQuery) -> WebhookEventsAnswer:
    wanted = LogFilter(
        job_id=body.job_id,
        type=body.event_type,
        status=body.delivery_status,
        first=body.start_date,
        last=body.end_date,
        newest_first=body.sort == "-created_at",
    )
    found, total = await room.log.page(call.caller.id, call.account.id, wanted, page=body.page, size=body.page_size)
    return WebhookEventsAnswer(found, Pagination.of(body.page, body.page_size, total))


@routes.post(
    "/v1/webhook-events/{event_id}/redeliver",
    auth=Auth.CLIENT,
    tenant=Tenant.CLIENT,
    rate=Rate.WRITE,
    idempotency=Idempotency.NONE,
    audit=None,
    errors=(WebhookEventNotFound, WebhookNotFound, NoWebhookTakesIt),
    summary="Deliver an event again, with the same id and retries as for a new one.",
)
async def redeliver_event(room: EventApi, call: Call, body: Redelivery, event_id: str) -> Redelivered:
    event_id = canonical(event_id)
    count = await room.redeliver(call.caller.id, event_id, body.webhook_id)
    return Redelivered(event_id, count, "The event is being delivered again.")


@routes.post(
    "/v1/webhook-events/replay",
    auth=Auth.CLIENT,
    tenant=Tenant.CLIENT,
    rate=Rate.WRITE,
    idempotency=Idempotency.NONE,
    audit=None,
    errors=(WebhookNotFound, InvalidRequest),
    summary=f"Deliver the events of a range of time again, one after another. At most {MOST_REPLAYED} in one call.",
)
async def replay_events(room: EventApi, call: Call, body: ReplayRange) -> Replayed:
    end = body.end or call.now
    if body.start.tzinfo is None or end.tzinfo is None or end <= body.start:
        raise InvalidRequest("start and end need an offset such as Z, and end must come after start.")
    wanted = Replay(start=body.start, end=end, endpoint=body.webhook_id, undelivered=body.undelivered_only)
    return Replayed(*await room.replay(call.caller.id, wanted))
