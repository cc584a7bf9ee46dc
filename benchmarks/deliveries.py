"""Webhook deliveries per second to a receiver that answers at once, recorded, claimed, sealed, and logged.

The baseline is a loop of signed POSTs of the same body over the same guarded client, as many at once, and nothing else.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from benchmarks.cpu import Meter
from benchmarks.telling import ratio, spread
from benchmarks.world import free_port, program, world
from cobalt_link import app
from cobalt_link.kit.clock import MovedClock
from cobalt_link.net.http import Http
from cobalt_link.settings import load
from cobalt_link.webhooks import envelope, signing
from cobalt_link.webhooks.api import WebhookApi
from cobalt_link.webhooks.endpoints import Endpoint, EndpointChoices
from cobalt_link.webhooks.events import Event
from cobalt_link.webhooks.lanes import WIDEST
from cobalt_link.webhooks.sender import MOST_BYTES, TIMEOUT

TARGET = 0.5
AHEAD = timedelta(hours=1)
DATA = {"appointment_id": "5f1c3ad6a1a74a0cb9b9a4a0f3d0f6a2", "mrn": "1001", "date_time": "2026-11-29T10:00:00-05:00"}


async def run(rounds: int = 7, events: int = 2000) -> None:
    """Rounds of so many deliveries for each of the two. They take turns, and so does who begins."""
    async with world(COBALT_LOG_LEVEL="error") as here:
        port, clock = free_port(), MovedClock()
        settings = load({}, here.env)
        async with (
            program("-m", "benchmarks.receiver", str(port), env=here.env, port=port),
            app.opened(settings, clock) as house,
            app.working(house),
        ):
            api = next(each for _, each in house.webhooks.routes if isinstance(each, WebhookApi))
            url = f"http://127.0.0.1:{port}/hooks"
            endpoint = await api.endpoints.register(here.client, url, EndpointChoices())
            bare = Http(allow_private=True, timeout=TIMEOUT, max_body=MOST_BYTES)
            meter = Meter(os.getpid(), here.settings.postgres_path)
            sides = (lambda: _delivered(house, clock), lambda: _posted(bare, endpoint, events))
            found: list[list[tuple[float, float]]] = [[], []]
            for number in range(rounds):
                for which in (0, 1) if number % 2 == 0 else (1, 0):
                    if which == 0:
                        await _recorded(house, clock, here.client, events)
                    found[which].append(await _measured(sides[which], meter, events))
            await bare.close()
    pairs = list(zip(*found, strict=True))
    print(f"webhook deliveries, {rounds} rounds of {events} each, load {os.getloadavg()[0]:.1f}")
    _line("deliveries per second", [(us[0], them[0]) for us, them in pairs], more_is_better=True)
    _line("µs of CPU per delivery, PostgreSQL's too", [(us[1], them[1]) for us, them in pairs], more_is_better=False)


def _line(what: str, pairs: list[tuple[float, float]], *, more_is_better: bool) -> None:
    ours, bare = zip(*pairs, strict=True)
    ratios = [us / them if more_is_better else them / us for us, them in pairs]
    print(f"  {what}: {spread(ours)}; bare loop {spread(bare)}; {ratio(ratios, TARGET)}")


async def _measured(side: Callable[[], Awaitable[float]], meter: Meter, events: int) -> tuple[float, float]:
    """Deliveries per second, and µs of CPU for each."""
    before = meter.seconds()
    seconds = await side()
    return events / seconds, (meter.seconds() - before) / events * 1e6


async def _recorded(house: app.House, clock: MovedClock, client: str, events: int) -> None:
    """Events that nobody delivers yet."""
    event = Event(type="appointment.created", data=DATA, client=client, job_id=1)
    async with house.db.transaction() as tx:
        clock.move(AHEAD)
        for _ in range(events):
            await house.webhooks.events.record(tx, event)
        clock.move(-AHEAD)


async def _delivered(house: app.House, clock: MovedClock) -> float:
    """Seconds from when all are due until every one is delivered and logged."""
    began = time.perf_counter()
    clock.move(AHEAD)
    house.webhooks.events.wake()
    while await house.db.one("SELECT event FROM webhook_outbox LIMIT 1"):
        await asyncio.sleep(0.005)
    clock.move(-AHEAD)
    return time.perf_counter() - began


async def _posted(http: Http, endpoint: Endpoint, events: int) -> float:
    numbers = iter(range(events))

    async def loop() -> None:
        for number in numbers:
            now = datetime.now(UTC)
            parts = envelope.EnvelopeParts(
                id=f"{number:032x}", type="task.created", at=now, reference=None, job=1, user_id=None, live_fetch=False
            )
            body = envelope.body(parts, DATA)
            headers = signing.headers([endpoint.secret], parts.id, str(int(now.timestamp())), 1, body)
            response = await http.request("POST", endpoint.url, headers=headers, content=body)
            assert response.status == 200

    began = time.perf_counter()
    await asyncio.gather(*(loop() for _ in range(WIDEST)))
    return time.perf_counter() - began
