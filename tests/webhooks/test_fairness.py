"""Receivers that hang or drip hold up nobody else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from statistics import quantiles

import pytest

from cobalt_link.app import House
from cobalt_link.net.http import Http
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.web.problems import RateLimited
from cobalt_link.webhooks import turns
from cobalt_link.webhooks.api import WebhookApi
from cobalt_link.webhooks.endpoints import Endpoint, EndpointChoices, Endpoints
from cobalt_link.webhooks.problems import WebhookUrlRefused
from cobalt_link.webhooks.sender import WebhookSender
from cobalt_link.webhooks.verification_keys import VerificationKeys
from tests.support.world import Shop
from tests.webhooks.receiver import OK, Receiver, receiving, record, register, settled, until

GOOD, EVENTS = 8, 40
SLACK = 0.25  # seconds, for a machine that others use. A receiver that holds others up does so for 15 s


@asynccontextmanager
async def bad_receiver(head: bytes) -> AsyncIterator[str]:
    """Says `head`, then a byte a second. The URL."""
    open_now: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_now.add(writer)
        with suppress(OSError, EOFError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head)
            while True:
                writer.write(b"x" if head else b"")
                await writer.drain()
                await asyncio.sleep(1)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    for writer in open_now:
        writer.transport.abort()


async def latencies(house: House, shop: Shop, receivers: list[Receiver]) -> list[float]:
    """Seconds from the commit of an event to its arrival at each receiver, for events one after another."""
    found = []
    for number in range(EVENTS):
        before = [len(each.wire.heard) for each in receivers]
        began = time.monotonic()
        await record(house, shop, "task.created")
        missing = dict(enumerate(before))
        while missing:
            for index in [index for index, count in missing.items() if len(receivers[index].wire.heard) > count]:
                del missing[index]
                found.append(time.monotonic() - began)
            assert time.monotonic() - began < 10, f"Event {number} has not reached {len(missing)} receivers."
            await asyncio.sleep(0.001)
    return found


# S-072
async def test_a_fifth_of_receivers_that_hang_or_drip_does_not_slow_the_others(house: House, acme: Shop) -> None:
    async with AsyncExitStack() as stack:
        good = [await stack.enter_async_context(receiving()) for _ in range(GOOD)]
        for each in good:
            await register(acme, each.url)
        quiet = [await stack.enter_async_context(receiving()) for _ in range(2)]
        hooks = [await register(acme, each.url) for each in quiet]
        baseline = await latencies(house, acme, good)
        await settled(house)
        for each in hooks:
            await acme.call("DELETE", f"/v1/webhook/{each['id']}")
        for head in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"):
            await register(acme, await stack.enter_async_context(bad_receiver(head)))
        found = await latencies(house, acme, good)
        before, after = (quantiles(each, n=20)[-1] for each in (baseline, found))
        print(f"p95 {after * 1000:.0f} ms with two bad receivers of ten; without {before * 1000:.0f} ms")
        assert after <= max(2 * before, before + SLACK)


# S-072
async def test_one_client_cannot_take_all_calls_that_wait_for_its_own_servers(
    house: House, acme: Shop, rival: Shop
) -> None:
    go = asyncio.Event()

    async def late(_: bytes) -> bytes:
        await go.wait()
        return OK

    async with receiving(late) as slow, receiving() as good:
        path, other = [
            f"/v1/webhook/{(await register(each, url))['id']}/test"
            for each, url in ((acme, slow.url), (rival, good.url))
        ]
        calls = [asyncio.create_task(acme.call("POST", path)) for _ in range(turns.TESTS)]
        await slow.gets(turns.TESTS)
        refused = await acme.call("POST", path)
        assert (refused.status_code, refused.json()["error"]) == (429, "rate_limited")
        assert refused.headers["retry-after"] == str(turns.LATER) and len(slow.got) == turns.TESTS
        assert (await rival.call("POST", other)).json()["delivered"]
        go.set()
        answers = await asyncio.gather(*calls)
        assert all(each.json()["delivered"] for each in answers)
        assert (await acme.call("POST", path)).json()["delivered"]


# S-072
async def test_one_client_cannot_take_all_look_ups(house: House, acme: Shop, rival: Shop) -> None:
    go, asked = asyncio.Event(), list[str]()

    async def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        await go.wait()
        return []

    http, keys = Http(resolve=resolve), DataKeys(house.db, house.deps.vault)
    table = Endpoints(house.db, keys, house.deps.clock, http, private=False)
    signing = VerificationKeys(house.db, keys, house.deps.clock)
    api = WebhookApi(table, WebhookSender(http, house.deps.clock, signing.sign), signing)

    def registering(shop: Shop, host: str) -> asyncio.Task[Endpoint]:
        return asyncio.create_task(api.register(shop.record.id, f"https://{host}/", EndpointChoices()))

    calls = [registering(acme, f"h{number}.example.com") for number in range(turns.CHECKS)]
    await until(lambda: len(asked) == turns.CHECKS)
    with pytest.raises(RateLimited):
        await registering(acme, "one-more.example.com")
    calls.append(registering(rival, "rival.example.com"))
    await until(lambda: "rival.example.com" in asked)
    assert "one-more.example.com" not in asked
    go.set()
    ends = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(each) for each in ends} == {WebhookUrlRefused}  # no such name
    with pytest.raises(WebhookUrlRefused):
        await registering(acme, "one-more.example.com")
    await http.close()
