"""Acme Scribe opens Link over its own page and in a window. Without JavaScript it offers the window only."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest
from playwright.async_api import Browser, Page, expect

from acme_scribe import create_app
from cobalt_link.app import House
from cobalt_link.web import server
from tests.browsers.chromium.lightbox import SECONDS, Lightbox, escape
from tests.support.world import free_port, shop

pytestmark = [pytest.mark.browser]


@pytest.fixture
async def scribe(house: House, client: httpx2.AsyncClient) -> AsyncIterator[str]:
    """Runs the example app and returns its address."""
    port, link = free_port(), house.settings.public_url
    address = f"http://localhost:{port}"
    app = await shop(house, client, "Acme Scribe", callback_urls=[f"{address}/linked"], origins=[address])
    keys = {"client_id": app.record.client_id, "client_secret": app.secret}
    served = create_app(cobalt=link, link=link, emr_name="Sandbox EHR", **keys)
    async with server.serving(served, "127.0.0.1", port):
        yield address


async def shows_visits(page: Page) -> None:
    await expect(page.locator("h1")).to_have_text("Your visits", timeout=SECONDS)
    assert await page.get_by_role("rowheader").count() > 0


async def test_the_example_app_links_in_the_lightbox(scribe: str, page: Page) -> None:
    await page.goto(scribe)
    await page.get_by_role("button", name="Connect EHR").click()
    box = Lightbox(page)
    await box.sign_in("user_code")
    await box.frame.locator("[name=code]").fill("123456", timeout=SECONDS)
    await box.press()
    await box.at("done")
    await box.press()
    await box.is_gone()
    await shows_visits(page)
    assert page.url == f"{scribe}/"
    await page.reload()
    await shows_visits(page)


async def test_the_example_app_shows_no_error_when_the_user_leaves(scribe: str, page: Page, house: House) -> None:
    await page.goto(scribe)
    await page.get_by_role("button", name="Connect EHR").click()
    box = Lightbox(page)
    await box.at("consent")
    await escape(page)
    await box.is_gone()
    await expect(page.locator("h1")).to_have_text("Notes that write themselves")
    await expect(page.get_by_role("button", name="Connect EHR")).to_be_focused()
    await expect(page.locator("#message")).to_be_empty()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
async def test_the_example_app_links_in_a_window(scribe: str, browser: Browser, scripts: bool) -> None:
    context = await browser.new_context(java_script_enabled=scripts)
    page = await context.new_page()
    await page.goto(scribe)
    assert await page.get_by_role("button", name="Connect EHR").count() == int(scripts)
    async with context.expect_page() as opening:
        await page.get_by_role("link", name="Connect your EHR").click()
    window = await opening.value
    await window.get_by_role("button", name="Allow and continue").click(timeout=SECONDS)
    await window.locator("[name=username]").fill("user_good", timeout=SECONDS)
    await window.locator("[name=password]").fill("pass_good")
    await window.get_by_role("button", name="Sign in").click()
    await shows_visits(window)
    if scripts:  # the first tab follows what happened in the second, in both directions
        await shows_visits(page)
        await window.get_by_role("button", name="Disconnect your EHR").click()
        await expect(page.locator("h1")).to_have_text("Notes that write themselves", timeout=SECONDS)
        await expect(page.get_by_role("button", name="Connect EHR")).to_be_visible()
    await context.close()
