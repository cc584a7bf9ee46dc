"""Link in a frame of a browser that blocks cookies: the flow completes, or the page says what went wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Request, async_playwright

from cobalt_link.app import House
from tests.browsers.chromium.conftest import Opener
from tests.browsers.chromium.lightbox import SECONDS, Lightbox, click
from tests.browsers.chromium.site import Site
from tests.support.world import Shop

pytestmark = [pytest.mark.browser]

# Chromium's settings, as its settings page writes them.
THIRD_PARTY = {"profile": {"cookie_controls_mode": 1, "block_third_party_cookies": True}}
ALL = {"profile": {"default_content_setting_values": {"cookies": 2}}}
SET_COOKIE = "document.cookie = 'kept=1; SameSite=Lax', document.cookie"


@asynccontextmanager
async def browsing(folder: Path, settings: dict[str, Any]) -> AsyncIterator[BrowserContext]:
    """A Chromium with these settings in the user's profile."""
    (folder / "Default").mkdir(parents=True)
    (folder / "Default" / "Preferences").write_text(json.dumps(settings))
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            folder, executable_path=path, args=["--no-sandbox"], reduced_motion="reduce"
        )
        try:
            yield context
        finally:
            await context.close()


async def complete_link(box: Lightbox, app: Shop) -> None:
    await box.launch()
    await box.sign_in("user_code")
    await box.frame.locator("[name=code]").fill("123456")
    await box.press()
    [[_, public_token]] = await box.called("success")
    assert (await app.exchange(public_token)).json()["success"] is True
    await box.press()
    await box.is_gone()


async def test_link_completes_with_third_party_cookies_blocked(
    visit: Opener, app: Shop, site: Site, tmp_path: Path
) -> None:  # S-117
    async with browsing(tmp_path / "profile", THIRD_PARTY) as context:
        box = await visit(at=await context.new_page())
        framed = "<iframe src='http://127.0.0.1:{port}/inner'></iframe>"
        site.put("/outer", framed.format(port=site.port))
        site.put("/inner", "inner")
        probe = await context.new_page()
        await probe.goto(f"{site.address}/outer")
        assert await probe.frames[1].evaluate("document.cookie = 'kept=1; SameSite=None', document.cookie") == ""
        await complete_link(box, app)


async def test_link_completes_with_all_cookies_blocked_and_a_window_says_why_it_cannot(
    visit: Opener, app: Shop, house: House, tmp_path: Path
) -> None:  # S-117
    async with browsing(tmp_path / "profile", ALL) as context:
        box = await visit(at=await context.new_page())
        assert await box.page.evaluate(SET_COOKIE) == ""
        await complete_link(box, app)
        assert await context.cookies() == []
        page = await context.new_page()
        await page.goto(f"{house.settings.public_url}/?token={await app.link_token(user_id='in a window')}")
        assert await page.locator("main").get_attribute("data-page") == "no_cookies"


async def test_a_frame_keeps_its_link_session_in_a_partitioned_cookie_and_nowhere_else(
    visit: Opener, context: BrowserContext
) -> None:  # S-117, S-122
    box = await visit()
    await box.launch()
    await box.agree()
    await box.at("credentials")
    [cookie] = [each for each in await context.cookies() if "cobalt_" in each["name"]]
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "None")
    assert cookie["name"].startswith("__Host-")
    assert cookie.get("partitionKey") == "http://localhost"
    assert (await context.storage_state(indexed_db=True))["origins"] == []


async def test_a_reload_in_the_middle_of_the_flow_returns_to_the_open_pane(visit: Opener) -> None:  # S-023
    box = await visit()
    await box.launch()
    await box.agree()
    await box.at("credentials")
    await box.page.reload()
    await box.launch()
    await box.at("credentials")
    await box.type()
    await box.press()
    assert len(await box.called("success")) == 1


async def test_a_reload_without_cookies_starts_again_or_says_why_it_cannot(
    visit: Opener, app: Shop, tmp_path: Path
) -> None:
    async with browsing(tmp_path / "profile", ALL) as context:
        box = await visit(at=await context.new_page())
        await box.page.expose_function("fetched", app.link_token)
        await box.launch()
        await box.agree()
        await box.at("credentials")
        await box.page.reload()
        await box.page.evaluate("CobaltLink.init({ ...config(), fetchToken: fetched })")
        await box.sign_in()
        assert len(await box.called("success")) == 1
        box = await visit("/?once", at=box.page)
        await box.launch()
        await box.agree()
        await box.at("credentials")
        await box.page.reload()
        await box.launch()
        await box.reads("Go back to the browser you started in")
        await click(box.frame.locator("main [href='#close']"))
        await box.is_gone()
        assert [each[1] for each in await box.log("exit")] == ["other_browser"]


async def test_the_link_token_is_in_no_address_and_no_referrer_after_the_first_request(
    visit: Opener, house: House
) -> None:  # S-009
    box = await visit()
    requests: list[Request] = []
    box.page.on("request", lambda request: requests.append(request))
    await box.launch()
    await box.agree()
    await box.at("credentials")
    frame = box.page.frames[1]
    assert frame.url.startswith(f"{house.settings.public_url}/link/") and "lt_test_" not in frame.url
    assert await frame.evaluate("'secret' in document.documentElement.dataset") is False
    sent = [(each.url, (await each.all_headers()).get("referer", "")) for each in requests]
    assert sum("lt_test_" in url for url, _ in sent) == 1
    assert [referer for url, referer in sent if "lt_test_" in referer] == []
    # The fragment of the address kept the secret, so a reload of the frame finds its link session again.
    await frame.evaluate("window.before = true; location.reload()")
    await frame.wait_for_function("!window.before", timeout=SECONDS)
    await box.at("credentials")
