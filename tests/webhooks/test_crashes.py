"""Workers are killed in the middle of deliveries: nothing is lost, and what comes twice has the same id."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

from cobalt_link.app import House
from cobalt_link.webhooks.api import WebhookApi
from cobalt_link.webhooks.endpoints import EndpointChoices
from cobalt_link.webhooks.events import Event
from tests.support import proof
from tests.support.processes import Running, a_worker
from tests.webhooks.receiver import OK, received, receiving, until, waiting

CLAIMED = "SELECT count(*) AS count FROM webhook_outbox WHERE claimed_until IS NOT NULL"
RUN_OUT = (
    "UPDATE webhook_outbox SET claimed_until = clock_timestamp() - interval '1 second' WHERE claimed_until > now()"
)


# S-071
async def test_killed_workers_lose_no_event_and_repeat_only_what_was_under_way(house: House) -> None:
    chance, count, kills = random.Random(71), proof.DELIVERED_EVENTS.times, proof.DELIVERY_KILLS.times

    async def answer(_: bytes) -> bytes:
        await asyncio.sleep(chance.uniform(0, 0.02))
        return OK

    async with receiving(answer) as receiver:
        client, _ = await house.developers.clients.create("Acme Scribe", test=True)
        api = next(each for _, each in house.webhooks.routes if isinstance(each, WebhookApi))
        for number in range(4):
            await api.endpoints.register(client.id, f"{receiver.url}/{number}", EndpointChoices())
        ids = await recorded(house, client.id, count)
        under_way, wanted = 0, 4 * count
        for number in range(kills):
            goal = len(receiver.wire.heard) + wanted // (kills + 2)
            with a_worker(house.settings) as one, a_worker(house.settings) as two:
                await both_ready(one, two)
                await until(lambda goal=goal: len(receiver.wire.heard) >= goal, 60)
                await asyncio.sleep(chance.uniform(0, 0.02))
                one.kill()
                two.kill()
                await one.ended()
                await two.ended()
            assert await waiting(house) > 0, f"The kill {number} came when everything was delivered."
            row = await house.db.one(CLAIMED)
            under_way += row["count"] if row else 0
            await house.db.run(RUN_OUT)  # instead of waiting for the lease
        with a_worker(house.settings) as one, a_worker(house.settings) as two:
            await both_ready(one, two)
            while await waiting(house):
                await asyncio.sleep(0.05)
    got = Counter((each.path, each.id) for each in map(received, receiver.wire.heard))
    assert got.keys() == {(f"/hooks/{number}", each) for number in range(4) for each in ids}
    duplicates = got.total() - len(got)
    print(f"{4 * count} deliveries, {2 * kills} kills: {duplicates} came twice, {under_way} were under way")
    assert duplicates <= under_way
    row = await house.db.one("SELECT count(*) AS count FROM webhook_tries WHERE delivered")
    assert row == {"count": 4 * count}


async def recorded(house: House, client: str, count: int) -> list[str]:
    async with house.db.transaction() as tx:
        event = Event(type="task.created", data={"task_id": "t1"}, client=client)
        return [await house.webhooks.events.record(tx, event) for _ in range(count)]


async def both_ready(*workers: Running) -> None:
    for each in workers:
        await each.ready()
