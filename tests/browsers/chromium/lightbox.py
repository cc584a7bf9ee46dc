"""Drives Link inside an app's page as a user does, and reads which callbacks the app got."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from playwright.async_api import FrameLocator, Locator, Page, expect
from playwright.async_api import TimeoutError as PlaywrightTimeoutError

SECONDS = 20_000.0  # milliseconds; generous, because the machine may be busy
# Everything on the app's page that a lightbox could change and forget to restore.
PAGE_STATE = """() => [document.documentElement.outerHTML, document.adoptedStyleSheets.length,
  document.activeElement.id, getComputedStyle(document.documentElement).overflowY, scrollY]"""


GONE = "!document.querySelector('html > div')"


async def escape(page: Page) -> None:
    """Presses Escape over the open lightbox."""
    await _done_or_gone(page, page.keyboard.press("Escape"))


async def click(target: Locator) -> None:
    """Clicks in the lightbox with the mouse. Raises TimeoutError if there is nothing to click."""
    await target.wait_for(timeout=SECONDS)
    await _done_or_gone(target.page, target.click(timeout=SECONDS))


async def _done_or_gone(page: Page, action: Coroutine[Any, Any, None]) -> None:
    # Chromium may never confirm a key or a click that removes the frame that it goes to.
    done = asyncio.ensure_future(action)
    # A locator, because a function would break the policy of a page that requires trusted types.
    gone = asyncio.ensure_future(page.locator("html > div").wait_for(state="detached", timeout=SECONDS))
    try:
        await asyncio.wait((done, gone), return_when=asyncio.FIRST_COMPLETED)
        if done.done() or gone.exception():
            await done
    finally:
        for each in (done, gone):
            each.cancel()
        await asyncio.gather(done, gone, return_exceptions=True)


class Lightbox:
    """The lightbox over `page`. Each method waits, and fails the test after `SECONDS`."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @property
    def frame(self) -> FrameLocator:
        return self.page.frame_locator("dialog iframe")

    @property
    def dialog(self) -> Locator:
        return self.page.locator("dialog[open]")

    async def launch(self) -> None:
        await self.page.click("#go")

    async def at(self, pane: str) -> None:
        """Waits for a pane by its kind, such as `consent`."""
        await self.frame.locator(f"form[data-pane={pane}]").wait_for(timeout=SECONDS)

    async def pane_reported(self, pane: str) -> None:
        """Waits until the app got the event that this pane shows."""
        reported = "pane => log.some(each => each[0] === 'event' && each[2].pane === pane && each[1] === 'pane')"
        await self.page.wait_for_function(reported, arg=pane, timeout=SECONDS)

    async def reads(self, text: str) -> None:
        await expect(self.frame.locator("main")).to_contain_text(text, timeout=SECONDS)

    async def agree(self) -> None:
        await self.frame.locator("button[name=agree][value=yes]").click(timeout=SECONDS)

    async def type(self, username: str = "user_good", password: str = "pass_good") -> None:
        await self.frame.locator("[name=username]").fill(username, timeout=SECONDS)
        await self.frame.locator("[name=password]").fill(password, timeout=SECONDS)

    async def press(self) -> None:
        """Presses the main button of the open pane."""
        await click(self.frame.locator("button.go"))

    async def sign_in(self, username: str = "user_good", password: str = "pass_good") -> None:
        """Agrees and signs in. What the EHR asks next depends on the login."""
        await self.agree()
        await self.type(username, password)
        await self.press()

    async def is_gone(self) -> None:
        await self.page.wait_for_function(GONE, timeout=SECONDS)

    async def called(self, callback: str, count: int = 1) -> list[list[Any]]:
        """Waits for `count` calls of a callback (`success`, `exit`, `event`, `load`). Returns all its calls."""
        enough = "([callback, count]) => log.filter(each => each[0] === callback).length >= count"
        try:
            await self.page.wait_for_function(enough, arg=[callback, count], timeout=SECONDS)
        except PlaywrightTimeoutError as error:
            calls, dialog = await self.page.evaluate(
                "[log, document.querySelector('html > div')?.shadowRoot.innerHTML]"
            )
            error.add_note(f"The calls so far: {calls}. In the dialog: {dialog}")
            raise
        return await self.log(callback)

    async def log(self, callback: str) -> list[list[Any]]:
        """The calls of a callback so far."""
        return await self.page.evaluate("callback => log.filter(each => each[0] === callback)", callback)

    async def page_state(self) -> list[Any]:
        return await self.page.evaluate(PAGE_STATE)
