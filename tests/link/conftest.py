"""Link without a worker beside: tests start one, in a process of its own or here, when the time has come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from cobalt_link import app
from cobalt_link.app import House
from tests.support.world import Shop, connected, shop


@pytest.fixture
async def idle(house: House) -> AsyncIterator[httpx2.AsyncClient]:
    """An HTTP client of the house, which is served; no worker is at work."""
    async with app.serving(house), connected(house) as http:
        yield http


@pytest.fixture
async def idle_acme(house: House, idle: httpx2.AsyncClient) -> Shop:
    return await shop(house, idle, "Acme Scribe")


async def session_row(house: House) -> dict[str, Any]:
    """The latest link_session, as it rests."""
    row = await house.db.one("SELECT * FROM link_sessions ORDER BY created_at DESC LIMIT 1")
    assert row is not None
    return row


async def until(house: House, condition: str) -> None:
    """Until the latest link session meets an SQL condition."""
    found = f"SELECT {condition} AS yes FROM link_sessions ORDER BY created_at DESC LIMIT 1"
    async with asyncio.timeout(20):
        while not (await house.db.one(found) or {}).get("yes"):  # type: ignore[arg-type]
            await asyncio.sleep(0.01)


async def until_begun(house: House, step: str) -> None:
    """Until this step stands in the journal as begun and not finished."""
    found = "SELECT count(*) AS n FROM journal WHERE name = %s AND state = 'open'"
    async with asyncio.timeout(20):
        while (await house.db.one(found, (step,)) or {"n": 0})["n"] == 0:
            await asyncio.sleep(0.01)
