"""Renewing a session: one sign-in however many ask, none after a refusal, and no stale holder ever writes."""

import asyncio

import pytest

from cobalt_link.accounts.problems import (
    EhrThrottled,
    EhrUnavailable,
    EhrUnexpected,
    MissingRights,
    NotSupported,
    ReconnectRequired,
)
from cobalt_link.connector import refusals
from cobalt_link.web.problems import Problem
from tests.accounts.world import DOCTORS, World, answers, names

CONTRACT = "Account link expired. Please go through the integration setup again."


async def test_a_living_session_is_used_as_it_is(world: World) -> None:
    _, account = await world.linked()
    assert await world.sessions.read(account, names) == DOCTORS
    assert world.ehr.attempts == 0
    assert await world.trail(account) == ["linked", "read"]


async def test_an_ended_session_is_renewed_silently_and_the_call_answered(world: World) -> None:
    _, account = await world.linked()
    world.ehr.end_sessions()
    assert await world.sessions.read(account, names) == DOCTORS
    assert await world.sessions.read(account, names) == DOCTORS
    assert world.ehr.logins == 1
    assert await world.trail(account) == ["linked", "read", "renewal_begun", "renewed", "read", "read"]


async def test_a_renewal_learns_the_practice_and_the_ehr_user_of_an_account_from_before(world: World) -> None:
    _, account = await world.linked()
    await world.db.run("UPDATE accounts SET practice = NULL, sealed_ehr_user = NULL")
    world.ehr.practice_name = "Riverside Family"
    world.ehr.end_sessions()
    assert await world.sessions.read(account, names) == DOCTORS
    assert (await world.again(account)).practice == "Riverside Family"
    assert (await world.accounts.details([account]))[account.id].ehr_user_name == "Dr. Ann"


async def test_a_session_known_to_have_expired_is_renewed_before_the_ehr_is_asked(world: World) -> None:
    client = await world.client()
    grant = world.grant()
    expiring = type(grant)(user=grant.user, session=grant.session, expires_at=world.clock.now())
    account = await world.keep(await world.org(client), grant=expiring)
    assert await world.sessions.read(account, names) == DOCTORS
    assert world.ehr.logins == 1
    assert await world.trail(account) == ["linked", "read", "renewal_begun", "renewed", "read"]


async def test_sixty_four_calls_in_four_processes_share_one_sign_in(world: World) -> None:
    # S-012 (in one process here; test_many_processes.py has four real ones)
    _, account = await world.linked()
    processes = [world.new_sessions() for _ in range(4)]
    for turn in range(1, 6):
        world.ehr.end_sessions()
        calls = [sessions.read(account, names) for sessions in processes for _ in range(16)]
        assert await asyncio.gather(*calls) == [DOCTORS] * 64
        assert world.ehr.attempts == turn


async def test_a_caller_that_hangs_up_does_not_end_the_sign_in_of_the_others(world: World) -> None:
    _, account = await world.linked()
    world.ehr.end_sessions()
    world.ehr.gate.clear()
    first = asyncio.create_task(world.sessions.read(account, names))
    await world.ehr.knocked.wait()
    second = asyncio.create_task(world.sessions.read(account, names))
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    world.ehr.gate.set()
    assert await second == DOCTORS
    assert world.ehr.attempts == 1


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_changed_password_ends_in_the_contracts_403_and_is_tried_once_for_ever(world: World) -> None:
    # S-141
    _, account = await world.linked()
    world.ehr.end_sessions()
    world.ehr.password = "changed"
    processes = [world.new_sessions() for _ in range(4)]
    found = await asyncio.gather(
        *(sessions.read(account, names) for sessions in processes for _ in range(8)), return_exceptions=True
    )
    assert {type(each) for each in found} == {ReconnectRequired}
    now = await world.again(account)
    assert (now.health, now.health_reason) == ("login_required", "wrong_credentials")
    for stale_or_not in (account, now):
        with pytest.raises(ReconnectRequired) as refused:
            await world.sessions.read(stale_or_not, names)
        body = refused.value.body("r1")
        assert refused.value.status == 403
        assert body == {"success": False, "error": "login_required", "message": CONTRACT, "request_id": "r1"}
    assert world.ehr.attempts == 1


async def test_a_repaired_account_works_again_with_what_was_typed_then(world: World) -> None:
    _, account = await world.linked()
    world.ehr.end_sessions()
    world.ehr.password = "changed"
    with pytest.raises(ReconnectRequired):
        await world.sessions.read(account, names)
    async with world.db.transaction() as tx:
        repaired = await world.accounts.repair(tx, account.id, world.grant(), answers("changed"))
    assert await world.sessions.read(repaired, names) == DOCTORS
    world.ehr.end_sessions()
    assert await world.sessions.read(repaired, names) == DOCTORS


