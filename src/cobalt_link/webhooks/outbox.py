"""The outbox: what is still to be delivered. Claims it in batches, in turn over the endpoints, and settles it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from cobalt_link.kit.clock import Clock
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.store.database import Database, Row, Tx
from cobalt_link.store.grouped import Grouped
from cobalt_link.vault import CannotOpen, DataKey
from cobalt_link.webhooks import endpoints, envelope, lanes, statements
from cobalt_link.webhooks.endpoints import Endpoint
from cobalt_link.webhooks.events import payload_context
from cobalt_link.webhooks.lanes import Lanes
from cobalt_link.webhooks.schedule import Answer, Consequence

LEASE: Final = timedelta(seconds=30)  # twice the time that an attempt may take. A dead worker's rows come again then
LANES: Final = 500  # endpoints that one claim looks at
MOST_REPLAYED: Final = 10_000
DISABLED: Final = "endpoint_disabled"


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed row, for the try of this `number`. `body` is None if the key of the payload was destroyed. `waits` is
    as in `consequence_of`."""

    endpoint: Endpoint
    event: str
    claim: int
    number: int
    waits: int
    body: bytes | None


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """Which events are sent again. `endpoint` is None for every one that takes them."""

    start: datetime
    end: datetime
    endpoint: str | None
    undelivered: bool


_Outcome = tuple[Delivery, Answer, Consequence]


class Outbox:
    """The tables `webhook_outbox` and `webhook_tries`."""

    def __init__(self, db: Database, keys: DataKeys, clock: Clock) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self._settle = Grouped(db, self._settle_all, single=True)

    async def claim(self, after: str, running: Lanes) -> tuple[list[Delivery], str]:
        """Due deliveries as `running` has room for them, and the endpoint after which the next claim looks.

        That is '' once every endpoint had its turn.
        """
        rooms, most = running.rooms(), running.free
        given = {
            "after": after,
            "lanes": LANES,
            "room": lanes.NEW,
            "known": list(rooms),
            "rooms": list(rooms.values()),
            "failing": running.takes_failing,
            "busy": running.busy(),
            "most": most,
            "now": self._clock.now(),
            "lease": LEASE.total_seconds(),
        }
        found = await self._db.rows(statements.CLAIM_DUE, given)
        rows = [row for row in found if row["event"] is not None]
        last = found[0]["last_lane"] or ""
        if len(rows) >= most:
            # Cut off after the last endpoint that gave a row, other than one whose rows go out in order.
            last = max((row["id"] for row in rows if not row["in_order"]), default=last)
        return (await self._opened(rows) if rows else []), last

    async def settle(self, delivery: Delivery, answer: Answer, consequence: Consequence) -> None:
        """Logs the try, and ends the delivery or lets it wait for the next one."""
        await self._settle((delivery, answer, consequence))

    async def drop_all(self, tx: Tx, endpoint: str) -> None:
        """Ends what a disabled endpoint still had to get."""
        await tx.execute(statements.DROP_ALL, {"endpoint": endpoint, "now": self._clock.now(), "error": DISABLED})

    async def redeliver(self, client: str, event: str, endpoint: str | None) -> int | None:
        """Makes an event due again. Returns for how many endpoints; None if the client has no such event."""
        found = await self._db.one(statements.FIND, {"id": event, "client": client})
        if found is None:
            return None
        given = {"id": event, "at": found["created_at"], "client": client, "endpoint": endpoint}
        return await self._db.run(statements.REDELIVER, given | {"now": self._clock.now(), "in_order": False})

    async def replay(self, client: str, wanted: Replay) -> tuple[int, datetime | None]:
        """Makes the events of a range due again, one after another, the oldest first.

        Returns how many deliveries, and where the range continues if it has more than `MOST_REPLAYED` events.
        """
        given = {"client": client, "most": MOST_REPLAYED, "now": self._clock.now(), "in_order": True}
        given |= msgspec.structs.asdict(wanted)
        count = await self._db.run(statements.REPLAY, given)
        rest = await self._db.one(statements.REST, given)
        return count, rest["created_at"] if rest else None

    async def _settle_all(self, tx: Tx, outcomes: Sequence[_Outcome]) -> Sequence[None]:
        rows = [_settled(*each) for each in outcomes]
        await tx.execute(statements.SETTLE, {name: [row[name] for row in rows] for name in rows[0]})
        return [None] * len(rows)

    async def _opened(self, rows: list[Row]) -> list[Delivery]:
        wanted = {(row["event"], row["event_at"]) for row in rows}
        columns = {"ids": [event for event, _ in wanted], "ats": [at for _, at in wanted]}
        payloads = {row["id"]: row for row in await self._db.rows(statements.PAYLOADS, columns)}
        owners = {row["owner"] for row in payloads.values()} | {endpoints.owner(row["client"]) for row in rows}
        wrapped = await self._keys.wrapped(sorted(owners))
        keys = {owner: self._keys.opened(owner, form) for owner, form in wrapped.items()}
        known: dict[str, Endpoint] = {}
        for row in rows:
            if row["id"] not in known:
                known[row["id"]] = endpoints.opened(keys[endpoints.owner(row["client"])], row)
        return [_delivery(row, known[row["id"]], payloads.get(row["event"]), keys) for row in rows]


def opened_payload(key: DataKey | None, client: str, event: str, sealed: bytes | None) -> bytes | None:
    """The body of an event. None if its key was destroyed: a key that was made since does not open it."""
    if key is None or sealed is None:
        return None
    try:
        return key.open(sealed, payload_context(client, event))
    except CannotOpen:
        return None


def _delivery(row: Row, endpoint: Endpoint, payload: Row | None, keys: dict[str, DataKey]) -> Delivery:
    body = None
    if payload:
        key = keys.get(payload["owner"])
        body = opened_payload(key, endpoint.client, row["event"], payload["sealed_payload"])
    return Delivery(
        endpoint=endpoint,
        event=row["event"],
        claim=row["claim"],
        number=row["tries"] + 1,
        waits=row["waits"],
        body=envelope.thin(body) if body and endpoint.payload == "thin" else body,
    )


def _settled(delivery: Delivery, answer: Answer, consequence: Consequence) -> dict[str, Any]:
    return {
        "endpoint": delivery.endpoint.id,
        "event": delivery.event,
        "claim": delivery.claim,
        "at": answer.at,
        "milliseconds": answer.milliseconds,
        "status": answer.status,
        "error": answer.error,
        "delivered": consequence.delivered,
        "due_at": consequence.due_at,
    }
