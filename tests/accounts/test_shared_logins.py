"""Two end users on one EHR login, such as a front desk: each has an account, and neither can harm the other's. S-141"""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.fingerprints import ACCOUNT, LOGIN
from cobalt_link.accounts.problems import EhrThrottled, EhrUnavailable, ReconnectRequired
from cobalt_link.accounts.sealing import owner
from cobalt_link.connector import refusals
from cobalt_link.connector.refusals import OtherAccount
from cobalt_link.developers.clients import Client
from cobalt_link.store.database import Database
from tests.accounts.world import DOCTORS, PLACE, World, answers, names


class Desk:
    """alice and bob, linked with the same EHR login."""

    def __init__(self, world: World, client: Client, alice: Account, bob: Account) -> None:
        self.world, self.client, self.alice, self.bob = world, client, alice, bob

    @classmethod
    async def open(cls, world: World, **of_bob: Any) -> Desk:
        client = await world.client()
        org = await world.org(client)
        return cls(world, client, await world.keep(org, "alice"), await world.keep(org, "bob", **of_bob))

    async def health(self) -> dict[str, str | None]:
        """What is wrong with each account. None if nothing is."""
        rows = await self.world.db.rows("SELECT user_id, health, health_reason FROM accounts")
        assert all((row["health"] == "active") == (row["health_reason"] is None) for row in rows)
        return {row["user_id"]: row["health_reason"] for row in rows}


@pytest.fixture
async def desk(world: World) -> Desk:
    return await Desk.open(world)


async def test_each_end_user_has_an_account_with_its_own_user_id_and_key(desk: Desk) -> None:
    assert desk.alice.id != desk.bob.id
    for account, user_id in ((desk.alice, "alice"), (desk.bob, "bob")):
        found = await desk.world.accounts.of_client(desk.client.id, user_id=user_id)
        assert found == [account] and account.reference == user_id
    keys = [await desk.world.keys.get(owner(each.id)) for each in (desk.alice, desk.bob)]
    assert keys[0] is not None and keys[1] is not None and keys[0].id != keys[1].id


async def test_linking_again_leads_each_end_user_to_their_own_account(desk: Desk) -> None:
    org = await desk.world.known(desk.client.id)
    for user_id, account in (("alice", desk.alice), ("bob", desk.bob), ("alice", desk.alice)):
        assert (await desk.world.keep(org, user_id)).id == account.id
    beside = await desk.world.keep(org, "bob", another=True)
    assert beside.id not in (desk.alice.id, desk.bob.id)
    # The id of another end user's account is not one that this user can keep.
    assert (await desk.world.keep(org, "alice", kept=desk.bob.id)).id == desk.alice.id


async def test_fifty_end_users_at_once_have_fifty_accounts(world: World) -> None:
    org = await world.org(await world.client())
    kept = await asyncio.gather(*(world.keep(org, f"u{n % 50}") for n in range(60)))
    assert {account.user_id: account.id for account in kept} == {each.user_id: each.id for each in kept}
    assert len({account.id for account in kept}) == 50


async def test_labels_belong_to_access_tokens(desk: Desk) -> None:
    world = desk.world
    first, second, bobs = [await world.token(each) for each in (desk.alice, desk.alice, desk.bob)]
    await world.accounts.refer(await world.holder(desk.client, first), "front desk")
    labels = [(await world.holder(desk.client, each)).reference for each in (first, second, bobs)]
    assert labels == ["front desk", "alice", "bob"]
    details = await world.accounts.details([desk.alice, desk.bob])
    assert {*details[desk.alice.id].labels} == {"front desk", "alice"}
    assert details[desk.bob.id].labels == ("bob",)


async def test_a_rotated_token_keeps_the_label_of_the_one_that_it_replaces(desk: Desk) -> None:
    world = desk.world
    for overlap in (timedelta(), timedelta(hours=1)):
        old = await world.holder(desk.client, await world.token(desk.alice))
        await world.accounts.refer(old, f"label {overlap}")
        await world.db.run("DELETE FROM access_tokens WHERE hash <> %s", (old.token,))
        fresh = await world.access.rotate(desk.alice, desk.client.env, overlap)
        assert (await world.holder(desk.client, fresh)).reference == f"label {overlap}"
        assert (await world.accounts.details([desk.alice]))[desk.alice.id].labels == (f"label {overlap}",)


