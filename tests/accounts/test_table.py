"""One account per end user and EHR user, sealed under its own key, audited before it opens, gone when disconnected."""

import asyncio
from typing import Any, LiteralString

import msgspec
import pytest

from cobalt_link.accounts import audit
from cobalt_link.accounts.account import Account
from cobalt_link.accounts.fingerprints import MOST, EhrLogin
from cobalt_link.accounts.problems import AccountGone
from cobalt_link.accounts.sealing import owner
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.refusals import OtherAccount
from cobalt_link.developers.clients import Client
from cobalt_link.store.database import Database
from cobalt_link.vault import CannotOpen, Context
from cobalt_link.web.problems import Unavailable
from tests.accounts.world import PLACE, World, answers

SEALED_TABLES: tuple[LiteralString, ...] = ("accounts", "audit", "data_keys")


async def test_a_first_link_makes_an_account_that_opens_to_what_was_granted(world: World) -> None:
    client, account = await world.linked()
    assert (account.client, account.org_id, account.user_id) == (client.id, "riverside", "dr_ann")
    assert (account.reference, account.health, account.health_reason) == ("dr_ann", "active", None)
    opened = await world.accounts.opened(account, "read")
    assert (opened.account, opened.chart.instance, opened.user.username) == (account, PLACE, "ann")
    assert (opened.chart.session, opened.chart.known, opened.known) == ({"number": 1}, {"seen": True}, {"seen": True})
    assert opened.answers == answers("pass_good")
    assert (await world.accounts.opened(account, "read", answers=False)).answers == {}


async def test_linking_the_same_ehr_user_again_gives_the_same_account_with_the_new_grant(world: World) -> None:
    _, first = await world.linked()
    await world.accounts.mark_login_required(first, "wrong_credentials")
    world.ehr.end_sessions()
    world.ehr.password = "changed"
    again = await world.keep(await world.known(first.client))
    assert (again.id, again.health, again.health_reason, again.linked_at) == (first.id, "active", None, first.linked_at)
    opened = await world.accounts.opened(again, "read")
    assert (opened.chart.session, opened.answers) == ({"number": 2}, answers("changed"))
    assert len(await world.db.rows("SELECT id FROM accounts")) == 1


@pytest.mark.parametrize("turn", range(5))
async def test_twelve_links_of_one_end_user_at_once_make_one_account(world: World, turn: int) -> None:
    org = await world.org(await world.client())
    kept = await asyncio.gather(*(world.keep(org) for _ in range(12)))
    assert len({account.id for account in kept}) == 1
    assert len(await world.db.rows("SELECT owner FROM data_keys")) == 1
    assert (await world.accounts.opened(kept[0], "read")).chart.session == {"number": 1}


async def test_a_second_account_of_the_same_ehr_user_is_made_only_when_it_is_wanted(world: World) -> None:
    client, first = await world.linked()
    org = await world.known(client.id)
    second = await world.keep(org, another=True)
    assert second.id != first.id
    assert (await world.keep(org)).id == first.id
    login = EhrLogin.of(org.client, org.id, "tiny", PLACE.address, world.grant())
    assert await _of_end_user(world, login) == [first.id, second.id]
    assert (await world.keep(org, kept=second.id)).id == second.id
    assert (await world.keep(org, kept="0" * 32)).id == first.id  # it was disconnected meanwhile
    assert await _of_end_user(world, login, "dr_bo") == []
    for other in ({"user": "u-2"}, {"org": "another org"}):
        assert await _of_end_user(world, msgspec.structs.replace(login, **other)) == []
    # Each can be repaired, and the person finds both.
    async with world.db.transaction() as tx:
        await world.accounts.repair(tx, second.id, world.grant(), answers("changed"))
        found = await world.accounts.of_ehr_user(tx, "tiny", PLACE.address, world.grant())
    assert {each.id for each in found} == {first.id, second.id}
    # One that is left is the one that linking again leads to, and the free place is taken by the next that is wanted.
    await world.accounts.disconnect(first)
    assert await _of_end_user(world, login) == [second.id]
    assert (await world.keep(org)).id == second.id
    third = await world.keep(org, another=True)
    assert third.id not in (first.id, second.id)
    assert await _of_end_user(world, login) == [third.id, second.id]
    assert (await world.keep(org)).id == third.id


