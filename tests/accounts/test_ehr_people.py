"""Whoever signs in at /connections finds their accounts in every org of every app, with one look-up for each app."""

from __future__ import annotations

import pytest

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.ehr_people import EhrPeople
from cobalt_link.accounts.fingerprints import LOGIN, EhrLogin, Fingerprints
from cobalt_link.accounts.sealing import owner
from cobalt_link.store.database import Database
from tests.accounts.world import PLACE, World


async def found(world: World, user: str = "u-1", tenant: str = "") -> list[str]:
    async with world.db.transaction() as tx:
        grant = world.grant(user=user, tenant=tenant)
        return [each.id for each in await world.accounts.of_ehr_user(tx, "tiny", PLACE.address, grant)]


async def in_orgs(world: World, count: int = 3) -> list[Account]:
    """Accounts of one EHR user in orgs of two clients, and two of others."""
    acme, rival = await world.client(), await world.client("Rival Notes")
    orgs = [await world.org(client, f"org-{n}") for client in (acme, rival) for n in range(count)]
    kept = [await world.keep(org) for org in orgs]
    await world.keep(orgs[0], "another", grant=world.grant(user="u-2"))
    await world.keep(orgs[0], "elsewhere", grant=world.grant(tenant="t-2"))
    return kept


async def forget(world: World) -> None:
    """As a former release left the rows."""
    await world.db.run("UPDATE accounts SET ehr_person_fingerprint = NULL")


def people(world: World) -> EhrPeople:
    return EhrPeople(world.db, world.vault, world.keys, world.clock)


async def test_an_ehr_user_finds_their_accounts_in_all_orgs_without_a_hash_for_each(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = await in_orgs(world)
    purposes: list[str] = []
    whole = world.vault.fingerprints
    monkeypatch.setattr(world.vault, "fingerprints", lambda *a: purposes.append(a[0]) or whole(*a))
    assert await found(world) == [each.id for each in reversed(kept)]
    assert len(purposes) == 2 and LOGIN not in purposes
    assert len(await found(world, "u-2")) == len(await found(world, tenant="t-2")) == 1
    assert await found(world, "u-3") == []


async def test_two_apps_cannot_be_seen_to_share_an_ehr_user(world: World) -> None:
    # S-062
    kept = await in_orgs(world)
    prints = {(each.client, (await world.row(each))["ehr_person_fingerprint"]) for each in kept}
    assert len(prints) == len({each for _, each in prints}) == 2


async def test_accounts_of_a_former_release_are_found_before_while_and_after_upkeep_completes_them(
    world: World,
) -> None:
    kept = {each.id for each in await in_orgs(world)}
    await forget(world)
    assert set(await found(world)) == kept
    some = sorted(kept)[0]
    await world.db.run(
        "UPDATE accounts SET ehr_person_fingerprint = %s WHERE id = %s", (await print_of(world, some), some)
    )
    assert sorted(await found(world)) == sorted(kept)
    assert await people(world).complete() == len(kept) + 2 - 1
    assert await people(world).complete() == 0
    assert set(await found(world)) == kept and len(await found(world, "u-2")) == 1
    for account in kept - {some}:
        assert (await world.trail(await world.accounts.by_id(account)))[-1] == "indexed", "The grant was opened."


async def print_of(world: World, account_id: str) -> bytes:
    opened = await world.accounts.opened(await world.accounts.by_id(account_id), "read")
    account = opened.account
    login = (account.client, account.org, account.connector, account.address, account.tenant, opened.user.id)
    return Fingerprints(world.vault).person(EhrLogin(*login))[0]


async def test_one_account_that_does_not_open_keeps_no_other_from_its_fingerprint(world: World) -> None:
    kept = await in_orgs(world)
    await forget(world)
    await world.db.run("UPDATE data_keys SET wrapped = 'no key' WHERE owner = %s", (owner(kept[0].id),))
    await world.db.run("UPDATE accounts SET sealed_grant = 'no grant' WHERE id = %s", (kept[1].id,))
    work = people(world)
    assert await work.complete() == len(kept) + 2 - 2
    assert await work.complete() == 0
    assert (await world.trail(kept[1])).count("indexed") == 1, "It is not tried again and again."
    assert set(await found(world)) == {each.id for each in kept}


async def test_a_round_ends_and_the_next_one_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = await in_orgs(world)
    await forget(world)
    monkeypatch.setattr("cobalt_link.accounts.ehr_people.BATCH", 3)
    assert [await people(world).complete(most=4) for _ in range(3)] == [6, 2, 0]
    assert set(await found(world)) == {each.id for each in kept}


async def test_a_disconnected_account_keeps_no_hash_of_its_ehr_user(world: World) -> None:
    kept = await in_orgs(world, 1)
    await world.accounts.disconnect(kept[0])
    assert (await world.row(kept[0]))["ehr_person_fingerprint"] is None
    assert await found(world) == [kept[1].id]


async def test_after_a_new_hash_key_an_ehr_user_still_finds_all_their_accounts(db: Database) -> None:
    world = World(db)
    kept = await in_orgs(world, 1)
    world.ring.promote(world.ring.add_hash_key())
    after = World(db, world.ring)
    assert set(await found(after)) == {each.id for each in kept}
