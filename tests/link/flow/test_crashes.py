"""`kill -9` of a real worker before, inside, and after each step: no step is repeated, and the user sees what
happened."""

from __future__ import annotations

import asyncio
import signal
from typing import LiteralString

import httpx2
import pytest

from cobalt_link import app
from cobalt_link.app import House
from tests.link.conftest import session_row, until_begun
from tests.support.processes import Moment, a_worker, one_run
from tests.support.text_browser import Browser, Page, go_on, link_by_http
from tests.support.world import Sandbox, Shop, connected


async def through_a_crash(
    house: House, acme: Shop, http: httpx2.AsyncClient, crash: tuple[Moment, str], username: str
) -> Page:
    """A person goes on while the worker dies, and another takes over after its lease."""
    with a_worker(house.settings, crash=crash) as worker:
        await worker.ready()
        link = await acme.link_token(user_id=" ".join(crash))  # else it asks whether to keep an earlier connection
        going = asyncio.create_task(link_by_http(http, link, username, until="done"))
        assert await worker.ended() == -signal.SIGKILL, crash
    await lease_runs_out(house)
    async with app.working(house):
        return await going


# What the EHR saw of a password or code after the crash: the moment → is the person asked to begin again, tries.
MOMENTS: list[tuple[Moment, bool, int]] = [
    ("before", False, 1),
    ("begun", True, 0),
    ("done", True, 1),
    ("recorded", False, 1),
]


async def test_a_password_is_never_sent_twice_by_itself(
    house: House, idle_acme: Shop, idle: httpx2.AsyncClient, sandbox: Sandbox
) -> None:  # S-086
    for moment, cut_off, tries in MOMENTS:
        before = await sandbox.logins()
        page = await through_a_crash(house, idle_acme, idle, (moment, "log_in"), "user_good")
        assert await sandbox.logins() == before + tries, moment
        assert page.pane == ("message" if cut_off else "done"), moment
        if not cut_off:
            continue
        assert page.heading == "The sign-in was cut off", moment
        assert "we never send one twice by ourselves" in page.text, moment
        async with app.working(house):
            page = await Browser(idle).submit(page, action="again")
            assert page.pane == "credentials" and page.form.fields["username"] == "user_good", moment
            page = await go_on(Browser(idle), page, "user_good", "pass_good")
        assert page.pane == "done", moment
        assert await sandbox.logins() == before + tries + 1, moment


async def test_a_code_is_never_sent_twice_by_itself(
    house: House, idle_acme: Shop, idle: httpx2.AsyncClient, sandbox: Sandbox
) -> None:  # S-086
    for moment, cut_off, tries in MOMENTS:
        before, sent = await sandbox.logins(), await codes_sent(sandbox)
        page = await through_a_crash(house, idle_acme, idle, (moment, "check_code"), "user_code")
        assert await codes_sent(sandbox) == sent + tries, moment
        assert page.pane == ("message" if cut_off else "done"), moment
        assert await sandbox.logins() == before + 1, moment


async def codes_sent(sandbox: Sandbox) -> int:
    return sum(each["path"] == "/api/login/code" for each in (await sandbox.lab("log"))["requests"])


