"""The lightbox in Firefox. Link is at 127.0.0.1 and the app at localhost, so they are two sites."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browsers.chromium.conftest import Opener
from tests.browsers.chromium.lightbox import SECONDS, Lightbox
from tests.browsers.engines.firefox import ALL_COOKIES_BLOCKED, firefox
from tests.browsers.engines.screen import Screen
from tests.support.world import Shop

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cookieless() -> AsyncIterator[Browser]:
    async with firefox(preferences=ALL_COOKIES_BLOCKED) as running:
        yield running


async def complete_link(box: Lightbox, app: Shop) -> None:
    """Links from the button to the exchanged token, and checks that the page is restored."""
    await box.page.evaluate("document.documentElement.setAttribute('style', 'overflow:scroll;color:red')")
    await box.page.evaluate("document.querySelector('#go').focus(), scrollTo(0, 120)")
    before = await box.page_state()
    await box.page.locator("#go").press("Enter")
    await box.at("consent")
    assert (await box.page_state())[3] == "hidden"
    await box.sign_in("user_code", "not my password")
    await box.reads("Wrong username or password")
    await box.type("user_code")
    await box.press()
    await box.frame.locator("[name=code]").fill("123456", timeout=SECONDS)
    await box.press()
    [[_, public_token]] = await box.called("success")
    assert (await app.exchange(public_token)).json()["success"] is True
    await box.press()
    await box.is_gone()
    assert await box.page_state() == before
    assert await box.page.evaluate("document.activeElement.id") == "go"
    assert (await box.log("exit"), await box.log("load")) == ([], [["load"]])
    seqs = [each[2]["seq"] for each in await box.log("event")]
    assert seqs == list(range(1, len(seqs) + 1)) and seqs


async def test_link_completes_and_restores_the_page(visit: Opener, app: Shop) -> None:  # S-117
    await complete_link(await visit(), app)


async def test_link_completes_with_all_cookies_blocked(visit: Opener, app: Shop, cookieless: Browser) -> None:  # S-117
    context = await cookieless.new_context(viewport={"width": 1000, "height": 800})
    box = await visit(at=await context.new_page())
    assert await box.page.evaluate("document.cookie = 'kept=1', document.cookie") == ""
    await complete_link(box, app)
    assert await context.cookies() == []
    await context.close()


class Keyboard:
    """A user with a keyboard and no mouse. A key takes time to arrive, so each method waits for its effect."""

    def __init__(self, screen: Screen, box: Lightbox) -> None:
        self.screen, self.box = screen, box

    async def open_link(self) -> None:
        await self.box.page.bring_to_front()
        await self.box.page.wait_for_function("document.hasFocus()", timeout=SECONDS)
        await self.screen.press("Tab")
        await expect(self.box.page.locator("#go")).to_be_focused(timeout=SECONDS)
        await self.screen.press("Return")

    async def press_the_first(self, name: str) -> None:
        """In a pane without a field the heading has the focus. Tab leads to the main button, past any details."""
        await expect(self.box.frame.locator("h1")).to_be_focused(timeout=SECONDS)
        for _ in range(await self.box.frame.locator("main summary").count()):
            await self.screen.press("Tab")
            await expect(self.box.frame.locator("main summary:focus")).to_be_visible(timeout=SECONDS)
        await self.screen.press("Tab")
        await expect(self.box.frame.get_by_role("button", name=name)).to_be_focused(timeout=SECONDS)
        await self.screen.press("Return")

    async def starts_in(self, name: str) -> None:
        await expect(self.box.frame.locator(f"[name={name}]")).to_be_focused(timeout=SECONDS)

    async def back_at_the_button(self) -> None:
        await self.box.is_gone()
        focused = "document.hasFocus() && document.activeElement.id === 'go'"
        await self.box.page.wait_for_function(focused, timeout=SECONDS)


async def test_a_user_links_with_the_keyboard_alone(visit: Opener, app: Shop, screen: Screen) -> None:  # S-124
    box = await visit()
    keyboard = Keyboard(screen, box)
    await keyboard.open_link()
    await keyboard.press_the_first("Allow and continue")
    await keyboard.starts_in("username")
    await screen.type("user_code")
    await screen.press("Tab")
    await screen.type("pass_good")
    await screen.press("Return")
    await keyboard.starts_in("code")
    await screen.type("123456")
    await screen.press("Return")
    [[_, public_token]] = await box.called("success")
    assert (await app.exchange(public_token)).json()["success"] is True
    await keyboard.press_the_first("Back to Acme Scribe")
    await keyboard.back_at_the_button()
    assert await box.log("exit") == []


async def test_escape_asks_before_it_drops_what_was_typed_and_a_second_escape_closes_link(
    visit: Opener, screen: Screen
) -> None:  # S-124
    box = await visit()
    keyboard = Keyboard(screen, box)
    await keyboard.open_link()
    await keyboard.press_the_first("Allow and continue")
    await keyboard.starts_in("username")
    await screen.press("Escape")
    await keyboard.back_at_the_button()
    await screen.press("Return")
    await keyboard.starts_in("username")
    await screen.type("user")
    await screen.press("Escape")
    await expect(box.frame.locator("h1")).to_have_text("Stop connecting?", timeout=SECONDS)
    await screen.press("Escape")
    await keyboard.back_at_the_button()
    assert [each[1] for each in await box.called("exit", 2)] == [None, None]
