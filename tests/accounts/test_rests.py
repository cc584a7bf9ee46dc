"""Locks and the brake (S-141): what strangers do to a login never ends the connection of an app."""

from __future__ import annotations

import pytest

from cobalt_link.accounts.login_tries import Typist
from cobalt_link.accounts.problems import ReconnectRequired, SignInRests
from cobalt_link.connector import refusals
from cobalt_link.connector.panes import CredentialsAnswer
from cobalt_link.connector.secrets import Secret
from tests.accounts.test_sessions import DOCTORS, names
from tests.accounts.world import PLACE, World


@pytest.mark.parametrize("no", [refusals.Locked(minutes=15), refusals.TooManyCodes(seconds=900)])
async def test_a_lock_with_an_end_is_rest_and_not_the_end(world: World, no: refusals.Refusal) -> None:
    # S-141
    _, account = await world.linked()
    world.ehr.end_sessions()
    world.ehr.trouble = no
    for _ in range(3):
        with pytest.raises(SignInRests) as rests:
            await world.sessions.read(account, names)
        assert 890 <= int(rests.value.headers["Retry-After"]) <= 900
    assert (world.ehr.attempts, (await world.again(account)).health) == (1, "active")
    world.ehr.trouble = None
    await world.db.run("UPDATE accounts SET back_off_until = clock_timestamp()")
    assert await world.sessions.read(account, names) == DOCTORS


async def test_a_read_that_meets_a_lock_with_an_end_leaves_the_account_alive(world: World) -> None:
    _, account = await world.linked()
    world.ehr.read_trouble = refusals.Locked(minutes=5)
    with pytest.raises(SignInRests):
        await world.sessions.read(account, names)
    assert (await world.again(account)).health == "active"


async def test_a_lock_without_an_end_is_rest_if_strangers_may_have_caused_it(world: World) -> None:
    # S-141
    _, account = await world.linked()
    stranger = world.tries.brake(Typist(source="elsewhere"), lambda: ("tiny", PLACE.address))
    typed = CredentialsAnswer(username="Ann", password=Secret("guess"))
    assert await stranger.take(typed, "Ann") is None
    await stranger.settle(typed, True, refusals.WrongCredentials())
    world.ehr.end_sessions()
    world.ehr.trouble = refusals.Locked()
    with pytest.raises(SignInRests):
        await world.sessions.read(account, names)
    assert (await world.again(account)).health == "active"
    world.later(86_401)  # nobody has typed anything since
    await world.db.run("UPDATE accounts SET back_off_until = clock_timestamp()")
    with pytest.raises(ReconnectRequired):
        await world.sessions.read(account, names)


async def test_a_sibling_with_the_same_wrong_password_is_marked_untried(world: World) -> None:
    # S-141
    _, ours = await world.linked()
    _, theirs = await world.linked("Rival Notes")
    world.ehr.end_sessions()
    world.ehr.password = "changed"
    for account in (ours, theirs):
        with pytest.raises(ReconnectRequired):
            await world.sessions.read(account, names)
        assert (await world.again(account)).health_reason == "wrong_credentials"
    assert world.ehr.attempts == 1


async def test_a_renewal_never_sends_the_last_try_and_the_account_stays(world: World) -> None:
    # S-141
    _, account = await world.linked()
    mistyped = world.tries.brake(Typist(source="elsewhere"), lambda: ("tiny", PLACE.address))
    typed = CredentialsAnswer(username="ann", password=Secret("mistyped"))
    assert await mistyped.take(typed, "ann") is None
    await mistyped.settle(typed, True, refusals.WrongCredentials(tries_left=1))
    world.ehr.end_sessions()
    with pytest.raises(SignInRests) as rests:
        await world.sessions.read(account, names)
    assert int(rests.value.headers["Retry-After"]) <= 1800
    assert (world.ehr.attempts, (await world.again(account)).health) == (0, "active")
    world.later(1801)
    await world.db.run("UPDATE accounts SET back_off_until = clock_timestamp()")
    assert await world.sessions.read(account, names) == DOCTORS


async def test_pruning_keeps_what_a_rule_still_looks_at(world: World) -> None:
    await world.linked()
    brake = world.tries.brake(Typist(source="here"), lambda: ("tiny", PLACE.address))
    for password, no in (("wrong", refusals.WrongCredentials()), ("right", None)):
        typed = CredentialsAnswer(username=password, password=Secret(password))
        assert await brake.take(typed, password) is None
        await brake.settle(typed, True, no)
    counts = []
    for seconds in (0, 3601, 31 * 86_400):
        world.later(seconds)
        await world.tries.prune()
        counts.append((await world.db.one("SELECT count(*) AS n FROM login_tries") or {})["n"])
    assert counts == [2, 1, 0]