@pytest.mark.parametrize(
    ("no", "reason"),
    [
        (refusals.Locked(), "locked"),
        (refusals.PasswordExpired(), "password_expired"),
        (refusals.TooManyCodes(), "too_many_codes"),
        (refusals.LoginRequired(), "login_required"),
    ],
)
async def test_what_only_the_person_can_mend_asks_for_the_person(world: World, no: Exception, reason: str) -> None:
    _, account = await world.linked()
    world.ehr.end_sessions()
    world.ehr.trouble = no
    with pytest.raises(ReconnectRequired):
        await world.sessions.read(account, names)
    assert (await world.again(account)).health_reason == reason


async def test_an_ehr_that_wants_a_code_now_asks_for_the_person(world: World) -> None:
    _, account = await world.linked()
    world.ehr.end_sessions()
    world.ehr.second_factor = True
    with pytest.raises(ReconnectRequired):
        await world.sessions.read(account, names)
    assert (await world.again(account)).health_reason == "login_required"


async def test_a_sign_in_that_ends_as_somebody_else_is_not_kept(world: World) -> None:
    _, account = await world.linked()
    world.ehr.end_sessions()
    world.ehr.user = "u-2"
    with pytest.raises(ReconnectRequired):
        await world.sessions.read(account, names)
    assert (await world.again(account)).health_reason == "other_account"
    assert (await world.accounts.opened(account, "read")).chart.session == {"number": 1}


@pytest.mark.parametrize(
    ("no", "kind"),
    [
        (refusals.EhrDown(), EhrUnavailable),
        (refusals.EhrBusy(seconds=30), EhrThrottled),
        (refusals.NoRights(rights="Appointments"), MissingRights),
        (refusals.Unsupported(what="version 3"), NotSupported),
        (refusals.NotThisAddress(reason="not_allowed"), EhrUnexpected),
        (refusals.SessionEnded(), EhrUnexpected),
        (ValueError("pass_good"), EhrUnexpected),
    ],
)
async def test_an_ehr_in_trouble_while_signing_in_is_left_alone_for_a_while_and_the_account_stays(
    world: World, no: Exception, kind: type[Problem]
) -> None:
    _, account = await world.linked()
    world.ehr.end_sessions()
    world.ehr.trouble = no
    processes = [world.new_sessions() for _ in range(4)]
    found = await asyncio.gather(
        *(sessions.read(account, names) for sessions in processes for _ in range(8)), return_exceptions=True
    )
    assert {type(each) for each in found} == {kind}
    assert all("pass_good" not in str(each) for each in found)
    assert world.ehr.attempts == 1
    assert (await world.again(account)).health == "active"
    world.ehr.trouble = None
    await world.db.run("UPDATE accounts SET back_off_until = clock_timestamp()")
    assert await world.sessions.read(account, names) == DOCTORS


async def test_rests_grow_with_each_failure_and_end_with_a_success(world: World) -> None:
    _, account = await world.linked()
    world.ehr.end_sessions()
    world.ehr.trouble = refusals.EhrDown()
    rests = []
    for _ in range(10):
        with pytest.raises(EhrUnavailable) as down:
            await world.sessions.read(account, names)
        rests.append(int(down.value.headers["Retry-After"]))
        await world.db.run("UPDATE accounts SET back_off_until = clock_timestamp()")
    assert rests == [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]
    world.ehr.trouble = None
    assert await world.sessions.read(account, names) == DOCTORS
    assert (await world.row(account))["renewals_failed"] == 0


@pytest.mark.parametrize(
    ("no", "kind", "words"),
    [
        (refusals.EhrDown(), EhrUnavailable, "Tiny EHR at tiny.example does not answer. Try again in 10 s"),
        (refusals.EhrBusy(seconds=7), EhrThrottled, "Try again in 7 s"),
        (refusals.NoRights(rights="Patients"), MissingRights, "The administrator has to turn on: Patients."),
        (refusals.Unsupported(what="locations"), NotSupported, "does not support locations"),
        (refusals.Unexpected(reference="AB12-34CD"), EhrUnexpected, "the reference AB12-34CD"),
        (KeyError("chart of Betz"), EhrUnexpected, "Tiny EHR at tiny.example gave an answer"),
        (refusals.Locked(), ReconnectRequired, "Account link expired"),
    ],
)
async def test_a_read_that_the_ehr_refuses_says_what_to_do(
    world: World, no: Exception, kind: type[Problem], words: str
) -> None:
    _, account = await world.linked()
    world.ehr.read_trouble = no
    with pytest.raises(Problem, match=words.replace(".", r"\.")) as told:
        await world.sessions.read(account, names)
    assert type(told.value) is kind
    assert "Betz" not in told.value.message
    assert world.ehr.attempts == 0
    assert ("Retry-After" in told.value.headers) == (kind in (EhrUnavailable, EhrThrottled))


async def test_a_session_that_ends_again_right_after_its_renewal_is_not_renewed_for_ever(world: World) -> None:
    _, account = await world.linked()
    world.ehr.read_trouble = refusals.SessionEnded()
    with pytest.raises(EhrUnexpected, match="ended the session right after"):
        await world.sessions.read(account, names)
    assert world.ehr.attempts == 1


