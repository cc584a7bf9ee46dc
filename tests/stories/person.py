"""A person who links: a text browser of their own, one EHR login, and what they see and do next."""

from __future__ import annotations

from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx2

from tests.support.text_browser import Browser, Page, go_on


class Person:
    """`page` is what is on the screen. Every step gives the page that it led to."""

    def __init__(self, http: httpx2.AsyncClient, username: str = "user_good", password: str = "pass_good") -> None:
        self.browser = Browser(http)
        self.username, self.password = username, password
        self.page: Page

    async def open(self, link_token: str) -> Page:
        """Follows the app's button to Link."""
        self.page = await self.browser.open(f"/?token={link_token}")
        return self.page

    async def look_again(self) -> Page:
        """Reloads."""
        self.page = await self.browser.open(self.page.url)
        return self.page

    async def type(self, **fields: str) -> Page:
        """Fills the open pane's form in and sends it."""
        self.page = await self.browser.submit(self.page, **fields)
        return self.page

    async def press(self, value: str) -> Page:
        """One of the open pane's buttons, by its value."""
        name = next(name for name, each in self.page.form.buttons if each == value)
        return await self.type(**{name: value})

    async def follow(self, ending: str) -> Page:
        """A link of the page, by how its address ends."""
        where = next(link for link in self.page.links if link.endswith(ending))
        self.page = await self.browser.open(urljoin(self.page.url, where))
        return self.page

    async def sign_in(self, password: str | None = None) -> Page:
        """The username as it stands there or else this person's, and a password."""
        username = self.page.form.fields["username"] or self.username
        return await self.type(username=username, password=password or self.password)

    async def go_on(self, until: str = "done") -> Page:
        """Does what each pane asks, until one of this kind."""
        self.page = await go_on(self.browser, self.page, self.username, self.password, until)
        assert self.page.pane == until or (until == "done" and self.page.response.is_redirect), self.page.text
        return self.page

    async def return_to_app(self) -> dict[str, str]:
        """Is sent back to the app, or presses "Back to the app"; what its callback is then called with."""
        if self.page.pane == "done":
            self.page = await self.browser.submit(self.page)
        return dict(parse_qsl(urlsplit(self.page.response.headers["location"]).query))

    async def link(self, link_token: str) -> str:
        """All the way from the link token to the public token."""
        await self.open(link_token)
        await self.go_on()
        return (await self.return_to_app())["token"]
