"""Access tokens: permanent until rotated, bound to their client, dead everywhere the moment the answer is out."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from cobalt_link.accounts import audit
from cobalt_link.accounts.problems import AccountGone
from cobalt_link.accounts.sealing import FRESH_SECONDS, key_of, owner
from cobalt_link.kit import tokens
from cobalt_link.store.database import Database
from tests.accounts.world import World, issued
from tests.support.proof import ROTATED_TOKEN_CALLS


async def test_a_token_finds_its_account_also_years_later(world: World) -> None:
    # S-003
    client, account = await world.linked()
    token = await world.token(account)
    world.later(10 * 365 * 86400)
    assert (await world.holder(client, token)).id == account.id


async def test_an_account_that_needs_its_user_is_still_found(world: World) -> None:
    client, account = await world.linked()
    token = await world.token(account)
    await world.accounts.mark_login_required(account, "locked")
    assert (await world.holder(client, token)).health == "login_required"


async def test_the_rivals_token_is_exactly_like_an_unknown_one(world: World) -> None:
    # S-004
    client, account = await world.linked()
    rival, _ = await world.linked("Rival Notes")
    token = await world.token(account)
    for nobodys in (token, tokens.mint(tokens.ACCESS, "test"), tokens.mint(tokens.ACCESS, "live")):
        assert await world.access.resolve(rival.id, nobodys) is None
    assert await world.access.resolve(client.id, token)


async def test_a_made_up_or_mistyped_token_never_reaches_the_database(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # S-045
    client, account = await world.linked()
    token = await world.token(account)
    monkeypatch.setattr(world.db, "one", None)
    others = [tokens.mint(kind, "test") for kind in (tokens.CLIENT_SECRET, tokens.LINK, tokens.PUBLIC)]
    for wrong in (
        *others,
        "",
        "x",
        token[:-1],
        token + "x",
        token[:-1] + ("a" if token[-1] != "a" else "b"),
        "493JKLHIU98789",
    ):
        assert await world.access.resolve(client.id, wrong) is None


async def test_only_a_keyed_hash_of_a_token_rests_in_the_database(world: World) -> None:
    # S-046
    _, account = await world.linked()
    token = await world.token(account)
    (row,) = await world.db.rows("SELECT * FROM access_tokens")
    assert token not in repr(row) and token[8:51] not in repr(row)
    assert len(row["hash"]) == 32


async def test_a_look_up_brings_the_wrapped_keys_which_show_nowhere(world: World) -> None:
    # S-064: one that stood in a log would outlive its destruction
    client, account = await world.linked()
    held = await world.holder(client, await world.token(account))
    assert held.keys and held.keys.org is None  # nothing of this org has been sealed yet
    wrapped = await world.keys.wrapped([owner(account.id)])
    assert held.keys.account == wrapped[owner(account.id)]
    assert repr(held.keys.account) not in repr(held)
    assert (await world.accounts.opened(held, "read")).answers == (await world.accounts.opened(account, "read")).answers
    await world.accounts.disconnect(account)
    with pytest.raises(AccountGone):
        await world.accounts.opened(held, "read")


async def test_a_request_that_lasts_reads_its_keys_again(world: World) -> None:
    # S-005: with keys that are gone it would go on for as long as its sender likes
    client, account = await world.linked()
    held = await world.holder(client, await world.token(account))
    assert held.keys
    earlier = msgspec.structs.replace(held.keys, read_at=held.keys.read_at - FRESH_SECONDS)
    lasting = msgspec.structs.replace(held, keys=earlier)
    assert await key_of(world.keys, lasting)
    await world.accounts.disconnect(account)
    assert await key_of(world.keys, lasting) is None


async def test_look_ups_at_once_get_their_own_accounts(world: World) -> None:
    client, first = await world.linked()
    second = await world.keep(await world.known(client.id), user_id="dr_bo", grant=world.grant("u-2"))
    tokens_of = {account.id: await world.token(account) for account in (first, second)}
    asked = list(tokens_of.items()) * 8
    found = await asyncio.gather(*(world.holder(client, token) for _, token in asked))
    assert [each.id for each in found] == [name for name, _ in asked]
    opened = await asyncio.gather(*(world.accounts.opened(each, "read") for each in found))
    assert [each.user.id for each in opened] == ["u-1", "u-2"] * 8
    assert (await world.trail(first)).count("read") == 8


async def test_rotating_without_overlap_ends_all_earlier_tokens_before_it_answers(world: World, dsn: str) -> None:
    # S-003: seen by another process's connections, as often as it asks
    client, account = await world.linked()
    old = [await world.token(account) for _ in range(3)]
    elsewhere = await Database.open(dsn)
    other = World(elsewhere, world.ring)
    try:
        fresh = await world.access.rotate(account, client.env, timedelta())
        calls = [other.access.resolve(client.id, token) for token in old * ROTATED_TOKEN_CALLS.times]
        assert await asyncio.gather(*calls) == [None] * len(calls)
        assert (await other.holder(client, fresh)).id == account.id
    finally:
        await elsewhere.close()
    assert tokens.environment(fresh) == "test" and tokens.well_formed(fresh, tokens.ACCESS)


async def test_an_overlap_lets_the_earlier_tokens_live_exactly_that_long(world: World) -> None:
    client, account = await world.linked()
    old = await world.token(account)
    fresh = await world.access.rotate(account, client.env, timedelta(seconds=60))
    world.later(58)
    assert await world.access.resolve(client.id, old)
    world.later(2)
    assert await world.access.resolve(client.id, old) is None
    assert await world.access.resolve(client.id, fresh)


@pytest.mark.parametrize("seconds", [0, 90])
async def test_the_trail_has_each_rotation_with_its_overlap(world: World, seconds: int) -> None:
    client, account = await world.linked()
    await world.access.rotate(account, client.env, timedelta(seconds=seconds))
    (entry,) = [each for each in await audit.trail(world.db, client.id, account.id) if each.what == "token_rotated"]
    assert entry.detail == f"{seconds} s"


async def test_a_second_rotation_never_gives_an_ending_token_more_time(world: World) -> None:
    client, account = await world.linked()
    old = await world.token(account)
    await world.access.rotate(account, client.env, timedelta(seconds=10))
    await world.access.rotate(account, client.env, timedelta(seconds=3600))
    world.later(10)
    assert await world.access.resolve(client.id, old) is None


async def test_rotations_at_once_leave_exactly_one_token(world: World) -> None:
    client, account = await world.linked()
    await world.token(account)
    fresh = await asyncio.gather(*(world.access.rotate(account, client.env, timedelta()) for _ in range(8)))
    alive = [token for token in fresh if await world.access.resolve(client.id, token)]
    assert len(alive) == 1


async def test_a_disconnected_account_gets_no_token_by_any_way(world: World) -> None:
    client, account = await world.linked()
    await world.accounts.disconnect(account)
    with pytest.raises(AccountGone):
        await world.access.rotate(account, client.env, timedelta())
    assert await world.access.resolve(client.id, await world.token(account)) is None
    assert await world.db.rows("SELECT * FROM access_tokens") == []


async def test_a_token_is_issued_only_for_an_account_of_the_same_client(world: World) -> None:
    _, account = await world.linked()
    rival, _ = await world.linked("Rival Notes")
    token = tokens.mint(tokens.ACCESS, "test")
    await issued(world.db, world.access, account.id, rival.id, token)
    assert await world.access.resolve(rival.id, token) is None


async def test_ended_tokens_are_forgotten_and_living_ones_kept(world: World) -> None:
    client, account = await world.linked()
    await world.token(account)
    fresh = await world.access.rotate(account, client.env, timedelta(seconds=5))
    assert await world.access.prune() == 0
    world.later(5)
    assert await world.access.prune() == 1
    assert await world.access.resolve(client.id, fresh)
