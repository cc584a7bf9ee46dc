"""Upkeep: what was ended leaves the disk too."""

import asyncio
from datetime import timedelta

from cobalt_link.accounts.upkeep import AccountUpkeep
from cobalt_link.store.partitions import Partitions
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
            await upkeep(world).run()
    assert await world.db.rows("SELECT hash FROM access_tokens") == []


def upkeep(world: World) -> AccountUpkeep:
    return AccountUpkeep(
        accounts=world.accounts,
        access=world.access,
        keys=world.keys,
        audit=Partitions(world.db, "audit"),
        clock=world.clock,
        kept=timedelta(days=30),
        audit_kept=timedelta(days=2192),
    )


async def test_a_disconnected_account_ends_after_the_retention_and_no_other(world: World) -> None:
    client, account = await world.linked()
    _, other = await world.linked("Rival Notes")
    await world.token(account)
    await world.accounts.disconnect(account)
    world.later(30 * 86400 - 1)
    await upkeep(world).run()
    assert await world.row(account)
    # A token that the exchange issued in the moment of the disconnect.
    await world.db.run(
        "INSERT INTO access_tokens (hash, account, client, created_at) VALUES ('x', %s, %s, now())",
        (account.id, client.id),
    )
    world.later(2)
    await upkeep(world).run()
    assert not await world.row(account)
    assert await world.db.rows("SELECT FROM access_tokens") == []
    assert await world.row(other)
    assert await world.trail(account) == ["linked", "disconnected"]


async def test_the_audit_is_kept_for_six_years_and_dropped_by_the_month(world: World) -> None:
    _, account = await world.linked()
    await world.accounts.opened(account, "read")
    await upkeep(world).run()
    assert (await months(world))[0] == "audit_19700101"
    world.later(6 * 365 * 86400)
    await world.accounts.opened(account, "read")
    await upkeep(world).run()
    assert await world.trail(account) == ["linked", "read", "read"]
    assert (await months(world))[0] != "audit_19700101", "What was before the first month is dropped."
    world.later(32 * 86400)
    await upkeep(world).run()
    assert await world.trail(account) == ["read"]


async def months(world: World) -> list[str]:
    rows = await world.db.rows("SELECT inhrelid::regclass::text AS name FROM pg_inherits ORDER BY 1")
    return [row["name"][:14] for row in rows if row["name"].startswith("audit_")]


async def test_tokens_end_in_batches(world: World) -> None:
    _, account = await world.linked()
    await world.db.run(
        "INSERT INTO access_tokens (hash, account, client, created_at, expires_at)"
        " SELECT sha256(n::text::bytea), %s, %s, now(), now() - interval '1 day' FROM generate_series(1, 2500) n",
        (account.id, account.client),
    )
    token = await world.token(account)
    assert await world.access.prune() == 2500
    assert await world.access.resolve(account.client, token)


async def test_the_sweep_leaves_healthy_accounts_alone(world: World) -> None:
    await world.linked()
    await world.sessions.sweep()
    assert world.ehr.attempts == 0
