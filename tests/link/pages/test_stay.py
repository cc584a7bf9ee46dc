"""A page warns before it closes, and the user can keep it open once (WCAG 2.2, 2.2.1)."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import httpx2
from playwright.async_api import Browser as Chromium

from cobalt_link.app import House
from cobalt_link.kit.clock import MovedClock
from tests.link.conftest import session_row, until
from tests.support.text_browser import Browser, Form, Page, go_on, link_by_http
from tests.support.world import Shop, connected

GOOD = {"username": "user_good", "password": "pass_good"}


def keeping(page: Page) -> list[Form]:
    return [form for form in page.forms if form.action.endswith("/stay")]


async def late(acme: Shop, client: httpx2.AsyncClient, clock: MovedClock, minutes: float) -> Page:
    """The sign-in so many minutes after it was opened, without a script."""
    page = await link_by_http(client, await acme.link_token(), until="credentials")
    clock.move(timedelta(minutes=minutes))
    return await Browser(client).open(page.form.action)


async def test_two_minutes_before_the_end_the_page_offers_to_stay_open(
    acme: Shop, client: httpx2.AsyncClient, clock: MovedClock
) -> None:
    page = await late(acme, client, clock, 28.5)
    assert "This page closes in 1 minute." in page.text  # rounded down, so that nobody comes too late
    page = await Browser(client).submit(page, keeping(page)[0])
    assert "This page stays open for another 30 minutes." in page.text
    clock.move(timedelta(minutes=25))
    assert (await go_on(Browser(client), page, **GOOD)).pane == "done"


async def test_it_can_be_kept_open_once(acme: Shop, client: httpx2.AsyncClient, clock: MovedClock) -> None:
    page = await late(acme, client, clock, 29)
    stay = keeping(page)[0]
    await Browser(client).submit(page, stay)
    clock.move(timedelta(minutes=29))
    page = await Browser(client).submit(page, stay)
    assert re.search(r"This page closes in (1 minute|\d+ seconds)\.", page.text) and "stays open" not in page.text
    assert not keeping(page)
    clock.move(timedelta(minutes=1))
    assert (await Browser(client).open(page.url)).heading == "This page timed out"


async def test_two_clicks_at_once_keep_it_open_once(
    house: House, acme: Shop, client: httpx2.AsyncClient, clock: MovedClock
) -> None:
    page = await late(acme, client, clock, 29)
    before = await session_row(house)
    await asyncio.gather(*(Browser(client).submit(page, keeping(page)[0]) for _ in range(4)))
    row = await session_row(house)
    assert timedelta(minutes=29) < row["expires_at"] - clock.now() <= timedelta(minutes=30)
    assert (before["extended"], row["extended"], row["version"]) == (False, True, before["version"])


async def test_what_has_ended_does_not_come_back(acme: Shop, client: httpx2.AsyncClient, clock: MovedClock) -> None:
    page = await late(acme, client, clock, 29)
    clock.move(timedelta(minutes=1))
    assert (await Browser(client).submit(page, keeping(page)[0])).heading == "This page timed out"
    assert (await Browser(client).submit(page, **GOOD)).status == 410


async def test_nobody_else_keeps_it_open(
    house: House, acme: Shop, client: httpx2.AsyncClient, clock: MovedClock
) -> None:
    page = await late(acme, client, clock, 29)
    async with connected(house) as other:
        other.cookies.set("of", "another-app")
        assert (await Browser(other).submit(page, keeping(page)[0])).status == 403
    answer = await client.post(keeping(page)[0].action, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert not (await session_row(house))["extended"]


async def test_the_way_to_the_own_connections_can_be_kept_open_too(house: House, acme: Shop, clock: MovedClock) -> None:
    async with connected(house) as http:
        browser = Browser(http)
        page = await browser.open("/connections")
        clock.move(timedelta(minutes=14))
        page = await browser.open(page.url)
        page = await browser.submit(page, keeping(page)[0])
        assert "This page stays open for another 15 minutes." in page.text


async def test_with_a_script_the_offer_comes_by_itself_and_nothing_typed_is_lost(
    browser: Chromium, house: House, acme: Shop
) -> None:
    link = await acme.link_token()
    async with await browser.new_context() as context:
        page = await context.new_page()
        await page.clock.install()
        await page.goto(f"{house.settings.public_url}/?token={link}")
        await page.get_by_role("button", name="Allow and continue").click()
        await page.get_by_label("Sandbox EHR password").fill("half a pass")
        await page.clock.fast_forward("27:00")
        assert await page.get_by_text("This page closes in 2 minutes.").count() == 0
        await page.clock.fast_forward("01:01")
        notice = page.get_by_role("alert").filter(has_text="This page closes in 2 minutes.")
        await notice.get_by_role("button", name="Keep it open").click()
        await notice.wait_for(state="detached")
        assert await page.get_by_label("Sandbox EHR password").input_value() == "half a pass"
        await until(house, "extended")
