"""The brake on passwords and codes (S-141), counted by the EHR itself: what reached it, whoever sent it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx2

from cobalt_link.app import House
from cobalt_link.kit.clock import MovedClock
from tests.link.connections.test_connections import linked, signed_in, works
from tests.support.text_browser import Browser, Page, link_by_http
from tests.support.world import Sandbox, Shop, connected, open_for_business, opened, settings_for, shop

STOPPED = "We’ve stopped so Sandbox EHR won’t lock you out"


async def sent(sandbox: Sandbox, username: str = "user_good") -> list[str]:
    """How each password that reached the EHR for this user was answered, the oldest first."""
    found = (await sandbox.lab("log"))["requests"]
    return [each["outcome"] for each in found if each["path"] == "/api/login" and each["username"] == username]


@asynccontextmanager
async def at_password(house: House, app: Shop, **wanted: str) -> AsyncIterator[tuple[Browser, Page]]:
    """Somebody in a new link session, at the password."""
    async with connected(house) as http:
        yield Browser(http), await link_by_http(http, await app.link_token(**wanted), until="credentials")


async def type_one(house: House, app: Shop, password: str, username: str = "user_good", **wanted: str) -> Page:
    """One password in a link session of its own."""
    async with at_password(house, app, **wanted) as (browser, page):
        return await browser.submit(page, username=username, password=password)


async def failures(sandbox: Sandbox, username: str, so_many: int) -> None:
    """Somebody types wrong passwords at the EHR itself."""
    for n in range(so_many):
        await sandbox.log_in(username, f"elsewhere-{n}")


# Strangers ----------------------------------------------------------------------------------------------------------


async def test_strangers_send_two_passwords_over_sessions_clients_processes_and_the_connections_page(
    house: House, acme: Shop, rival: Shop, sandbox: Sandbox, clock: MovedClock, tmp_path: Path, dsn: str
) -> None:  # S-141
    mine = await linked(house, acme)
    before = len(await sent(sandbox))
    async with opened(settings_for(tmp_path, dsn, sandbox.address), clock) as second, open_for_business(second) as http:
        other = await shop(second, http, "Third App")
        pages = [
            await type_one(house, rival, "guess-1", user_id="nobody"),
            await type_one(second, other, "guess-2", user_id="user-1"),  # the same user_id, of another client
            await type_one(house, acme, "guess-3", user_id="somebody else"),
            await type_one(second, other, "guess-4", " USER_GOOD\u200b"),
        ]
    async with connected(house) as http:
        page = await signed_in(http, until="credentials")
        pages.append(await Browser(http).submit(page, username="user_good", password="guess-5"))
    assert [page.heading for page in pages[1:]] == [STOPPED] * 4
    assert pages[-1].form.values("action") == ["again"] and "I’ve reset it" not in pages[-1].text
    assert (await sent(sandbox))[before:] == ["wrong_credentials"] * 2
    # The app of the user notices nothing, now or when its session has to be renewed.
    await sandbox.http.delete("/api/_lab/sessions")
    assert await works(acme, mine)
    clock.move(timedelta(minutes=31))
    await type_one(house, rival, "guess-6")
    assert (await sent(sandbox))[before:] == ["wrong_credentials"] * 2 + ["session", "wrong_credentials"]


async def test_twelve_guesses_at_once_are_two(house: House, acme: Shop, sandbox: Sandbox) -> None:  # S-141
    await linked(house, acme)
    before = len(await sent(sandbox))
    async with asyncio.TaskGroup() as group:
        for n in range(12):
            group.create_task(type_one(house, acme, f"guess-{n}", user_id=f"stranger-{n}"))
    assert (await sent(sandbox))[before:] == ["wrong_credentials"] * 2


async def test_many_users_who_know_the_password_sign_in_at_once(house: House, acme: Shop, sandbox: Sandbox) -> None:
    async with asyncio.TaskGroup() as group:
        typed = [group.create_task(type_one(house, acme, "pass_good", user_id=f"user-{n}")) for n in range(8)]
    assert {each.result().heading for each in typed} == {"You’re connected"}
    assert await sent(sandbox) == ["session"] * 8


async def test_strangers_who_lock_a_login_at_last_leave_the_apps_connection_alive(
    house: House, acme: Shop, sandbox: Sandbox, clock: MovedClock
) -> None:  # S-141
    mine = await linked(house, acme)
    await failures(sandbox, "user_good", 3)
    async with connected(house) as http:
        page = await signed_in(http, until="credentials")
        page = await Browser(http).submit(page, username="user_good", password="guess-1")
    assert page.heading == STOPPED, "nobody uses up the last try from there"
    await failures(sandbox, "user_good", 1)  # somebody else does, at the EHR
    await sandbox.http.delete("/api/_lab/sessions")
    for _ in range(3):
        answer = await acme.http.get("/v1/providers", headers=mine)
        assert (answer.status_code, answer.json()["error"]) == (503, "sign_in_rests")
        assert 60 <= int(answer.headers["retry-after"]) <= 1800
    (account,) = (await acme.call("GET", "/v1/accounts")).json()["accounts"]
    assert account["health"] == "active"
    await sandbox.wait(1801)
    clock.move(timedelta(minutes=31))
    await house.db.run("UPDATE accounts SET back_off_until = clock_timestamp()")
    assert (await acme.http.get("/v1/providers", headers=mine)).status_code == 200


# One person -----------------------------------------------------------------------------------------------------------


async def test_the_same_wrong_password_is_sent_once(house: House, acme: Shop, rival: Shop, sandbox: Sandbox) -> None:
    # S-141
    async with at_password(house, acme) as (browser, page):
        for _ in range(3):
            page = await browser.submit(page, username="user_good", password="mistyped")
        assert page.pane == "credentials" and "You tried that password before" in page.text
    assert "You tried that password before" in (await type_one(house, rival, "mistyped")).text
    assert await sent(sandbox) == ["wrong_credentials"]
    async with at_password(house, acme) as (browser, page):
        page = await browser.submit(page, username="user_good", password="mistyped")
        page = await browser.submit(page, username="user_good", password="mistyped", anyway="same_password")
    assert await sent(sandbox) == ["wrong_credentials"] * 2


async def test_the_last_try_needs_the_button_that_says_so(house: House, acme: Shop, sandbox: Sandbox) -> None:
    # S-141
    await linked(house, acme)
    await failures(sandbox, "user_good", 2)
    before = len(await sent(sandbox))
    async with at_password(house, acme, user_id="user-1") as (browser, page):
        # A button that the page did not offer counts for nothing.
        page = await browser.submit(page, username="user_good", password="wrong-1", anyway="last_try")
        page = await browser.submit(page, username="user_good", password="wrong-2", anyway="last_try")
        assert "One try left" in page.text and "may lock this account" in page.text
        assert page.form.values("anyway") == ["last_try"]
    async with at_password(house, acme, user_id="user-1") as (browser, page):
        page = await browser.submit(page, username="user_good", password="wrong-3")
        assert "One try left" in page.text
        assert (await sent(sandbox))[before:] == ["wrong_credentials"] * 2
        page = await browser.submit(page, username="user_good", password="wrong-3", anyway="last_try")
        assert page.heading == "Sandbox EHR locked this account"
    assert (await sent(sandbox))[before:] == ["wrong_credentials"] * 2 + ["locked"]


async def test_a_success_resets_the_count(house: House, acme: Shop, sandbox: Sandbox) -> None:
    async with at_password(house, acme) as (browser, page):
        page = await browser.submit(page, username="user_good", password="wrong-1")
        assert (await browser.submit(page, username="user_good", password="pass_good")).heading == "You’re connected"
    for n in range(3):
        await type_one(house, acme, f"later-{n}", user_id="stranger")
    assert await sent(sandbox) == ["wrong_credentials", "session", "wrong_credentials", "wrong_credentials"]


async def test_whoever_has_reset_the_password_gets_one_more_try(house: House, acme: Shop, sandbox: Sandbox) -> None:
    await linked(house, acme)
    for n in range(2):
        await type_one(house, acme, f"guess-{n}", user_id="stranger")
    # An EHR that does not say how many tries are left.
    await house.db.run("UPDATE login_tries SET tries_left = NULL")
    async with at_password(house, acme, user_id="user-1") as (browser, page):
        page = await browser.submit(page, username="user_good", password="error_locked")
        page = await browser.submit(page, action="again")
        page = await browser.submit(page, username="user_good", password="forgotten")
        assert page.heading == STOPPED and "“Forgot password”" in page.text and "I’ve reset it" in page.text
        before = len(await sent(sandbox))
        page = await browser.submit(page, action="again")
        assert "One try left" in page.text and page.form.fields["username"] == "user_good"
        page = await browser.submit(page, username="user_good", password="pass_good", anyway="last_try")
        assert page.heading in ("You’re connected", "You’re already connected")
    assert (await sent(sandbox))[before:] == ["session"]


async def test_three_usernames_slow_a_session_and_six_end_it(
    house: House, acme: Shop, sandbox: Sandbox, clock: MovedClock
) -> None:
    start = (await sandbox.counts())["login_attempts"]
    async with at_password(house, acme) as (browser, page):
        for n in range(5):
            page = await browser.submit(page, username=f"nobody-{n}", password="guess")
            if n >= 2:
                assert "seconds, then sign in" in page.text
                clock.move(timedelta(seconds=11))
                page = await browser.submit(page, username=f"nobody-{n}", password="guess")
            assert "Wrong username or password" in page.text
        page = await browser.submit(page, username="nobody-6", password="guess")
        assert page.heading == "Too many usernames" and page.form.values("action") == []
        page = await browser.submit(page, action="change")
        page = await browser.open(page.url)
    assert (await sandbox.counts())["login_attempts"] - start == 5


async def test_what_the_ehr_never_got_is_not_counted(house: House, acme: Shop, sandbox: Sandbox) -> None:
    await sandbox.lab("faults", {"down": True, "only_path": "/api/login"})
    async with at_password(house, acme) as (browser, page):
        for _ in range(4):
            page = await browser.submit(page, username="user_good", password="pass_good")
            assert page.heading == "Sandbox EHR isn’t answering"
            page = await browser.submit(page, action="again")
        await sandbox.lab("faults", {})
        assert (await browser.submit(page, username="user_good", password="pass_good")).heading == "You’re connected"


# Codes ----------------------------------------------------------------------------------------------------------------


async def test_three_wrong_codes_are_all_that_an_ehr_gets(
    house: House, acme: Shop, sandbox: Sandbox, clock: MovedClock
) -> None:  # S-141
    async def codes() -> int:
        return sum(each["path"] == "/api/login/code" for each in (await sandbox.lab("log"))["requests"])

    async def guess(http: httpx2.AsyncClient, code: str) -> Page:
        page = await link_by_http(http, await acme.link_token(), "user_code", until="code")
        return await Browser(http).submit(page, code=code)

    async with connected(house) as http, connected(house) as other:
        page = await guess(http, "000001")
        page = await Browser(http).submit(page, code="000002")
        assert page.pane == "code" and "That code didn’t match" in page.text
        page = await guess(other, "000003")
        assert page.heading == "Too many wrong codes" and "Try again in 15 minutes" in page.text
        texts = (await sandbox.counts())["texts_sent"]
        page = await link_by_http(http, await acme.link_token(), "user_code", until="code")
        assert page.heading == "Too many wrong codes"
    assert await codes() == 3
    assert (await sandbox.counts())["texts_sent"] == texts, "no password that would only bring another code"
    clock.move(timedelta(minutes=16))
    async with connected(house) as http:
        assert (await link_by_http(http, await acme.link_token(), "user_code")).heading == "You’re connected"