async def test_repairing_one_leaves_the_other_and_a_stranger_repairs_neither(desk: Desk) -> None:
    world = desk.world
    for account in (desk.alice, desk.bob):
        await world.accounts.mark_login_required(account, "locked")
    async with world.db.transaction() as tx:
        await world.accounts.repair(tx, desk.alice.id, world.grant(), answers("changed"))
    assert await desk.health() == {"alice": None, "bob": "locked"}
    assert (await world.accounts.opened(desk.bob, "read")).answers == answers("pass_good")
    with pytest.raises(OtherAccount):
        async with world.db.transaction() as tx:
            await world.accounts.repair(tx, desk.bob.id, world.grant(user="u-2"), answers("theirs"))


async def test_each_person_finds_every_account_on_their_login(desk: Desk) -> None:
    async with desk.world.db.transaction() as tx:
        found = await desk.world.accounts.of_ehr_user(tx, "tiny", PLACE.address, desk.world.grant())
        assert {each.id for each in found} == {desk.alice.id, desk.bob.id}
        assert await desk.world.accounts.of_ehr_user(tx, "tiny", PLACE.address, desk.world.grant(user="u-2")) == []


# ── ends ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_ending_one_leaves_the_other_and_the_session_that_both_use(desk: Desk) -> None:
    world = desk.world
    tokens = {each.user_id: await world.token(each) for each in (desk.alice, desk.bob)}
    await world.sessions.disconnect(desk.bob)
    assert await world.access.resolve(desk.client.id, tokens["bob"]) is None
    assert await world.keys.get(owner(desk.bob.id)) is None
    assert world.ehr.logouts == []
    alice = await world.holder(desk.client, tokens["alice"])
    assert await world.sessions.read(alice, names) == DOCTORS and world.ehr.attempts == 0
    await world.sessions.disconnect(alice)
    assert world.ehr.logouts == [1]


async def test_a_session_of_ones_own_ends_with_the_account(world: World) -> None:
    client = await world.client()
    org = await world.org(client)
    alice = await world.keep(org, "alice")
    world.ehr.end_sessions()
    bob = await world.keep(org, "bob")
    await world.sessions.disconnect(bob)
    await world.sessions.disconnect(alice)
    assert world.ehr.logouts == [2, 1]


@pytest.mark.parametrize("turn", range(5))
async def test_of_two_ends_at_once_exactly_one_ends_the_session(desk: Desk, turn: int) -> None:
    await asyncio.gather(*(desk.world.sessions.disconnect(each) for each in (desk.alice, desk.bob)))
    assert desk.world.ehr.logouts == [1]


# ── renewals ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_renewals_of_one_login_take_turns(desk: Desk) -> None:
    world = desk.world
    for turn in range(3):
        world.ehr.end_sessions()
        world.ehr.gate.clear()
        world.ehr.knocked.clear()
        processes = [world.new_sessions() for _ in range(4)]
        calls = [
            asyncio.create_task(sessions.read(account, names))
            for sessions in processes
            for account in (desk.alice, desk.bob)
            for _ in range(4)
        ]
        await world.ehr.knocked.wait()
        await asyncio.sleep(0.2)
        claims = await world.db.rows("SELECT user_id FROM accounts WHERE claim IS NOT NULL")
        assert len(claims) == 1 and world.ehr.attempts == 2 * turn + 1
        world.ehr.gate.set()
        assert await asyncio.gather(*calls) == [DOCTORS] * 32
        assert world.ehr.attempts == 2 * turn + 2


