"""Two workers whose clocks differ by minutes agree on who has a session, and on when it is due."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx2
import pytest

from cobalt_link import app
from cobalt_link.app import House
from cobalt_link.kit.clock import MovedClock
from tests.link.conftest import session_row, until
from tests.support.text_browser import Browser, link_by_http
from tests.support.world import Sandbox, Shop, connected, opened, shop


@pytest.fixture(params=[-25, 25], ids=["behind", "ahead"])
async def other(request: pytest.FixtureRequest, house: House) -> AsyncIterator[House]:
    """Another process with a clock that is so many minutes behind or ahead."""
    clock = MovedClock()
    clock.move(timedelta(minutes=request.param))
    async with opened(house.settings, clock) as other:
        yield other


@asynccontextmanager
async def swept(house: House) -> AsyncIterator[None]:
    """A sweep as a worker does it. What it started ends with the block."""
    house.jobs.queue.opens(5)
    await next(chore for chore in house.chores if chore.name == "link sessions").work()
    yield
    await house.jobs.queue.closed(30)


async def test_a_session_that_a_worker_has_is_not_taken_over(
    house: House, other: House, acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    page = await link_by_http(client, await acme.link_token(), until="credentials")
    await sandbox.lab("faults", {"slow_ms": 600, "only_path": "/api/login"})
    answering = asyncio.create_task(Browser(client).submit(page, username="user_good", password="pass_good"))
    await until(house, "state = 'running'")
    claim = (await session_row(house))["claim"]
    async with swept(other):
        await asyncio.sleep(0.1)
    assert (await session_row(house))["claim"] == claim
    await answering
    await until(house, "state = 'granted'")
    assert await sandbox.logins() == 1


async def test_a_poll_is_due_for_both_at_the_same_moment(house: House, other: House, sandbox: Sandbox) -> None:
    await sandbox.lab("users/user_push", {"push_plan": "ignore"})
    async with app.serving(house), connected(house) as http:
        acme = await shop(house, http, "Acme Scribe")
        async with app.working(house):
            await link_by_http(http, await acme.link_token(), "user_push", until="waiting")
        await until(house, "state = 'polling'")
        await house.db.run("UPDATE link_sessions SET wake_at = clock_timestamp() + interval '60 seconds'")
        before = (await session_row(house))["version"]
        async with swept(other):
            await asyncio.sleep(0.1)
        assert (await session_row(house))["version"] == before
        await house.db.run("UPDATE link_sessions SET wake_at = clock_timestamp()")
        async with swept(other):
            await until(house, f"version > {before}")
