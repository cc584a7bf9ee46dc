"""The connections flow (S-125): a user signs in at the EHR, sees the connections of all apps, and ends one."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx2

from cobalt_link.accounts import audit
from cobalt_link.app import House
from cobalt_link.kit.clock import MovedClock
from tests.link.conftest import session_row
from tests.support.text_browser import Browser, Page, go_on, public_token_by_http
from tests.support.world import Sandbox, Shop, connected


async def linked(house: House, app: Shop, username: str = "user_good", **wanted: str) -> dict[str, str]:
    """Links an account, and returns the headers that read with it."""
    async with connected(house) as http:
        token = await public_token_by_http(http, await app.link_token(**wanted), username)
    return app.headers | {"access_token": (await app.exchange(token)).json()["access_token"]}


async def works(app: Shop, headers: dict[str, str]) -> bool:
    answer = await app.http.get("/v1/settings", headers=headers)
    assert answer.status_code in (200, 401), answer.text
    return answer.status_code == 200


async def signed_in(http: httpx2.AsyncClient, username: str = "user_good", *, until: str = "connections") -> Page:
    """Goes to /connections and signs in there."""
    browser = Browser(http)
    page = await browser.submit(await browser.open("/connections"), pick="ehr:sandbox")
    return await go_on(browser, page, username, "pass_good", until=until)


def ends(page: Page) -> list[str]:
    """Where each connection of the list can be ended."""
    return [link for link in page.links if "/connections/" in link]


async def upkeep(house: House, *names: str) -> None:
    for chore in house.chores:
        if chore.name in names:
            await chore.work()


# What a user sees and ends ----------------------------------------------------------------------------------------


async def test_a_user_sees_their_connections_with_every_app_and_ends_one_at_once(
    house: House, acme: Shop, rival: Shop
) -> None:  # S-125
    acmes = await linked(house, acme)
    rivals = await linked(house, rival, user_id="other", org_id="elsewhere")
    async with connected(house) as http:
        browser, page = Browser(http), await signed_in(http)
        assert page.heading == "Your connections"
        assert "Acme Scribe" in page.text and "Rival Notes" in page.text
        asked = await browser.open(ends(page)[1])
        assert asked.heading == "Disconnect Acme Scribe?"
        assert await works(acme, acmes)
        page = await browser.submit(asked)
        assert "Its access ended at once." in page.text
        assert "Acme Scribe" not in page.text and "Rival Notes" in page.text
    assert not await works(acme, acmes)
    assert await works(rival, rivals)


async def test_ending_a_connection_destroys_its_key_and_says_in_the_audit_trail_who_did_it(
    house: House, acme: Shop
) -> None:  # S-064, S-125
    await linked(house, acme)
    async with connected(house) as http:
        browser = Browser(http)
        await browser.submit(await browser.open(ends(await signed_in(http))[0]))
    account = await house.db.one("SELECT id, client, sealed_grant, sealed_answers FROM accounts")
    assert account is not None
    assert (account["sealed_grant"], account["sealed_answers"]) == (None, None)
    assert await house.db.one("SELECT FROM data_keys WHERE owner = %s", (f"account:{account['id']}",)) is None
    last = (await audit.trail(house.db, account["client"], account["id"]))[-1]
    assert (last.what, last.detail) == ("disconnected", "person")


async def test_keeping_it_changes_nothing(house: House, acme: Shop) -> None:
    headers = await linked(house, acme)
    async with connected(house) as http:
        browser, page = Browser(http), await signed_in(http)
        asked = await browser.open(ends(page)[0])
        kept = await browser.open(asked.links[[*asked.links].index(page.form.action.removesuffix("/exit"))])
        assert kept.heading == "Your connections"
    assert await works(acme, headers)


async def test_no_account_is_made_and_the_session_of_the_sign_in_is_not_kept(
    house: House, acme: Shop, sandbox: Sandbox
) -> None:
    await linked(house, acme)
    before = await sandbox.counts()
    async with connected(house) as http:
        await signed_in(http)
    row = await session_row(house)
    assert (row["state"], row["granted"], row["client"]) == ("signed_in", None, None)
    for table in ("journal", "link_session_keys"):
        found = await house.db.one(f"SELECT count(*) AS n FROM {table} WHERE link_session = %s", (row["id"],))  # type: ignore[arg-type]
        assert found == {"n": 0}, table
    assert await house.db.one("SELECT count(*) AS n FROM accounts") == {"n": 1}
    async with asyncio.timeout(20):
        while (await sandbox.counts())["logouts"] == before["logouts"]:
            await asyncio.sleep(0.01)


async def test_a_way_with_a_second_factor_leads_there_too(house: House, acme: Shop) -> None:
    await linked(house, acme, "user_code")
    async with connected(house) as http:
        assert (await signed_in(http, "user_code")).heading == "Your connections"


async def test_refusals_are_shown_and_another_try_goes_back_to_the_sign_in(house: House, acme: Shop) -> None:
    await linked(house, acme)
    async with connected(house) as http:
        browser, page = Browser(http), await signed_in(http, until="credentials")
        assert "then deleted." in page.text and "kept" not in page.text
        page = await browser.submit(page, username="user_good", password="wrong")
        assert "Wrong username or password" in page.text
        page = await browser.submit(page, username="user_locked", password="pass_good")
        assert page.pane == "message"
        page = await browser.submit(page, action="again")
        assert page.pane == "credentials"


async def test_somebody_without_connections_gets_a_page_that_says_so(house: House, acme: Shop) -> None:
    await linked(house, acme)
    async with connected(house) as http:
        page = await signed_in(http, "user_code")
    assert (page.heading, ends(page)) == ("No connections", [])
    assert "Acme" not in page.text


# What ends, and is forgotten --------------------------------------------------------------------------------------


async def test_leaving_forgets_everything_and_the_list_does_not_come_back(house: House, acme: Shop) -> None:
    await linked(house, acme)
    async with connected(house) as http:
        browser, page = Browser(http), await signed_in(http)
        end = ends(page)[0]
        left = await browser.submit(page, stop="1")
        assert left.heading == "You’re signed out here"
        assert (await browser.open(end)).status == 404
        assert "Acme" not in (await browser.open(page.form.action.removesuffix("/exit"))).text
    row = await session_row(house)
    erased = ("ehr_user_name", "connector", "address", "username", "accounts")
    assert [row[name] for name in erased] == [None] * 4 + [[]]


async def test_the_list_ends_after_a_quarter_of_an_hour(house: House, acme: Shop, clock: MovedClock) -> None:
    headers = await linked(house, acme)
    async with connected(house) as http:
        browser = Browser(http)
        asked = await browser.open(ends(await signed_in(http))[0])
        clock.move(timedelta(minutes=15))
        over = await browser.submit(asked)
        assert (over.status, over.heading) == (410, "This page timed out")
        assert any(link.endswith("/connections") for link in over.links)
        assert await works(acme, headers)
        await upkeep(house, "expiry")
        row = await session_row(house)
        assert (row["state"], row["ehr_user_name"], row["accounts"]) == ("expired", None, [])
        assert (await browser.open(asked.url)).heading == "This page timed out"
    clock.move(timedelta(hours=2))
    await upkeep(house, "pruning")
    assert await house.db.one("SELECT FROM link_sessions WHERE purpose = 'connections'") is None
    assert await house.db.one("SELECT FROM link_events WHERE name = 'signed_in'") is None


async def test_a_sign_in_that_is_not_finished_ends_too_and_its_key_with_it(
    house: House, acme: Shop, clock: MovedClock
) -> None:
    await linked(house, acme)
    async with connected(house) as http:
        page = await signed_in(http, until="credentials")
        clock.move(timedelta(minutes=15))
        assert (await Browser(http).submit(page, username="user_good", password="pass_good")).status == 410
    await upkeep(house, "expiry")
    row = await session_row(house)
    assert await house.db.one("SELECT FROM link_session_keys WHERE link_session = %s", (row["id"],)) is None
    assert row["state"] == "expired"
