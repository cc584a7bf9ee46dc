"""A real server that receives webhooks, and what the tests of this folder do with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from cobalt_link.app import House
from cobalt_link.webhooks.events import Event
from tests.net.wires import Say, Wire, listening, plain
from tests.support.world import Shop

OK = plain(b"ok")
UNDER_WAY = "SELECT event FROM webhook_outbox WHERE claimed_until IS NOT NULL OR (NOT in_order AND due_at <= %s)"


class Received(msgspec.Struct, frozen=True):
    """One request, as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> dict[str, Any]:
        return msgspec.json.decode(self.body)


class Receiver:
    """`answers` says what to answer to each request, as bytes of HTTP."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.answers: Say | bytes = OK

    @property
    def url(self) -> str:
        return f"{self.wire.url}/hooks"

    @property
    def got(self) -> list[Received]:
        return [received(each) for each in self.wire.heard]

    async def gets(self, count: int, seconds: float = 20) -> list[Received]:
        """Waits until so many requests have arrived."""
        await until(lambda: len(self.wire.heard) >= count, seconds)
        return self.got

    def say(self, request: bytes) -> Any:
        return self.answers if isinstance(self.answers, bytes) else self.answers(request)


def received(raw: bytes) -> Received:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    return Received(first.split(" ")[1], {name.lower(): value for name, value in pairs}, body)


@asynccontextmanager
async def receiving(answers: Say | bytes = OK) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    receiver.answers = answers
    async with listening(receiver.say) as wire:
        receiver.wire = wire
        yield receiver


async def until(true: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "It did not happen in time."
        await asyncio.sleep(0.01)


async def register(shop: Shop, url: str, **choices: Any) -> dict[str, Any]:
    """The webhook as the answer shows it."""
    response = await shop.call("POST", "/v1/webhook", json={"url": url, **choices})
    assert response.status_code == 200, response.text
    return response.json()["webhook"]


async def webhooks(shop: Shop) -> list[dict[str, Any]]:
    return (await shop.call("GET", "/v1/webhook")).json()["webhooks"]


async def record(house: House, shop: Shop, *types: str, wake: bool = True, **more: Any) -> list[str]:
    """Events as a room records them; their ids."""
    data = more.pop("data", {"task_id": "t1"})
    async with house.db.transaction() as tx:
        events = [Event(type=each, data=data, client=shop.record.id, **more) for each in types]
        ids = [await house.webhooks.events.record(tx, each) for each in events]
    if wake:
        house.webhooks.events.wake()
    return ids


async def waiting(house: House) -> int:
    """How many deliveries wait."""
    row = await house.db.one("SELECT count(*) AS count FROM webhook_outbox")
    return row["count"] if row else 0


async def settled(house: House, seconds: float = 20) -> None:
    """Until nothing is under way: what waits is not due, and no worker has it or what follows from it."""
    end = time.monotonic() + seconds
    while house.webhooks.deliveries._running or await house.db.one(UNDER_WAY, (house.deps.clock.now(),)):
        assert time.monotonic() < end, "It did not settle in time."
        await asyncio.sleep(0.01)


async def linked(shop: Shop) -> dict[str, str]:
    """An account of the shop: its access token and its id. No event is recorded of it."""
    answer = await shop.call("POST", "/v1/sandbox/accounts")
    assert answer.status_code == 200, answer.text
    return {"access_token": answer.json()["access_token"], "account": answer.json()["account_id"]}
