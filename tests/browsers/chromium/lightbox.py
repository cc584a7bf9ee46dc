"""A person who uses Link inside an app's page, and what the page was told."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from playwright.async_api import FrameLocator, Locator, Page, expect
from playwright.async_api import TimeoutError as PlaywrightTimeoutError

SECONDS = 20_000.0  # milliseconds: how long anything may take on a busy machine
# What of a page a lightbox could leave behind.
TRACES = """() => [document.documentElement.outerHTML, document.adoptedStyleSheets.length,
  document.activeElement.id, getComputedStyle(document.documentElement).overflowY, scrollY]"""


# A frame that goes away with a key or a click may never tell Chromium that it had it, and then nobody tells us. What
# came of it is what a test looks at.


async def escape(page: Page) -> None:
    """The key of a keyboard."""
    with suppress(TimeoutError):
        await asyncio.wait_for(page.keyboard.press("Escape"), 5)


async def click(what: Locator) -> None:
    """A click of a mouse; raises TimeoutError where there was nothing to click."""
    await what.wait_for(timeout=SECONDS)
    try:
        await what.click(timeout=SECONDS / 2)
    except PlaywrightTimeoutError as error:
        if "performing click action" not in error.message:
            raise


class Lightbox:
    """The lightbox over `page`."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @property
    def frame(self) -> FrameLocator:
        return self.page.frame_locator("iframe")

    @property
    def dialog(self) -> Locator:
        return self.page.locator("dialog[open]")

    async def launch(self) -> None:
        await self.page.click("#go")

    async def at(self, pane: str) -> None:
        """Waits for the form of this kind of pane, that its page's script is done with."""
        await self.frame.locator(f"form[data-pane={pane}]").wait_for(timeout=SECONDS)

    async def shown(self, pane: str) -> None:
        """Waits until the app was told that this pane shows."""
        shown = "pane => log.some(each => each[0] === 'event' && each[2].pane === pane && each[1] === 'pane')"
        await self.page.wait_for_function(shown, arg=pane, timeout=SECONDS)

    async def reads(self, text: str) -> None:
        await expect(self.frame.locator("main")).to_contain_text(text, timeout=SECONDS)

    async def agree(self) -> None:
        await self.frame.locator("button[name=agree][value=yes]").click(timeout=SECONDS)

    async def type(self, username: str = "user_good", password: str = "pass_good") -> None:
        await self.frame.locator("[name=username]").fill(username, timeout=SECONDS)
        await self.frame.locator("[name=password]").fill(password, timeout=SECONDS)

    async def press(self) -> None:
        """The way forward of the open pane."""
        await click(self.frame.locator("button.go"))

    async def sign_in(self, username: str = "user_good", password: str = "pass_good") -> None:
        """From the consent to whatever the EHR asks next."""
        await self.agree()
        await self.type(username, password)
        await self.press()

    async def is_gone(self) -> None:
        await self.page.wait_for_function("!document.querySelector('html > div')", timeout=SECONDS)

    async def told(self, what: str, count: int = 1) -> list[list[Any]]:
        """Waits until the app was told so often of this (`success`, `exit`, `event`, `load`); all that it was told."""
        enough = "([what, count]) => log.filter(each => each[0] === what).length >= count"
        await self.page.wait_for_function(enough, arg=[what, count], timeout=SECONDS)
        return await self.log(what)

    async def log(self, what: str) -> list[list[Any]]:
        return await self.page.evaluate("what => log.filter(each => each[0] === what)", what)

    async def traces(self) -> list[Any]:
        return await self.page.evaluate(TRACES)
