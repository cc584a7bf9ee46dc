"""Receivers that hang or drip hold up nobody else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from statistics import quantiles

from cobalt_link.app import House
from tests.support.world import Shop
from tests.webhooks.receiver import Receiver, receiving, record, register, settled

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