async def test_a_step_that_does_no_harm_is_repeated_unseen(
    house: House, idle_acme: Shop, idle: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    for moment, _, _ in MOMENTS:
        for step in ("check_address", "open_schedule"):
            before = await sandbox.logins()
            page = await through_a_crash(house, idle_acme, idle, (moment, step), "user_good")
            assert page.pane == "done" and await sandbox.logins() == before + 1, (moment, step)


@pytest.mark.parametrize("fault", ["hang", "lose_answer"])
async def test_a_worker_killed_while_the_ehr_has_its_password_sends_it_no_second_time(
    house: House, idle_acme: Shop, idle: httpx2.AsyncClient, sandbox: Sandbox, fault: str
) -> None:  # S-086
    await sandbox.lab("faults", {fault: True, "only_path": "/api/login", "times": 1})
    with a_worker(house.settings) as worker:
        await worker.ready()
        going = asyncio.create_task(link_by_http(idle, await idle_acme.link_token()))
        await until_begun(house, "log_in")
        async with asyncio.timeout(20):
            while (await sandbox.lab("faults"))["times"]:
                await asyncio.sleep(0.01)
        worker.kill()
    await lease_runs_out(house)
    async with app.working(house):
        page = await going
    assert page.pane == "message" and page.heading == "The sign-in was cut off"
    assert await sandbox.logins() == (0 if fault == "hang" else 1)


async def test_another_process_polls_on_for_one_that_was_killed(
    house: House, idle_acme: Shop, idle: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    with a_worker(house.settings) as worker:
        await worker.ready()
        page = await link_by_http(idle, await idle_acme.link_token(), "user_push", until="waiting")
        assert page.pane == "waiting", page.heading
        worker.kill()
        assert await worker.ended() == -9
    async with app.working(house):
        await asyncio.sleep(1)  # the lease still counts: nobody runs the sign-in
        assert (await session_row(house))["state"] == "polling"
        # Instead of waiting for its end.
        await house.db.run("UPDATE link_sessions SET wake_at = clock_timestamp() WHERE state = 'polling'")
        assert (await go_on(Browser(idle), page, "user_push", "pass_good", "done")).pane == "done"
    assert await sandbox.logins() == 1


async def test_every_run_may_be_another_process(
    house: House, idle_acme: Shop, idle: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    going = asyncio.create_task(link_by_http(idle, await idle_acme.link_token(), "user_choice"))
    runs = 0
    while not going.done():
        ready = asyncio.create_task(until_ready(house))
        await asyncio.wait({going, ready}, return_when=asyncio.FIRST_COMPLETED)
        if going.done():
            ready.cancel()
            break
        with one_run(house.settings, (await session_row(house))["id"]) as process:
            await process.ready()
            await process.says("ran")
            assert await process.ended() == 0
        runs += 1
    assert (await going).pane == "done"
    assert runs == 5  # opened, consent, password, way, code
    assert await sandbox.logins() == 1


async def test_a_worker_that_slept_past_its_lease_changes_nothing(
    house: House, idle_acme: Shop, idle: httpx2.AsyncClient, sandbox: Sandbox
) -> None:  # S-014, S-084
    async with app.working(house):
        page = await link_by_http(idle, await idle_acme.link_token(), until="credentials")
    await sandbox.lab("faults", {"slow_ms": 700, "only_path": "/api/login", "times": 1})
    going = asyncio.create_task(Browser(idle).submit(page, username="user_good", password="pass_good"))
    await until_ready(house)
    link_session = (await session_row(house))["id"]
    with one_run(house.settings, link_session) as sleeper:
        await sleeper.ready()
        await until_begun(house, "log_in")
        sleeper.send(signal.SIGSTOP)
        await lease_runs_out(house)
        async with app.working(house):
            page = await going
            assert page.heading == "The sign-in was cut off"
            page = await Browser(idle).submit(page, action="again")
            page = await go_on(Browser(idle), page, "user_good", "pass_good", until="done")
            assert page.pane == "done"
        before = await everything_of(house)
        sleeper.send(signal.SIGCONT)
        await sleeper.says("ran")
        assert await sleeper.ended() == 0
    assert await everything_of(house) == before


async def test_a_lost_wake_up_is_swept(
    house: House, idle_acme: Shop, idle: httpx2.AsyncClient, sandbox: Sandbox
) -> None:  # S-083
    async with connected(house) as other:
        going = asyncio.create_task(link_by_http(other, await idle_acme.link_token()))
        await until_ready(house)
        await house.db.run("DELETE FROM procrastinate_jobs")
        async with app.working(house):
            assert (await going).pane == "done"


async def until_ready(house: House) -> None:
    async with asyncio.timeout(20):
        while not await house.db.rows("SELECT id FROM link_sessions WHERE state = 'due'"):
            await asyncio.sleep(0.01)


async def everything_of(house: House) -> list[object]:
    """All that a worker could have changed."""
    tables: tuple[LiteralString, ...] = ("link_sessions", "journal", "link_events", "accounts", "audit")
    return [await house.db.rows(f"SELECT * FROM {name} ORDER BY 1, 2") for name in tables]


async def lease_runs_out(house: House) -> None:
    """Instead of waiting for it."""
    await house.db.run(
        "UPDATE link_sessions SET claimed_until = clock_timestamp() - interval '1 second' WHERE claim IS NOT NULL"
    )
