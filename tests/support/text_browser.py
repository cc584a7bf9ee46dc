"""A person with a text browser: no script, one cookie jar, forms as the pages give them.

`link_by_http` takes any login of the sandbox EHR through Link to the public token.
"""

from __future__ import annotations

import asyncio
import re
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2

CODE = "123456"
CLICKS = 40  # more than any login needs; a person gives up too


class Form:
    """One form: where it goes, its fields as they stand, and its buttons as (name, value)."""

    def __init__(self, attributes: dict[str, str]) -> None:
        self.pane = attributes.get("data-pane")
        self.action = attributes.get("action", "")
        self.method = attributes.get("method", "get")
        self.id = attributes.get("id")
        self.fields: dict[str, str] = {}
        self.buttons: list[tuple[str, str]] = []

    def values(self, name: str) -> list[str]:
        """What the buttons of this name would send."""
        return [value for each, value in self.buttons if each == name]


class Page(HTMLParser):
    """What came back, read as a browser would."""

    def __init__(self, response: httpx2.Response) -> None:
        super().__init__()
        self.response = response
        self.url = str(response.url)
        self.forms: list[Form] = []
        self.refresh: str | None = None
        self.links: list[str] = []
        self._inside = False
        self._open: Form | None = None
        self._heard: dict[str, list[str]] = {"title": [], "h1": [], "li": []}
        self._within: list[str] = []
        self.feed(_drawn(response.text))

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def pane(self) -> str | None:
        """The kind of the pane that is open, as its form says."""
        return next((form.pane for form in self.forms if form.pane), None)

    @property
    def form(self) -> Form:
        return next(form for form in self.forms if form.pane)

    @property
    def title(self) -> str:
        return "".join(self._heard["title"]).strip()

    @property
    def heading(self) -> str:
        return "".join(self._heard["h1"]).strip()

    @property
    def text(self) -> str:
        """Everything that can be read, in one line."""
        body = re.sub(r"<(style|title)\b.*?</\1>", " ", _drawn(self.response.text), flags=re.S)
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)).strip()

    @property
    def stale(self) -> bool:
        return "You already answered that" in self.text

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        match tag:
            case "form":
                self._open = Form(given)
                self.forms.append(self._open)
            case "input" if self._open and given.get("name"):
                self._open.fields[given["name"]] = given.get("value", "")
            case "button" if given.get("name"):
                if owner := self._owner(given):
                    owner.buttons.append((given["name"], given.get("value", "")))
            case "a" if given.get("href"):
                self.links.append(given["href"])
            case "meta" if given.get("http-equiv") == "refresh":
                self.refresh = given["content"].partition("url=")[2]
        if tag in self._heard:
            self._within.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        if self._within and self._within[-1] == tag:
            self._within.pop()

    def handle_data(self, data: str) -> None:
        if self._within:
            self._heard[self._within[-1]].append(data)

    def _owner(self, given: dict[str, str]) -> Form | None:
        if named := given.get("form"):
            return next((form for form in self.forms if form.id == named), None)
        return self._open


def _drawn(html: str) -> str:
    """Without templates, which only a script brings to life."""
    return re.sub(r"<template\b.*?</template>", " ", html, flags=re.S)


class Browser:
    """Goes to pages, follows their redirects and 0-second refreshes, and stops at the app's callback."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http = http
        self.origin = str(http.base_url).rstrip("/")
        self.seen: list[str] = []

    async def open(self, address: str) -> Page:
        return await self._arrive(await self._send("GET", address))

    async def submit(self, page: Page, form: Form | None = None, /, **typed: str) -> Page:
        """Sends a form with what was typed over its fields, as same-origin browsers do."""
        form = form or page.form
        fields = form.fields | typed
        where = urljoin(page.url, form.action)
        if form.method == "get":
            return await self._arrive(await self._send("GET", where, params=fields))
        return await self._arrive(await self._send("POST", where, data=fields, headers={"Origin": self.origin}))

    async def _arrive(self, response: httpx2.Response) -> Page:
        for _ in range(20):
            if response.is_redirect:
                where = urljoin(str(response.url), response.headers["location"])
                if not where.startswith(self.origin + "/"):
                    return Page(response)
                response = await self._send("GET", where)
            elif (refresh := Page(response).refresh) is not None:
                response = await self._send("GET", urljoin(str(response.url), refresh))
            else:
                break
        return Page(response)

    async def _send(self, method: str, address: str, **options: object) -> httpx2.Response:
        async with self.http.stream(method, address, follow_redirects=False, **options) as response:  # type: ignore[arg-type]
            self.seen.append(str(response.url))
            body = b""
            async for part in response.aiter_bytes():
                body += part
                # A page that waits for something outside stays open: a person reads it while it does.
                if b'data-pane="waiting"' in body and b"</footer>" in body:
                    break
        headers = [(name, value) for name, value in response.headers.multi_items() if name != "content-encoding"]
        return httpx2.Response(response.status_code, headers=headers, content=body, request=response.request)


def answers(page: Page, username: str, password: str) -> dict[str, str]:
    """What a person with this login answers to the open pane."""
    match page.pane:
        case "picker":
            return {"pick": page.form.values("pick")[0]} if page.form.values("pick") else {}
        case "consent":
            return {"agree": "yes"}
        case "credentials":
            return {"username": username, "password": password}
        case "code":
            return {"code": CODE}
        case "reconnect":
            return {"agree": "yes"}
        case "choice" | "already":
            return {"pick": page.form.values("pick")[0]}
        case "waiting":
            return {"action": page.form.values("action")[0]}
    return {}


async def go_on(browser: Browser, page: Page, username: str, password: str, until: str = "done") -> Page:
    """Answers pane after pane until one of the kind `until`, one that this person cannot answer, or the way back to the
    app."""
    for _ in range(CLICKS):
        typed = answers(page, username, password)
        if page.pane == until or not typed:
            return page
        page = await browser.submit(page, **typed)
        if page.pane == "waiting":  # nobody presses "I've approved it" many times a second
            await asyncio.sleep(0.2)
    raise AssertionError(f"Still not at {until} after {CLICKS} clicks: {page.heading}")


async def link_by_http(
    http: httpx2.AsyncClient,
    link_token: str,
    username: str = "user_good",
    password: str = "pass_good",
    *,
    until: str = "done",
) -> Page:
    """Opens Link and goes on until that pane. Give it a client with a cookie jar of its own."""
    browser = Browser(http)
    page = await browser.open(f"/?token={link_token}")
    return await go_on(browser, page, username, password, until)


async def public_token_by_http(
    http: httpx2.AsyncClient, link_token: str, username: str = "user_good", password: str = "pass_good"
) -> str:
    """All the way: the public token that the app's callback is given."""
    page = await link_by_http(http, link_token, username, password)
    if page.pane == "done":  # the app asked for the summary
        page = await Browser(http).submit(page)
    assert page.response.is_redirect, page.text
    return public_token_of(page)


def public_token_of(page: Page) -> str:
    """From the redirect to the callback."""
    location = page.response.headers["location"]
    return parse_qs(urlsplit(location).query)["token"][0]