async def test_who_waits_too_long_for_the_others_renewal_is_told_to_come_back(desk: Desk) -> None:
    world = desk.world
    world.ehr.end_sessions()
    world.ehr.gate.clear()
    first = asyncio.create_task(world.sessions.read(desk.alice, names))
    await world.ehr.knocked.wait()
    with pytest.raises(EhrThrottled, match="is being renewed"):
        await world.new_sessions(patience=0.1).read(desk.bob, names)
    world.ehr.gate.set()
    assert await first == DOCTORS


@pytest.mark.parametrize(
    "no", [refusals.WrongCredentials(), refusals.Locked(), refusals.PasswordExpired()], ids=lambda no: no.code
)
async def test_a_refused_answer_is_not_tried_for_the_others_who_saved_the_same(world: World, no: Exception) -> None:
    client = await world.client()
    org = await world.org(client)
    others = {
        "carol": {"answers": answers("changed")},
        "dan": {"grant": world.grant(user="u-2")},
        "eve": {"answers": {}},
    }
    alice, _ = [await world.keep(org, each) for each in ("alice", "bob")]
    for user_id, what in others.items():
        await world.keep(org, user_id, **what)
    elsewhere = await world.keep(await world.org(client, "hillside"), "frank")
    world.ehr.end_sessions()
    world.ehr.password = "changed"
    world.ehr.trouble = None if isinstance(no, refusals.WrongCredentials) else no
    with pytest.raises(ReconnectRequired):
        await world.sessions.read(alice, names)
    assert world.ehr.attempts == 1
    desk = Desk(world, client, alice, alice)
    spared = {"carol": None, "dan": None, "eve": None, "frank": None}
    reason = getattr(no, "code", "")
    assert await desk.health() == {"alice": reason, "bob": reason, **spared}
    bob = next(each for each in await world.accounts.of_client(client.id) if each.user_id == "bob")
    assert (await world.trail(bob))[-1] == "login_required"
    with pytest.raises(ReconnectRequired):
        await world.sessions.read(bob, names)
    assert world.ehr.attempts == 1 and elsewhere.health == "active"


async def test_a_refused_answer_is_recognized_after_a_new_hash_key(db: Database) -> None:
    world = World(db)
    desk = await Desk.open(world)
    world.ring.promote(world.ring.add_hash_key())
    after = World(db, world.ring)
    after.ehr.end_sessions()
    after.ehr.password = "changed"
    with pytest.raises(ReconnectRequired):
        await after.sessions.read(desk.alice, names)
    assert await desk.health() == {"alice": "wrong_credentials", "bob": "wrong_credentials"}


async def test_after_a_new_hash_key_the_accounts_on_a_login_still_take_turns(db: Database) -> None:
    world = World(db)
    desk = await Desk.open(world)
    world.ring.promote(world.ring.add_hash_key())
    after = World(db, world.ring)
    carol = await after.keep(await after.known(desk.client.id), "carol")
    assert (await after.keep(await after.known(desk.client.id), "alice")).id == desk.alice.id
    rows = await db.rows("SELECT DISTINCT ehr_login_fingerprint FROM accounts")
    assert len(rows) == 1 and carol.id not in (desk.alice.id, desk.bob.id)


async def test_an_ehr_in_trouble_is_left_alone_by_everybody_on_the_login(desk: Desk) -> None:
    world = desk.world
    world.ehr.end_sessions()
    world.ehr.trouble = refusals.EhrDown()
    for account in (desk.alice, desk.bob, desk.alice):
        with pytest.raises(EhrUnavailable):
            await world.sessions.read(account, names)
    assert world.ehr.attempts == 1
    world.ehr.trouble = None
    await world.db.run("UPDATE accounts SET back_off_until = clock_timestamp()")
    assert await world.sessions.read(desk.bob, names) == DOCTORS


async def test_sign_ins_that_died_count_for_everybody_who_saved_the_same_password(desk: Desk) -> None:
    world = desk.world
    world.ehr.end_sessions()
    for account in (desk.alice, desk.bob):
        await world.die_in_a_sign_in(account)
    assert world.ehr.attempts == 2
    with pytest.raises(ReconnectRequired):
        await world.sessions.read(desk.alice, names)
    assert world.ehr.attempts == 2
    assert await desk.health() == {"alice": "interrupted", "bob": "interrupted"}


