"""Chromium follows the last button of Link to callbacks that a web page's policy can hardly name."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest
from playwright.async_api import BrowserContext, Page

from cobalt_link.app import House
from tests.support.world import shop

pytestmark = [pytest.mark.browser]


async def asked_for(page: Page, scheme: str) -> asyncio.Future[str]:
    """The address of the first navigation with this scheme that the browser asks the system for, or is allowed to."""
    found: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("Network.enable")
    await devtools.send("Page.enable")

    def seen(event: dict[str, Any]) -> None:
        url = event.get("url") or event.get("request", {}).get("url", "")
        if url.startswith(scheme) and not found.done():
            found.set_result(url)

    for name in ("Page.frameRequestedNavigation", "Page.frameScheduledNavigation", "Network.requestWillBeSent"):
        devtools.on(name, seen)
    return found


async def test_the_last_button_leads_to_the_app(
    house: House, client: httpx2.AsyncClient, context: BrowserContext
) -> None:
    for callback in ("myapp://linked", "http://[::1]:9/linked"):
        app = await shop(house, client, "Phone App", callback_urls=[callback])
        page, refused = await context.new_page(), list[str]()
        page.on("console", lambda message, refused=refused: refused.append(message.text))
        await page.goto(f"{house.settings.public_url}/?token={await app.link_token(show_summary=True)}")
        await page.locator("[data-pane=consent] button.go").click()
        await page.locator("[name=username]").fill("user_good")
        await page.locator("[name=password]").fill("pass_good")
        await page.locator("[data-pane=credentials] button.go").click()
        await page.locator("[data-pane=done]").wait_for()
        reached = await asked_for(page, callback)
        await page.locator("[data-pane=done] button.go").click()
        address = await asyncio.wait_for(reached, 20)
        assert address.startswith(f"{callback}?token=pt_test_"), address
        assert not [each for each in refused if "Content Security Policy" in each], callback