async def test_a_connector_that_was_uninstalled_is_named(world: World) -> None:
    _, account = await world.linked()
    world.connectors.clear()
    with pytest.raises(EhrUnexpected, match="tiny is not installed"):
        await world.sessions.read(account, names)


# ── crashes and paused holders ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_holder_paused_past_its_lease_overwrites_nothing(world: World) -> None:
    # S-014 (a real SIGSTOP: test_many_processes.py)
    _, account = await world.linked()
    world.ehr.end_sessions()
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


async def test_a_renewal_that_is_refused_after_a_repair_does_not_end_the_repaired_account(world: World) -> None:
    _, account = await world.linked()
    world.ehr.end_sessions()
    world.ehr.password = "changed"
    world.ehr.gate.clear()
    silent = asyncio.create_task(world.sessions.read(account, names))
    await world.ehr.knocked.wait()
    async with world.db.transaction() as tx:
        await world.accounts.repair(tx, account.id, world.grant(), answers("changed"))
    world.ehr.gate.set()
    assert await silent == DOCTORS
    assert (await world.again(account)).health == "active"


async def test_a_crash_inside_a_renewal_is_tried_once_more_and_then_asks_the_person(world: World) -> None:
    # S-013
    _, account = await world.linked()
    world.ehr.end_sessions()
    for _ in range(2):
        await world.die_in_a_sign_in(account)
    assert world.ehr.attempts == 2
    with pytest.raises(ReconnectRequired):
        await world.sessions.read(account, names)
    assert world.ehr.attempts == 2
    assert (await world.again(account)).health_reason == "interrupted"


async def test_a_crash_inside_a_renewal_heals_with_the_next_sign_in(world: World) -> None:
    _, account = await world.linked()
    world.ehr.end_sessions()
    await world.die_in_a_sign_in(account)
    await world.sessions.sweep()
    assert (await world.row(account))["renewals_begun"] == 0
    assert await world.sessions.read(account, names) == DOCTORS
    assert world.ehr.attempts == 2


async def test_a_sweep_settles_what_crashes_left_behind_and_touches_nothing_else(world: World) -> None:
    _, account = await world.linked()
    world.ehr.end_sessions()
    await world.sessions.sweep()
    assert world.ehr.attempts == 0
    for _ in range(2):
        await world.die_in_a_sign_in(account)
    await world.sessions.sweep()
    assert (await world.again(account)).health == "login_required"
    assert await world.trail(account) == [
        *("linked", "read", "renewal_begun", "read", "renewal_begun", "renewal_begun", "login_required")
    ]


async def test_while_another_process_renews_a_call_waits_only_so_long(world: World) -> None:
    _, account = await world.linked()
    world.ehr.end_sessions()
    world.ehr.gate.clear()
    busy = asyncio.create_task(world.sessions.read(account, names))
    await world.ehr.knocked.wait()
    with pytest.raises(EhrThrottled, match="being renewed"):
        await world.new_sessions(patience=0.0).read(account, names)
    world.ehr.gate.set()
    assert await busy == DOCTORS


async def test_a_sign_in_that_never_ends_is_given_up_within_its_lease(world: World) -> None:
    _, account = await world.linked()
    world.ehr.end_sessions()
    world.ehr.gate.clear()
    with pytest.raises(EhrUnavailable):
        await world.new_sessions(sign_in=0.05).read(account, names)
    row = await world.row(account)
    assert (row["claimed_until"], row["renewals_begun"], row["back_off_code"]) == (None, 0, "ehr_down")


async def test_disconnecting_ends_the_session_at_the_ehr_too(world: World) -> None:
    _, account = await world.linked()
    await world.sessions.disconnect(account)
    assert world.ehr.logouts == [1]
    with pytest.raises(Problem):
        await world.sessions.disconnect(account)


async def test_an_account_whose_grant_does_not_open_can_still_be_ended(world: World) -> None:
    _, mine = await world.linked()
    _, theirs = await world.linked("Rival Notes")
    await world.db.run(
        "UPDATE accounts SET sealed_grant = (SELECT sealed_grant FROM accounts WHERE id = %s) WHERE id = %s",
        (theirs.id, mine.id),
    )
    await world.sessions.disconnect(mine)
    assert (await world.row(mine))["disconnected_at"]
    assert world.ehr.logouts == []


async def test_closing_waits_for_the_sign_in_that_has_begun(world: World) -> None:
    _, account = await world.linked()
    world.ehr.end_sessions()
    world.ehr.gate.clear()
    call = asyncio.create_task(world.sessions.read(account, names))
    await world.ehr.knocked.wait()
    closing = asyncio.create_task(world.sessions.close())
    world.ehr.gate.set()
    await closing
    assert (await world.row(account))["grant_number"] == 2
    assert await call == DOCTORS
