"""Our ids of an EHR's records: stable, unguessable, sealed, and only for whom they were given out."""

import asyncio

from cobalt_link.records.ids import Kind, RecordIds
from tests.accounts.world import World

NAMES: list[tuple[Kind, str]] = [("appointment", "1"), ("patient", "1"), ("patient", "2")]


async def test_the_same_record_keeps_its_id_and_different_ones_differ(world: World) -> None:
    _, account = await world.linked()
    ids = RecordIds(world.db, world.keys)
    first = await ids.give(account, NAMES)
    assert await ids.give(account, reversed(NAMES * 2)) == first
    assert len(set(first.values())) == 3
    assert all(len(each) == 32 and int(each, 16) >= 0 for each in first.values())
    assert await ids.give(account, []) == {}


async def test_an_id_resolves_for_its_kind_ehr_org_and_client_only(world: World) -> None:
    client, account = await world.linked()
    org = await world.known(client.id)
    ids = RecordIds(world.db, world.keys)
    ours = (await ids.give(account, [("appointment", "77")]))["appointment", "77"]
    colleague = await world.keep(org, grant=world.grant(user="u-2"))
    assert await ids.resolve(account, "appointment", ours) == "77"
    assert await ids.resolve(colleague, "appointment", ours) == "77"
    other_clinic = await world.keep(org, grant=world.grant(tenant="clinic b"))
    other_org = await world.keep(await world.org(client, "hillside"))
    _, rivals = await world.linked("Rival Notes")
    for stranger in (other_clinic, other_org, rivals):
        await ids.give(stranger, [("appointment", "77")])
        assert await ids.resolve(stranger, "appointment", ours) is None
    assert await ids.resolve(account, "patient", ours) is None
    assert await ids.resolve(account, "appointment", "77") is None
    assert await ids.resolve(account, "appointment", "f" * 32) is None


async def test_an_org_without_any_id_resolves_nothing(world: World) -> None:
    _, account = await world.linked()
    assert await RecordIds(world.db, world.keys).resolve(account, "patient", "f" * 32) is None


async def test_many_at_once_agree_on_one_key_and_one_row_each(world: World) -> None:
    _, account = await world.linked()
    ids = RecordIds(world.db, world.keys)
    names: list[tuple[Kind, str]] = [("patient", str(n)) for n in range(200)]
    tries = [names if turn % 2 else names[::-1] for turn in range(12)]
    found = await asyncio.gather(*(ids.give(account, each) for each in tries))
    assert all(each == found[0] for each in found)
    rows = await world.db.rows("SELECT count(*) AS count FROM record_ids")
    assert rows == [{"count": 200}]


async def test_the_ehrs_id_rests_sealed_and_dies_with_the_orgs_key(world: World) -> None:
    _, account = await world.linked()
    ids = RecordIds(world.db, world.keys)
    ours = (await ids.give(account, [("patient", "mrn-4711")]))["patient", "mrn-4711"]
    (row,) = await world.db.rows("SELECT * FROM record_ids")
    assert b"mrn-4711" not in bytes(row["sealed_ehr_id"]) and "mrn-4711" not in repr(row)
    async with world.db.transaction() as tx:
        await world.keys.destroy(tx, f"org:{account.org}")
    assert await ids.resolve(account, "patient", ours) is None
