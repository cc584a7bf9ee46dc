"""Disables an endpoint, and tells its owner: at the client's other endpoints, by e-mail, and in the log (S-070)."""

from __future__ import annotations

from datetime import datetime

import structlog

from cobalt_link.mail.outbox import Mail
from cobalt_link.store.database import Database
from cobalt_link.webhooks import event_types
from cobalt_link.webhooks.endpoints import Endpoint, Endpoints
from cobalt_link.webhooks.events import Event, Events
from cobalt_link.webhooks.outbox import Outbox
from cobalt_link.webhooks.schedule import DisabledReason

log = structlog.get_logger()


class Disabling:
    """What happens together, in one transaction."""

    def __init__(self, db: Database, endpoints: Endpoints, outbox: Outbox, events: Events, mail: Mail) -> None:
        self._db = db
        self._endpoints = endpoints
        self._outbox = outbox
        self._events = events
        self._mail = mail

    async def disable(self, endpoint: Endpoint, reason: DisabledReason, since: datetime, at: datetime) -> None:
        """`since` is when the failing began. Does nothing if the endpoint is disabled already."""
        said = {"webhook_id": endpoint.id, "webhook_url": endpoint.url, "reason": reason}
        times = {"failing_since": since, "disabled_at": at}
        event = Event(type=event_types.DISABLED, data={**said, **times}, client=endpoint.client)
        # Without the URL, which may hold a token.
        letter = {"webhook_id": endpoint.id, "reason": reason, "failing_since": since.isoformat()}
        async with self._db.transaction() as tx:
            if not await self._endpoints.disable(tx, endpoint.id, reason):
                return
            await self._outbox.drop_all(tx, endpoint.id)
            await self._events.record(tx, event)
            await self._mail.post(tx, endpoint.client, "webhook_disabled", letter)
        log.warning("webhook_disabled", webhook=endpoint.id, client=endpoint.client, reason=reason)
