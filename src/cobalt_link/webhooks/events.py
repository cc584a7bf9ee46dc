"""What other rooms call when something happened: records the event with the change that it is about, then delivers it.

An event is recorded whether or not an endpoint takes it, because apps also poll for it (contract §5.1).
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
import structlog

from cobalt_link.jobs.queue import Jobs
from cobalt_link.kit.clock import Clock
from cobalt_link.kit.ids import dated_id
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.store.database import Database, Tx
from cobalt_link.vault import Context
from cobalt_link.webhooks import endpoints, envelope, statements

DELIVER: Final = "webhooks.deliver"

log = structlog.get_logger()


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened. `data` is the contract's payload of the type (contract §6.4).

    `client`, `org`, and `account` are our ids. With `account` the event is sealed with that account's data key, and
    nobody can read it any more once the account is disconnected. So an event about the end of an account names no
    `account`: it is then sealed with the key of the org or, without `org`, of the client.

    `reference` is the `access_token_reference_id`. `job_id` belongs to the final event of a job, and to no other.
    `live_fetch` chooses the contract's envelope of live fetches, which has the `user_id`.
    """

    type: str
    data: dict[str, Any]
    client: str
    org: str | None = None
    account: str | None = None
    reference: str | None = None
    job_id: int | None = None
    live_fetch: bool = False
    user_id: str | None = None


class Events:
    """`record` in the transaction of the change, then `wake` after its commit."""

    def __init__(self, db: Database, keys: DataKeys, clock: Clock, jobs: Jobs) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self._jobs = jobs
        self._waking: asyncio.Task[None] | None = None

    async def record(self, tx: Tx, event: Event) -> str:
        """Stores the event, and one delivery for each endpoint that takes it. Returns the event's id."""
        now, owner = self._clock.now(), _owner(event)
        event_id = dated_id(now)
        key = await self._keys.get(owner, tx)
        # The key of an account is never made here: if there is none, the account was disconnected.
        if key is None and event.account is None:
            key = await self._keys.create(tx, owner)
        parts = envelope.EnvelopeParts(
            id=event_id,
            type=event.type,
            at=now,
            reference=event.reference,
            job=event.job_id,
            user_id=event.user_id,
            live_fetch=event.live_fetch,
        )
        body = envelope.body(parts, event.data)
        row = {
            "id": event_id,
            "now": now,
            "client": event.client,
            "account": event.account,
            "type": event.type,
            "job_id": None if event.job_id is None else str(event.job_id),
            "owner": owner,
            "payload": key.seal(body, payload_context(event.client, event_id)) if key else None,
        }
        await tx.execute(statements.RECORD, row)
        return event_id

    def wake(self) -> None:
        """Delivers now. If this process is no worker, a job wakes one. A sweep finds what neither reached."""
        if self._jobs.works_here:
            self._jobs.start(DELIVER)
        elif self._waking is None or self._waking.done():
            self._waking = asyncio.create_task(self._wake_a_worker())

    async def _wake_a_worker(self) -> None:
        try:
            async with self._db.transaction() as tx:
                await self._jobs.wake(tx, DELIVER)
        except Exception as error:
            log.warning("delivery_not_woken", error=type(error).__name__)


def payload_context(client: str, event_id: str) -> Context:
    return Context("webhook_events", client, event_id, "payload")


def _owner(event: Event) -> str:
    if event.account:
        return f"account:{event.account}"
    return f"org:{event.org}" if event.org else endpoints.owner(event.client)
