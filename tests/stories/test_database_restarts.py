"""S-101: the database stops at once and comes back again and again, while apps create link tokens."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from pathlib import Path

import httpx2
import pytest

from cobalt_link.kit.clock import SystemClock
from cobalt_link.store.migrate import migrate
from tests.conftest import database_on
from tests.store.conftest import Server
from tests.support.proof import DATABASE_RESTARTS
from tests.support.world import Sandbox, open_for_business, opened, settings_for, shop

CALLERS = 8
BETWEEN = 10.0 if DATABASE_RESTARTS.times > 5 else 1.5  # seconds
HEALED = 2.0  # seconds after the database takes connections again


@pytest.mark.slow
async def test_no_acknowledged_write_is_lost_however_often_the_database_restarts(
    outside: Server, sandbox: Sandbox, tmp_path: Path
) -> None:
    async with database_on(outside.dsn) as dsn:
        await migrate(dsn)
        settings = settings_for(tmp_path, dsn, sandbox.address)
        async with opened(settings, SystemClock()) as house, open_for_business(house) as http:
            app = await shop(house, http, "Acme Scribe")
            given: list[str] = []
            seen: Counter[int] = Counter()
            over = asyncio.Event()

            async def calls(number: int) -> None:
                wanted = {"user_id": f"user-{number}", "org_id": "riverside", "emr_name": "Sandbox EHR"}
                while not over.is_set():
                    answer = await app.call("POST", "/link/token/create", json=wanted)
                    seen[answer.status_code] += 1
                    if answer.is_success:
                        given.append(answer.json()["token"])

            calling = [asyncio.create_task(calls(number)) for number in range(CALLERS)]
            healed = []
            for _ in range(DATABASE_RESTARTS.times):
                await asyncio.sleep(BETWEEN)
                await asyncio.to_thread(outside.stop, signal.SIGQUIT)  # PostgreSQL's immediate shutdown
                await asyncio.to_thread(outside.start)
                healed.append(await seconds_until_written(app.http, app.headers))
            await asyncio.sleep(BETWEEN)
            over.set()
            await asyncio.gather(*calling)
            lost = [
                token
                for token in given
                if (await app.call("GET", "/link/token/get", params={"link_token": token})).is_error
            ]
    print(f"S-101: {DATABASE_RESTARTS.times} restarts, answers {dict(seen)}, {len(lost)} of {len(given)} tokens lost, "
          f"healed after {max(healed):.2f} s at most")  # fmt: skip
    assert lost == [] and len(given) > DATABASE_RESTARTS.times
    assert set(seen) <= {200, 201, 409, 503}
    assert max(healed) < HEALED


async def seconds_until_written(http: httpx2.AsyncClient, headers: dict[str, str]) -> float:
    began = time.monotonic()
    wanted = {"user_id": "healed", "org_id": "riverside", "emr_name": "Sandbox EHR"}
    while not (await http.post("/link/token/create", json=wanted, headers=headers)).is_success:
        await asyncio.sleep(0.02)
    return time.monotonic() - began
