"""When an EHR last worked: noted by whoever used it, at most once a minute, and never the reason that a read fails.

Its apps are told once that it answers nobody, and once that it works again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any, LiteralString
from unittest.mock import ANY

import msgspec
import pytest

from cobalt_link.accounts.instance_health import FAILED, InstanceHealth
from cobalt_link.accounts.problems import EhrUnavailable
from cobalt_link.connector import refusals
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.jobs.queue import Jobs
from cobalt_link.store.database import Row
from cobalt_link.webhooks.events import Events, payload_context
from tests.accounts.world import PLACE, World

ELSEWHERE = EhrInstance(address="https://other.example", practice="Lakeside")


class Processes:
    """Two processes on one database, `mine` and `others`, which note how PLACE answers them."""

    def __init__(self, world: World, dsn: str) -> None:
        self.world = world
        self.mine, self.others = [
            InstanceHealth(world.db, world.clock, Events(world.db, world.keys, world.clock, Jobs(dsn))) for _ in "12"
        ]

    async def failed(self, *after: float, address: str = PLACE.address) -> list[str]:
        """Both fail after so many seconds, and again after so many. What the apps have been told since the start."""
        for seconds in after:
            self.world.later(seconds)
            await asyncio.gather(*(each.failed("tiny", address) for each in (self.mine, self.others)))
        return await self.types()

    async def worked(self, *whose: InstanceHealth) -> list[str]:
        await asyncio.gather(*(each.worked("tiny", PLACE.address) for each in whose))
        return await self.types()

    async def events(self) -> list[Row]:
        return await self.world.db.rows("SELECT * FROM webhook_events ORDER BY number")

    async def types(self) -> list[str]:
        return [row["type"] for row in await self.events()]

    async def data(self, row: Row) -> dict[str, Any]:
        key = await self.world.keys.get(row["owner"])
        assert key is not None
        sealed = key.open(row["sealed_payload"], payload_context(row["client"], row["id"]))
        return msgspec.json.decode(sealed)["data"]


@pytest.fixture
async def two(world: World, dsn: str) -> Processes:
    """With an app that has an account there."""
    await world.linked()
    return Processes(world, dsn)


async def test_an_instance_is_degraded_after_two_minutes_without_a_success_and_each_app_is_told_once(
    two: Processes,
) -> None:
    await two.worked(two.mine)
    two.world.later(30)
    began = two.world.clock.now()

    async def since(row: Row) -> float:
        """Seconds after the beginning."""
        return (datetime.fromisoformat((await two.data(row))["since"]) - began).total_seconds()

    assert await two.failed(0, 60, 50) == []
    assert await two.failed(11, 30, 60, 300) == ["ehr.degraded"]
    (row,) = await two.events()
    assert await two.data(row) == {"emr_name": "tiny", "emr_instance_domain": PLACE.address, "since": ANY}
    assert 0 <= await since(row) < 30  # from the first failure
    # One success is enough, whoever has it.
    assert await two.worked(two.others, two.mine) == ["ehr.degraded", "ehr.recovered"]
    (_, row) = await two.events()
    assert await two.data(row) == {"emr_name": "tiny", "emr_instance_domain": PLACE.address, "since": ANY}
    assert 120 <= await since(row) < 150  # from the report
    assert await two.worked(two.mine, two.others) == ["ehr.degraded", "ehr.recovered"]
    # The next time counts from anew.
    assert await two.failed(30, 60, 50) == ["ehr.degraded", "ehr.recovered"]
    assert await two.failed(10) == ["ehr.degraded", "ehr.recovered", "ehr.degraded"]


async def test_one_success_begins_the_two_minutes_anew(two: Processes) -> None:
    await two.worked(two.others)
    assert await two.failed(0, 60, 45) == []
    two.world.later(10)  # just before they end
    assert await two.worked(two.others) == []
    assert await two.failed(1, 60, 49) == []
    assert await two.failed(11) == ["ehr.degraded"]


async def test_an_instance_that_works_for_some_is_not_degraded(two: Processes) -> None:
    """`others` is always answered and notes it once a minute, `mine` never is."""
    for _ in range(60):
        await two.others.worked("tiny", PLACE.address)
        two.world.later(5)
        await two.mine.failed("tiny", PLACE.address)
        two.world.later(5)
    assert await two.types() == []
    last = await two.mine.last_worked("tiny", PLACE.address)
    assert last is not None and (two.world.clock.now() - last).total_seconds() <= 70


async def test_an_address_that_has_never_worked_is_no_instance(two: Processes) -> None:
    await two.worked(two.mine)
    assert await two.failed(0, 120, 600, address="https://typing.example") == []
    assert await two.mine.last_worked("tiny", "https://typing.example") is None
    (row,) = await two.world.db.rows("SELECT * FROM ehr_instances")
    assert (row["address"], row["failing_since"], row["degraded_at"]) == (PLACE.address, None, None)


async def test_every_client_with_an_account_there_is_told_and_no_other(two: Processes) -> None:
    world = two.world
    busy, gone, elsewhere = [await world.org(await world.client(name)) for name in ("Busy", "Gone", "Elsewhere")]
    for user_id in ("dr_ann", "front_desk"):
        await world.keep(busy, user_id)
    left = await world.keep(gone)
    assert await world.accounts.disconnect(left)
    await world.keep(elsewhere, instance=ELSEWHERE)
    there = await world.db.rows("SELECT id FROM clients WHERE name IN ('Acme Scribe', 'Busy')")
    await two.worked(two.mine)
    await two.failed(0, 120)
    await two.worked(two.mine, two.others)
    events = await two.events()
    wanted = [(kind, row["id"]) for kind in ("ehr.degraded", "ehr.recovered") for row in there]
    assert sorted((row["type"], row["client"]) for row in events) == sorted(wanted)
    # Nothing of an account in them: they outlive each of them, and say nothing about its user.
    assert {row["account"] for row in events} == {None}


async def test_an_instance_that_works_in_the_moment_of_the_report_is_not_reported(
    two: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    await two.worked(two.mine, two.others)
    assert await two.failed(60, 60) == []
    two.world.later(60)
    one = two.world.db.one

    async def works_then(sql: LiteralString, given: Mapping[str, Any]) -> Row | None:
        row = await one(sql, given)
        if sql is FAILED:
            await two.others.worked("tiny", PLACE.address)
        return row

    monkeypatch.setattr(two.world.db, "one", works_then)
    await two.mine.failed("tiny", PLACE.address)
    assert await two.types() == []
    (row,) = await two.world.db.rows("SELECT failing_since, degraded_at FROM ehr_instances")
    assert row == {"failing_since": None, "degraded_at": None}


async def test_the_latest_success_of_anybody_is_what_counts(world: World) -> None:
    mine, others = InstanceHealth(world.db, world.clock), InstanceHealth(world.db, world.clock)
    assert await mine.last_worked("tiny", PLACE.address) is None
    await mine.worked("tiny", PLACE.address)
    first = await mine.last_worked("tiny", PLACE.address)
    assert first is not None
    world.later(30)
    await mine.worked("tiny", PLACE.address)
    assert await others.last_worked("tiny", PLACE.address) == first  # exact to a minute
    world.later(31)
    await others.worked("tiny", PLACE.address)
    second = await mine.last_worked("tiny", PLACE.address)
    assert second is not None and second > first
    assert await mine.last_worked("tiny", "https://other.example") is None
    assert await mine.last_worked("huge", PLACE.address) is None


async def test_a_read_that_works_is_noted_and_one_that_does_not_is_not(world: World) -> None:
    _, account = await world.linked()
    health = InstanceHealth(world.db, world.clock)

    async def read(connector: Connector, chart: Chart) -> str:
        return "read"

    async def fails(connector: Connector, chart: Chart) -> None:
        raise refusals.EhrDown

    with pytest.raises(EhrUnavailable):
        await world.sessions.read(account, fails)
    assert await health.last_worked("tiny", PLACE.address) is None
    assert await world.sessions.read(account, read) == "read"
    worked = await health.last_worked("tiny", PLACE.address)
    assert worked is not None and worked <= world.clock.now()


async def test_a_note_that_cannot_be_written_does_not_cost_the_read(world: World) -> None:
    _, account = await world.linked()
    await world.db.run("DROP TABLE ehr_instances")

    async def read(connector: Connector, chart: Chart) -> str:
        return "read"

    assert await world.sessions.read(account, read) == "read"

    async def fails(connector: Connector, chart: Chart) -> None:
        raise refusals.EhrDown

    with pytest.raises(EhrUnavailable):
        await world.sessions.read(account, fails)
