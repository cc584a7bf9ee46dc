"""Upkeep: what was ended leaves the disk too."""

import asyncio
from datetime import timedelta

from cobalt_link.accounts import upkeep
from tests.accounts.world import World


async def test_hourly_upkeep_forgets_ended_tokens_and_shreds_destroyed_keys(world: World) -> None:
    # S-064
    client, account = await world.linked()
    await world.token(account)
    await world.access.rotate(account, client.env, timedelta(seconds=5))
    world.later(5)
    await world.accounts.disconnect(account)
    assert await world.db.rows("SELECT owner FROM data_keys_erased") != []
    # An open transaction, such as an automatic ANALYZE, may still see the rows: then the next round removes them.
    async with asyncio.timeout(60):
        while await world.db.rows("SELECT owner FROM data_keys_erased"):
            await upkeep.shred(world.access, world.keys)
    assert await world.db.rows("SELECT hash FROM access_tokens") == []


async def test_the_sweep_leaves_healthy_accounts_alone(world: World) -> None:
    await world.linked()
    await world.sessions.sweep()
    assert world.ehr.attempts == 0
