"""When an EHR last worked: noted by whoever used it, at most once a minute, and never the reason that a read fails."""

import pytest

from cobalt_link.accounts.instance_health import InstanceHealth
from cobalt_link.accounts.problems import EhrUnavailable
from cobalt_link.connector import refusals
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.connector import Connector
from tests.accounts.world import PLACE, World


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