async def test_nobody_gets_more_accounts_than_a_person_can_tell_apart(world: World) -> None:
    client, first = await world.linked()
    org = await world.known(client.id)
    made = {(await world.keep(org, another=True)).id for _ in range(MOST + 2)}
    assert first.id in made and len(made) == MOST


async def test_another_user_tenant_address_connector_org_or_client_is_another_account(world: World) -> None:
    client, first = await world.linked()
    org = await world.known(client.id)
    others = [
        await world.keep(org, grant=world.grant(user="u-2")),
        await world.keep(org, grant=world.grant(tenant="clinic b")),
        await world.keep(org, instance=EhrInstance(address="https://other.example")),
        await world.keep(org, connector="huge"),
        await world.keep(await world.org(client, "hillside")),
        await world.keep(await world.org(await world.client("Rival Notes"))),
    ]
    assert len({first.id, *(account.id for account in others)}) == 7


async def test_a_new_hash_key_still_finds_the_account_and_its_token(db: Database) -> None:
    world = World(db)
    client, first = await world.linked()
    token = await world.token(first)
    second = await world.keep(await world.known(client.id), another=True)
    world.ring.promote(world.ring.add_hash_key())
    after = World(db, world.ring)
    org = await after.known(client.id)
    login = EhrLogin.of(org.client, org.id, "tiny", PLACE.address, after.grant())
    assert await _of_end_user(after, login) == [first.id, second.id]
    assert (await after.keep(org, another=True)).id not in (first.id, second.id)
    assert [(await after.keep(org)).id for _ in range(2)] == [first.id, first.id]
    assert (await after.holder(client, token)).id == first.id


async def test_repairing_gives_the_account_a_new_grant_and_its_health_back(world: World) -> None:
    _, account = await world.linked()
    await world.accounts.mark_login_required(account, "wrong_credentials")
    assert (await world.again(account)).health_reason == "wrong_credentials"
    world.ehr.end_sessions()
    async with world.db.transaction() as tx:
        repaired = await world.accounts.repair(tx, account.id, world.grant(), answers("changed"))
    assert (repaired.id, repaired.health, repaired.health_reason) == (account.id, "active", None)
    assert (await world.accounts.opened(repaired, "read")).answers == answers("changed")


async def test_somebody_else_cannot_repair_an_account(world: World) -> None:
    _, account = await world.linked()
    for other in (world.grant(user="u-2"), world.grant(tenant="clinic b")):
        with pytest.raises(OtherAccount):
            async with world.db.transaction() as tx:
                await world.accounts.repair(tx, account.id, other, answers("theirs"))
    assert (await world.accounts.opened(account, "read")).answers == answers("pass_good")


# ── S-130: audit first, act second ───────────────────────────────────────────────────────────────────────────────────


async def test_every_opening_leaves_a_row_that_says_what_for(world: World) -> None:
    client, account = await world.linked()
    await world.accounts.opened(account, "link.repair")
    await asyncio.gather(*(world.accounts.opened(account, "read") for _ in range(20)))
    trail = await audit.trail(world.db, client.id, account.id)
    assert [each.what for each in trail] == ["linked", "link.repair", *["read"] * 20]


async def test_nothing_is_opened_when_the_audit_row_cannot_be_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, account = await world.linked()
    held = await world.holder(client, await world.token(account))  # with its wrapped keys
    await world.db.run("ALTER TABLE audit ADD CONSTRAINT full_disk CHECK (what <> 'read') NOT VALID")
    opened: list[str] = []
    open_key = world.keys.opened
    monkeypatch.setattr(world.keys, "opened", lambda name, wrapped: opened.append(name) or open_key(name, wrapped))
    for each in (account, held) * 2:
        with pytest.raises(Unavailable):
            await world.accounts.opened(each, "read")
    assert opened == []
    await world.db.run("ALTER TABLE audit DROP CONSTRAINT full_disk")
    for each in (account, held):
        assert (await world.accounts.opened(each, "read")).number == 1
    assert opened == [owner(account.id)] * 2


