"""A real Chromium whose every request, message and address is written down while a person uses it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect

TOKEN = re.compile(r"\b(lt|pt|at|cs)_(test|live)_[0-9A-Za-z]{20,}")
SECONDS = 30_000.0  # in milliseconds: how long a page may take on a busy machine


class Watched:
    """One person's browser. `page` is the window in front."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.page: Page
        self.requests: list[Request] = []
        self.said: list[str] = []
        self.addresses: list[str] = []
        context.on("request", lambda request: self.requests.append(request))
        context.on("page", self._opened)
        context.on("console", self._heard)
        context.on("weberror", lambda error: self.said.append(str(error.error)))

    async def goto(self, address: str) -> None:
        await (await self.context.new_page()).goto(address)

    async def at(self, heading: str) -> None:
        """Waits until the page in front has this heading."""
        await expect(self.page.get_by_role("heading", level=1)).to_have_text(heading, timeout=SECONDS)

    async def reads(self, text: str) -> None:
        """Waits until this can be read somewhere on the page in front."""
        await expect(self.page.locator("body")).to_contain_text(text, timeout=SECONDS)

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=name).click(timeout=SECONDS)

    async def follow(self, name: str) -> None:
        await self.page.get_by_role("link", name=name).click(timeout=SECONDS)

    async def follow_into_new_window(self, name: str) -> None:
        async with self.context.expect_page():
            await self.follow(name)

    async def type(self, label: str, text: str) -> None:
        await self.page.get_by_label(label, exact=True).fill(text, timeout=SECONDS)

    async def sign_in(self, username: str, password: str = "pass_good", ehr: str = "Sandbox EHR") -> None:
        await self.at(f"Sign in to {ehr}")
        await self.type(f"{ehr} username", username)
        await self.type(f"{ehr} password", password)
        await self.press("Sign in")

    def foreign(self, *own: str) -> list[str]:
        """Requests to anywhere but these origins."""
        return [each.url for each in self.requests if not each.url.startswith(tuple(f"{origin}/" for origin in own))]

    async def tokens_requested(self) -> set[tuple[str, str]]:
        """(path, parameter) of each token in the address of a request; every one of them leads away by redirect."""
        found = set()
        for request in self.requests:
            parts = urlsplit(request.url)
            assert not TOKEN.search(parts.path + parts.fragment), request.url
            names = {name for name, value in parse_qsl(parts.query) if TOKEN.search(value)}
            answer = await request.response() if names else None
            assert not names or (answer and answer.status == 303), request.url
            found |= {(parts.path, name) for name in names}
        return found

    async def tokens_shown(self) -> list[str]:
        """Addresses of windows, referrers and messages that hold a token."""
        headers = [(await each.all_headers()).get("referer", "") for each in self.requests]
        referrers = [await page.evaluate("document.referrer") for page in self.context.pages]
        return [text for text in (*self.addresses, *headers, *referrers, *self.said) if TOKEN.search(text)]

    def _opened(self, page: Page) -> None:
        self.page = page
        page.on("framenavigated", lambda frame: self.addresses.append(frame.url))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.said.append(message.text)


@asynccontextmanager
async def watched(browser: Browser, **options: Any) -> AsyncIterator[Watched]:
    """A browser of somebody's own; `options` as for Playwright's `new_context`."""
    kept: dict[str, Any] = {"viewport": {"width": 1000, "height": 800}, "reduced_motion": "reduce"}
    context = await browser.new_context(**(kept | options))
    try:
        yield Watched(context)
    finally:
        await context.close()