async def test_sign_ins_that_died_do_not_count_for_another_password(world: World) -> None:
    desk = await Desk.open(world, answers=answers("changed"))
    world.ehr.end_sessions()
    for _ in range(2):
        await world.die_in_a_sign_in(desk.alice)
    world.ehr.password = "changed"
    assert await world.sessions.read(desk.bob, names) == DOCTORS


async def test_a_paused_renewal_marks_nobody_after_it_lost_its_claim(desk: Desk) -> None:
    world = desk.world
    world.ehr.end_sessions()
    world.ehr.gate.clear()
    paused = asyncio.create_task(world.sessions.read(desk.alice, names))
    await world.ehr.knocked.wait()
    async with world.db.transaction() as tx:
        await world.accounts.repair(tx, desk.alice.id, world.grant(), answers("changed"))
    world.ehr.password = "changed"
    world.ehr.gate.set()
    assert await paused == DOCTORS
    assert await desk.health() == {"alice": None, "bob": None}


# ── rows from before migration 0010 ──────────────────────────────────────────────────────────────────────────────────


async def test_an_account_from_before_belongs_to_the_end_user_who_linked_it_last(world: World) -> None:
    client = await world.client()
    org = await world.org(client)
    alice = await _made_before(world, org, "alice")
    bob = await world.keep(org, "bob")
    assert bob.id != alice.id
    assert await world.sessions.read(await world.again(alice), names) == DOCTORS
    assert (await world.keep(org, "alice")).id == alice.id
    assert (await world.keep(org, "alice")).id == alice.id
    row = await world.row(alice)
    assert row["ehr_user_fingerprint"] in _prints(world, row, ACCOUNT)
    assert row["ehr_login_fingerprint"] == (await world.row(bob))["ehr_login_fingerprint"]


async def test_an_account_from_before_is_repaired_renewed_and_found_by_its_person(world: World) -> None:
    org = await world.org(await world.client())
    alice = await _made_before(world, org, "alice")
    world.ehr.end_sessions()
    assert await world.sessions.read(alice, names) == DOCTORS
    async with world.db.transaction() as tx:
        found = await world.accounts.of_ehr_user(tx, "tiny", PLACE.address, world.grant())
        assert [each.id for each in found] == [alice.id]
        assert (await world.accounts.repair(tx, alice.id, world.grant(), answers("pass_good"))).id == alice.id


async def test_the_label_of_an_account_from_before_is_that_of_its_tokens(world: World) -> None:
    client = await world.client()
    alice = await _made_before(world, await world.org(client), "alice")
    token = await world.token(alice)
    await world.db.run("UPDATE accounts SET reference = 'ward 3'")
    assert (await world.holder(client, token)).reference == "ward 3"
    await world.accounts.refer(await world.holder(client, token), "ward 4")
    assert (await world.holder(client, token)).reference == "ward 4"


async def _made_before(world: World, org: Any, user_id: str) -> Account:
    """An account as the code before migration 0010 stored it."""
    account = await world.keep(org, user_id)
    (print_,) = _prints(world, {"org": account.org, "client": account.client}, LOGIN)[:1]
    await world.db.run(
        "UPDATE accounts SET ehr_user_fingerprint = %s, ehr_login_fingerprint = NULL, session_fingerprint = NULL,"
        " answers_fingerprint = NULL, sealed_ehr_user = NULL WHERE id = %s",
        (print_, account.id),
    )
    assert (await world.accounts.details([account]))[account.id].ehr_user_name is None
    return account


def _prints(world: World, row: dict[str, Any], purpose: str) -> list[bytes]:
    who = [row["org"], "tiny", PLACE.address, "", "u-1"] + ([row["user_id"], 0] if purpose == ACCOUNT else [])
    return world.vault.fingerprints(purpose, json.dumps(who, separators=(",", ":")), row["client"])