# ── disconnecting ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_disconnecting_ends_the_tokens_and_leaves_nothing_that_opens(world: World) -> None:
    # S-005, S-064
    client, account = await world.linked()
    token = await world.token(account)
    before = await world.row(account)
    assert await world.accounts.disconnect(account)
    assert await world.trail(account) == ["linked", "disconnected"]
    after = await world.row(account)
    assert await world.access.resolve(client.id, token) is None
    assert await world.keys.get(owner(account.id)) is None
    assert {after[name] for name in after if "sealed" in name or "fingerprint" in name} == {None}
    with pytest.raises(AccountGone):
        await world.accounts.opened(account, "read")
    with pytest.raises(AccountGone):
        await world.accounts.find(client.id, account.id)
    # What was stored, the master key and even a new key of that name do not open it.
    async with world.db.transaction() as tx:
        impostor = await world.keys.create(tx, owner(account.id))
    with pytest.raises(CannotOpen):
        impostor.open(before["sealed_grant"], _context(account))
    assert not await world.accounts.disconnect(account)


async def test_who_was_disconnected_links_anew_as_a_new_account(world: World) -> None:
    client, account = await world.linked()
    await world.accounts.disconnect(account)
    again = await world.keep(await world.known(client.id))
    assert again.id != account.id
    with pytest.raises(AccountGone):
        async with world.db.transaction() as tx:
            await world.accounts.repair(tx, account.id, world.grant(), answers("late"))


async def test_a_sealed_grant_opens_only_in_its_own_row(world: World) -> None:
    # S-053
    _, mine = await world.linked()
    _, theirs = await world.linked("Rival Notes")
    await world.db.run(
        "UPDATE accounts SET sealed_grant = (SELECT sealed_grant FROM accounts WHERE id = %s) WHERE id = %s",
        (theirs.id, mine.id),
    )
    with pytest.raises(CannotOpen):
        await world.accounts.opened(mine, "read")
    with pytest.raises(CannotOpen):
        await world.accounts.opened(await world.again(mine), "read", answers=False)


async def test_the_database_shows_neither_password_nor_session_nor_person(world: World) -> None:
    await world.linked()
    dump = repr([await world.db.rows(f"SELECT * FROM {table}") for table in SEALED_TABLES])
    for secret in ("pass_good", "u-1", "Dr. Ann", '"number"'):
        assert secret not in dump


# ── listing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_client_sees_its_own_accounts_and_no_others(world: World) -> None:
    client, first = await world.linked()
    rival, theirs = await world.linked("Rival Notes")
    hill = await world.keep(await world.org(client, "hillside"), user_id="dr_bo")
    assert await _ids(world, client) == [hill.id, first.id]
    assert await _ids(world, rival) == [theirs.id]
    assert await _ids(world, client, org_id="hillside") == [hill.id]
    assert await _ids(world, client, user_id="dr_ann") == [first.id]
    assert await _ids(world, client, user_id="dr_ann", org_id="hillside") == []
    assert await _ids(world, client, limit=1, after=(hill.linked_at, hill.id)) == [first.id]
    assert await _ids(world, client, limit=1, after=(first.linked_at, first.id)) == []
    for nobodys in (theirs.id, "0" * 32, "nonsense"):
        with pytest.raises(AccountGone):
            await world.accounts.find(client.id, nobodys)


async def test_last_used_is_exact_to_a_minute_and_costs_no_write_in_between(world: World) -> None:
    _, account = await world.linked()
    assert account.last_used_at is None
    await world.accounts.opened(account, "read")
    first = (await world.again(account)).last_used_at
    world.later(30)
    await world.accounts.opened(account, "read")
    assert (await world.again(account)).last_used_at == first
    world.later(31)
    await world.accounts.opened(account, "read")
    last = (await world.again(account)).last_used_at
    assert first is not None and last is not None and last > first


async def _of_end_user(world: World, login: EhrLogin, user_id: str = "dr_ann") -> list[str]:
    return [each.id for each in await world.accounts.of_end_user(login, user_id)]


async def _ids(world: World, client: Client, **asked: Any) -> list[str]:
    return [account.id for account in await world.accounts.of_client(client.id, **asked)]


def _context(account: Account) -> Context:
    return Context("accounts", account.client, account.id, "grant")
