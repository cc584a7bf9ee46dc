"""The time of a link session ends while its page is open: what the page then says, and what the app hears."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from playwright.async_api import Browser as Chromium
from playwright.async_api import Request, expect

from cobalt_link.app import House
from cobalt_link.kit.clock import MovedClock
from cobalt_link.link.pages.texts import LOCALES, catalog
from tests.link.conftest import session_row
from tests.support.text_browser import Browser, Page, link_by_http
from tests.support.world import Sandbox, Shop, connected, open_for_business, opened, settings_for, shop

GOOD = {"username": "user_good", "password": "pass_good"}


def keep_posts(sent: list[Request], request: Request) -> None:
    if request.method == "POST":
        sent.append(request)


async def late(http: httpx2.AsyncClient, link_token: str, clock: MovedClock, minutes: float = 31) -> Page:
    """The sign-in pane, open for so long that nothing can be answered any more."""
    page = await link_by_http(http, link_token, until="credentials")
    clock.move(timedelta(minutes=minutes))
    return page


async def test_app_and_ehr_keep_their_names_when_the_time_is_over(
    house: House, acme: Shop, client: httpx2.AsyncClient, clock: MovedClock, sandbox: Sandbox
) -> None:
    page = await Browser(client).submit(await late(client, await acme.link_token(), clock), **GOOD)
    assert (page.status, page.heading) == (410, "This page timed out")
    assert "Acme Scribe" in page.text and "Sandbox EHR" in page.text
    assert "It was open for 30 minutes." in page.text and "Start again in Acme Scribe" in page.text
    assert await sandbox.logins() == 0
    # Nobody else learns whose session it was.
    async with connected(house) as other:
        other.cookies.set("of", "another-app")
        assert "Acme Scribe" not in (await Browser(other).open(page.url)).text


async def test_the_page_tells_the_real_time(dsn: str, sandbox: Sandbox, clock: MovedClock, tmp_path: Path) -> None:
    for minutes, said in ((5, "5 minutes"), (60, "1 hour"), (60 * 36, "36 hours")):
        settings = settings_for(tmp_path, dsn, sandbox.address, link_session_minutes=minutes)
        async with opened(settings, clock) as house, open_for_business(house) as http:
            app = await shop(house, http, "Acme Scribe")
            page = await late(http, await app.link_token(), clock, minutes)
            assert f"It was open for {said}." in (await Browser(http).open(page.url)).text


async def test_the_time_counts_from_the_start_if_it_was_extended(
    acme: Shop, client: httpx2.AsyncClient, clock: MovedClock
) -> None:
    page = await late(client, await acme.link_token(), clock, 29)
    page = await Browser(client).open(page.url)
    (stay,) = (form for form in page.forms if form.action.endswith("/stay"))
    page = await Browser(client).submit(page, stay)
    clock.move(timedelta(minutes=30))
    assert "It was open for 59 minutes." in (await Browser(client).open(page.url)).text


async def test_a_link_that_nobody_opened_in_time_says_nothing_of_what_was_typed(
    acme: Shop, client: httpx2.AsyncClient, clock: MovedClock
) -> None:
    token = await acme.link_token()
    clock.move(timedelta(minutes=31))
    page = await Browser(client).open(f"/?token={token}")
    assert "It opens for a limited time only." in page.text and "typed" not in page.text


async def test_connections_keep_the_name_of_the_ehr(
    house: House, acme: Shop, client: httpx2.AsyncClient, clock: MovedClock
) -> None:
    browser = Browser(client)
    page = await browser.submit(await browser.open("/connections"), pick="ehr:sandbox")
    if page.pane != "credentials":  # nobody has a connection there yet
        await link_by_http(client, await acme.link_token())
        page = await browser.submit(await browser.open("/connections"), pick="ehr:sandbox")
    clock.move(timedelta(minutes=15))
    for sweeps in (False, True):
        if sweeps:
            await asyncio.gather(*(chore.work() for chore in house.chores if chore.name == "expiry"))
        over = await browser.open(page.url)
        assert "Riverside IT" in over.text and "Sandbox EHR" in over.text, sweeps
        assert "It was open for 15 minutes." in over.text


async def test_the_last_event_is_there_as_soon_as_the_page_asks_and_once(
    house: House, acme: Shop, client: httpx2.AsyncClient, clock: MovedClock
) -> None:
    token = await acme.link_token()
    page = await late(client, token, clock)
    where = f"{page.url.partition('?')[0]}/events"
    answered = await asyncio.gather(*(client.get(where) for _ in range(8)))
    for each in answered:
        assert each.status_code == 200
    last = (await client.get(where)).json()
    assert [each["name"] for each in last].count("expired") == 1 and last[-1]["name"] == "expired"
    await asyncio.gather(*(chore.work() for chore in house.chores if chore.name == "expiry"))
    assert (await acme.session(token))["events"] == last
    # Nothing that was typed opens any more.
    assert not await house.db.rows("SELECT 1 FROM link_session_keys")
    async with connected(house) as other:
        assert (await other.get(where)).status_code == 403


async def test_nothing_of_an_open_session_ends_by_asking_for_its_events(
    house: House, acme: Shop, client: httpx2.AsyncClient
) -> None:
    page = await link_by_http(client, await acme.link_token(), until="credentials")
    await client.get(f"{page.url.partition('?')[0]}/events")
    assert (await session_row(house))["settled_at"] is None


@pytest.mark.parametrize("locale", LOCALES)
def test_no_text_of_an_end_has_a_time_of_its_own(locale: str) -> None:
    texts = {key: text for key, text in catalog(locale).items() if key.startswith("closed.")}
    assert not [key for key, text in texts.items() if re.search(r"\d", text)]


async def test_with_a_script_the_form_goes_at_its_time_and_nothing_typed_is_sent(
    browser: Chromium, house: House, acme: Shop, clock: MovedClock
) -> None:
    async with await browser.new_context() as context:
        page = await context.new_page()
        await page.clock.install()
        sent: list[Request] = []
        await page.goto(f"{house.settings.public_url}/?token={await acme.link_token()}")
        await page.get_by_role("button", name="Allow and continue").click()
        await page.get_by_label("Sandbox EHR password").fill("half a pass")
        page.on("request", lambda request: keep_posts(sent, request))
        await page.clock.fast_forward("29:55")
        assert await page.get_by_label("Sandbox EHR password").count() == 1
        clock.move(timedelta(minutes=31))
        await page.clock.fast_forward("00:10")
        await expect(page.get_by_role("heading", level=1)).to_have_text("This page timed out")
        assert await page.locator("form, input").count() == 0
        header = page.locator("header")
        await expect(header).to_contain_text("Acme Scribe")
        await expect(header).to_contain_text("Sandbox EHR")
        await expect(page.locator("main")).to_contain_text("It was open for 30 minutes.")
        assert not sent


async def test_a_machine_that_slept_over_the_end_sends_nothing(
    browser: Chromium, house: House, acme: Shop, clock: MovedClock
) -> None:
    async with await browser.new_context() as context:
        page = await context.new_page()
        # The timers of the page stand still, as in a machine that sleeps; only its clock goes on.
        await page.add_init_script(
            "setTimeout = ((set) => (f, ms, ...more) => set(f, ms > 60000 ? 1e8 : ms, ...more))(setTimeout)"
        )
        await page.goto(f"{house.settings.public_url}/?token={await acme.link_token()}")
        await page.get_by_role("button", name="Allow and continue").click()
        await page.get_by_label("Sandbox EHR username").fill("user_good")
        await page.get_by_label("Sandbox EHR password").fill("pass_good")
        clock.move(timedelta(minutes=31))
        await page.evaluate("Date.now = ((now) => () => now() + 31 * 60000)(Date.now.bind(Date))")
        sent: list[Request] = []
        page.on("request", lambda request: keep_posts(sent, request))
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("This page timed out")
        assert not sent


async def test_without_a_network_the_form_goes_too(
    browser: Chromium, house: House, acme: Shop, clock: MovedClock
) -> None:
    async with await browser.new_context() as context:
        page = await context.new_page()
        await page.clock.install()
        await page.goto(f"{house.settings.public_url}/?token={await acme.link_token()}")
        await page.get_by_role("button", name="Allow and continue").click()
        await page.get_by_label("Sandbox EHR password").fill("half a pass")
        await context.set_offline(True)
        clock.move(timedelta(minutes=31))
        await page.clock.fast_forward("30:05")
        await expect(page.get_by_role("heading", level=1)).to_have_text("This page timed out")
        assert await page.locator("input[type=password]").count() == 0
        await expect(page.locator("header")).to_contain_text("Sandbox EHR")


async def test_a_page_that_another_tab_kept_open_keeps_what_was_typed(
    browser: Chromium, house: House, acme: Shop, clock: MovedClock
) -> None:
    async with await browser.new_context() as context:
        page = await context.new_page()
        await page.clock.install()
        await page.goto(f"{house.settings.public_url}/?token={await acme.link_token()}")
        await page.get_by_role("button", name="Allow and continue").click()
        password = page.get_by_label("Sandbox EHR password")
        await password.fill("half a pass")
        await house.db.run("UPDATE link_sessions SET expires_at = expires_at + interval '30 minutes', extended = true")
        clock.move(timedelta(minutes=30))
        async with page.expect_response(lambda answer: "/link/" in answer.url):
            await page.clock.fast_forward("30:05")
        assert await password.input_value() == "half a pass"
        clock.move(timedelta(minutes=30))
        await page.clock.fast_forward("30:05")
        await expect(page.get_by_role("heading", level=1)).to_have_text("This page timed out")
