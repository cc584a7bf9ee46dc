"""`renew(chart)`: a session that is renewed without the password, under the same lease, and what falls back to it."""

from __future__ import annotations

import asyncio

import pytest

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.problems import EhrThrottled, EhrUnavailable, ReconnectRequired
from cobalt_link.connector import refusals
from cobalt_link.connector.offers import Offering
from cobalt_link.web.problems import Problem
from tests.accounts.tiny import RenewingConnector
from tests.accounts.world import DOCTORS, World, names


@pytest.fixture
async def account(world: World) -> Account:
    world.connectors["tiny"] = RenewingConnector(world.ehr)
    _, account = await world.linked()
    world.ehr.end_sessions()
    return account


async def test_a_session_is_renewed_and_the_password_is_not_used(world: World, account: Account) -> None:
    assert await world.sessions.read(account, names) == DOCTORS
    assert (world.ehr.renewals, world.ehr.attempts) == (1, 0)
    opened = await world.accounts.opened(account, "read")
    assert (opened.chart.session, opened.chart.known, opened.user.username) == ({"number": 2}, {"seen": True}, "ann")
    assert opened.answers.keys() == {"credentials"}
    row = await world.row(account)
    assert (row["grant_number"], row["renewals_begun"], row["renewals_failed"]) == (2, 0, 0)
    assert (await world.trail(account))[2:4] == ["renewal_begun", "renewed"]


async def test_calls_in_four_processes_share_one_renewal(world: World, account: Account) -> None:
    processes = [world.new_sessions() for _ in range(4)]
    calls = [sessions.read(account, names) for sessions in processes for _ in range(8)]
    assert await asyncio.gather(*calls) == [DOCTORS] * 32
    assert (world.ehr.renewals, world.ehr.attempts) == (1, 0)


@pytest.mark.parametrize(
    "no",
    [refusals.SessionEnded(), refusals.NoRights(), KeyError("token of Betz"), None],
)
async def test_a_refused_renewal_falls_back_to_the_saved_answers(
    world: World, account: Account, no: Exception | None
) -> None:
    world.ehr.renew_trouble, world.ehr.renewed = no, False
    assert await world.sessions.read(account, names) == DOCTORS
    assert (world.ehr.renewals, world.ehr.logins) == (1, 1)
    assert (await world.row(account))["renewals_begun"] == 0


@pytest.mark.parametrize(
    ("no", "kind"), [(refusals.EhrDown(), EhrUnavailable), (refusals.EhrBusy(seconds=30), EhrThrottled)]
)
async def test_an_ehr_in_trouble_gets_no_password_either(
    world: World, account: Account, no: Exception, kind: type[Problem]
) -> None:
    world.ehr.renew_trouble = no
    for _ in range(2):
        with pytest.raises(kind):
            await world.sessions.read(account, names)
    assert (world.ehr.renewals, world.ehr.attempts) == (1, 0)  # and it is left alone for a while
    assert (await world.again(account)).health == "active"


async def test_a_renewal_that_never_ends_is_given_up_before_its_lease(world: World, account: Account) -> None:
    world.ehr.gate.clear()
    with pytest.raises(EhrUnavailable):
        await world.new_sessions(sign_in=0.1).read(account, names)
    row = await world.row(account)
    assert (row["claimed_until"], row["back_off_code"], world.ehr.attempts) == (None, "ehr_down", 0)


async def test_a_wrong_password_after_a_refused_renewal_asks_the_user(world: World, account: Account) -> None:
    world.ehr.renew_trouble, world.ehr.password = refusals.SessionEnded(), "changed"
    with pytest.raises(ReconnectRequired):
        await world.sessions.read(account, names)
    assert world.ehr.attempts == 1 and (await world.again(account)).health_reason == "wrong_credentials"


async def test_crashes_inside_a_renewal_never_count_as_sign_ins(world: World, account: Account) -> None:
    for _ in range(4):
        await _die_inside(world, account)
        assert (await world.row(account))["renewals_begun"] == 0
    assert await world.sessions.read(account, names) == DOCTORS
    assert (world.ehr.renewals, world.ehr.attempts) == (5, 0)


async def test_crashes_inside_the_sign_in_after_it_do(world: World, account: Account) -> None:
    world.ehr.renew_trouble = refusals.SessionEnded()
    for begun in (1, 2):
        await _die_inside(world, account, renewing=False)
        assert (await world.row(account))["renewals_begun"] == begun
    with pytest.raises(ReconnectRequired):
        await world.sessions.read(account, names)
    assert world.ehr.attempts == 2 and (await world.again(account)).health_reason == "interrupted"


async def test_a_renewal_paused_past_its_lease_overwrites_nothing(world: World, account: Account) -> None:
    world.ehr.gate.clear()
    paused = asyncio.create_task(world.new_sessions().read(account, names))
    await world.ehr.knocked.wait()
    await world.db.run("UPDATE accounts SET claimed_until = clock_timestamp() - interval '1 second'")
    held, world.ehr.gate = world.ehr.gate, asyncio.Event()
    world.ehr.gate.set()
    assert await world.new_sessions().read(account, names) == DOCTORS
    kept = await world.row(account)
    held.set()
    assert await paused == DOCTORS
    after = await world.row(account)
    assert (after["sealed_grant"], after["grant_number"]) == (kept["sealed_grant"], kept["grant_number"])
    assert "renewal_superseded" in await world.trail(account)


async def _die_inside(world: World, account: Account, *, renewing: bool = True) -> None:
    """A process that is gone in the middle of a renewal, or of the sign-in after it."""
    sessions = world.new_sessions()
    world.ehr.gate.clear()
    world.ehr.knocked.clear()
    call = asyncio.create_task(sessions.read(account, names))
    await world.ehr.knocked.wait()
    if not renewing:
        world.ehr.knocked.clear()
        world.ehr.gate.set()
        world.ehr.gate.clear()
        await world.ehr.knocked.wait()
    (flight,) = sessions._flights.values()
    flight.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    world.ehr.gate.set()
    await world.db.run("UPDATE accounts SET claimed_until = clock_timestamp() - interval '1 second'")


async def test_a_grant_that_only_its_user_brings_back_sends_no_password(world: World, account: Account) -> None:
    world.ehr.renew_trouble = refusals.LoginRequired()
    with pytest.raises(ReconnectRequired):
        await world.sessions.read(account, names)
    assert (world.ehr.renewals, world.ehr.attempts) == (1, 0)
    assert (await world.row(account))["health"] == "login_required"


async def test_what_an_ehr_offers_is_kept_and_follows_the_renewals(world: World, account: Account) -> None:
    account = await world.accounts.by_id(account.id)
    assert account.offers is None
    world.ehr.offers = Offering(ehr="Northlake", reads={"providers": ()}, not_granted=("patients",))
    await world.sessions.read(account, names)
    again = await world.accounts.by_id(account.id)
    assert again.offers == world.ehr.offers
    world.ehr.offers = None
    world.ehr.end_sessions()
    await world.sessions.read(again, names)
    assert (await world.accounts.by_id(account.id)).offers == again.offers
