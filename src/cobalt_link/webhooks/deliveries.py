"""The deliveries of one worker: takes what is due, sends it, and notes how the endpoints do.

At least once: a worker that dies leaves its claims, and another one takes them over after the lease (S-071).
"""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog

from cobalt_link.developers.clients import Clients
from cobalt_link.jobs.queue import Jobs
from cobalt_link.webhooks.disabling import Disabling
from cobalt_link.webhooks.endpoints import Endpoint, Endpoints
from cobalt_link.webhooks.lanes import QUICK, Lanes
from cobalt_link.webhooks.outbox import Delivery, Outbox
from cobalt_link.webhooks.schedule import PATIENCE, Answer, Consequence, consequence_of
from cobalt_link.webhooks.sender import TIMEOUT, WebhookSender

ERASED = "payload_erased"
CLIENT_DISABLED = "client_disabled"

log = structlog.get_logger()


class Deliveries:
    """One per process. Works while the queue is open."""

    def __init__(
        self,
        jobs: Jobs,
        clients: Clients,
        outbox: Outbox,
        endpoints: Endpoints,
        sender: WebhookSender,
        disabling: Disabling,
    ) -> None:
        self._jobs = jobs
        self._clients = clients
        self._outbox = outbox
        self._endpoints = endpoints
        self._sender = sender
        self._disabling = disabling
        self._lanes = Lanes()
        self._running: set[asyncio.Task[None]] = set()
        self._rounds: asyncio.Task[None] | None = None
        self._wanted = False
        self._after = ""
        self._found = False

    async def sweep(self) -> None:
        """Takes what is due, without waiting for its delivery."""
        self._wanted = True
        if self._rounds is None or self._rounds.done():
            self._rounds = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Waits for what is under way, which ends within the timeout of a request."""
        if self._rounds:
            await self._rounds
        if self._running:
            await asyncio.wait(self._running, timeout=TIMEOUT + 1)

    async def _work(self) -> None:
        try:
            while self._wanted and self._jobs.is_open:
                self._wanted = False
                if await self._round():
                    self._wanted = True
        except Exception as error:
            # The database may be restarting. The next sweep finds the same work.
            log.warning("deliveries_not_claimed", error=type(error).__name__)

    async def _round(self) -> bool:
        """False if nothing is left that could be sent now."""
        if self._lanes.free <= 0:
            return False
        claimed, self._after = await self._outbox.claim(self._after, self._lanes)
        for each in claimed:
            endpoint = each.endpoint
            self._lanes.begin(endpoint.id, endpoint.client, failing=endpoint.failing_since is not None)
            task = asyncio.create_task(self._deliver(each))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        self._found = self._found or bool(claimed)
        if self._after:
            return True
        found, self._found = self._found, False
        return found

    async def _deliver(self, delivery: Delivery) -> None:
        endpoint, well = delivery.endpoint, False
        try:
            well = await self._try_once(delivery)
        except Exception as error:
            log.warning("delivery_not_settled", webhook=endpoint.id, error=type(error).__name__)
        finally:
            failing = endpoint.failing_since is not None
            self._lanes.end(endpoint.id, endpoint.client, failing=failing, well=well)
            await self.sweep()

    async def _try_once(self, delivery: Delivery) -> bool:
        """Whether it was delivered, and quickly."""
        endpoint = delivery.endpoint
        if delivery.body is None:
            answer = Answer(at=self._sender.now, milliseconds=0, error=ERASED)
            await self._outbox.settle(delivery, answer, Consequence(False))
            return True
        if (await self._clients.by_id(endpoint.client)).disabled_at:
            # It may be enabled again. Until then nothing of a chart leaves for it.
            answer = Answer(at=self._sender.now, milliseconds=0, error=CLIENT_DISABLED)
            await self._outbox.settle(delivery, answer, consequence_of(answer, delivery.waits))
            return True
        answer = await self._sender.send(endpoint, delivery.event, delivery.body, delivery.number)
        consequence = consequence_of(answer, delivery.waits)
        # Before the row is free again, so that no other worker goes on against a pause.
        since = await self._note(endpoint, consequence)
        await self._outbox.settle(delivery, answer, consequence)
        if since and consequence.gone:
            await self._disabling.disable(endpoint, "gone", since, answer.at)
        elif since and answer.at - since >= PATIENCE:
            await self._disabling.disable(endpoint, "failing", since, answer.at)
        return consequence.delivered and answer.milliseconds < QUICK

    async def _note(self, endpoint: Endpoint, consequence: Consequence) -> datetime | None:
        """Since when the endpoint has been failing."""
        if not consequence.delivered:
            return await self._endpoints.failed(endpoint.id, consequence.pause)
        if endpoint.failing_since:
            await self._endpoints.worked(endpoint.id)
        return None
