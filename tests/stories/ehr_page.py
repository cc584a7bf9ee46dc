"""The sandbox EHR's own pages, as a person who comes from Link goes through them."""

from __future__ import annotations

from playwright.async_api import Page, expect

SECONDS = 30_000.0  # in milliseconds


class EhrPage:
    """The window that is at the EHR."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def at(self, heading: str) -> None:
        await expect(self.page.get_by_role("heading", level=1)).to_have_text(heading, timeout=SECONDS)

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=name, exact=True).click(timeout=SECONDS)

    async def sign_in(self, username: str = "user_good", password: str = "pass_good") -> None:
        """As far as the consent page. A login with a code gets it typed."""
        await self.at("Sign in")
        await self.page.get_by_label("Username").fill(username, timeout=SECONDS)
        await self.page.get_by_label("Password").fill(password, timeout=SECONDS)
        await self.press("Sign in")
        if username == "user_code":
            await self.at("Enter your code")
            await self.page.get_by_label("6-digit code").fill("123456", timeout=SECONDS)
            await self.press("Continue")
        await self.at("Allow Riverside apps?")

    async def allow(self, username: str = "user_good") -> None:
        await self.sign_in(username)
        await self.press("Allow")
