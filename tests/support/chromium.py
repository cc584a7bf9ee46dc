"""A real Chromium that is served pages from memory, with the headers that they are served with."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, Page, Route, async_playwright, expect

from cobalt_link.link.pages import assets
from cobalt_link.link.pages.headers import page_headers

expect.set_options(timeout=20_000)  # milliseconds; generous, because the machine may be busy
ORIGIN = "http://127.0.0.1:9"  # port 9 discards: nothing can answer but the pages handed over here


@asynccontextmanager
async def chromium(*switches: str, without: tuple[str, ...] = ()) -> AsyncIterator[Browser]:
    """The machine's Chromium, headless. `without`: switches that Playwright would set."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", *switches], ignore_default_args=list(without)
        )
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def window(
    browser: Browser,
    pages: Mapping[str, str],
    size: tuple[int, int],
    theme: str = "light",
    *,
    csp: bool = True,
    scripts: bool = False,
    foreign: list[str] | None = None,
    **more: Any,
) -> AsyncIterator[Page]:
    """A window in which `pages` are at `/<name>`. Requests to anywhere else are noted in `foreign` and fail.

    `more`: further options of the browser's context, such as `forced_colors="active"`.
    """
    context = await browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=theme,  # type: ignore[arg-type]
        reduced_motion="reduce",
        java_script_enabled=scripts,
        **more,
    )
    await _serve(context, pages, csp, foreign if foreign is not None else [])
    try:
        yield await context.new_page()
    finally:
        await context.close()


async def _serve(context: BrowserContext, pages: Mapping[str, str], csp: bool, foreign: list[str]) -> None:
    headers = page_headers(https=False, form_targets=["https://acme.example/return"]) if csp else {}

    async def answer(route: Route) -> None:
        url = urlsplit(route.request.url)
        name = url.path.removeprefix("/")
        if f"{url.scheme}://{url.netloc}" != ORIGIN:
            foreign.append(route.request.url)
            await route.abort()
        elif url.path.startswith(assets.PREFIX):
            body, media = assets.static(url.path.removeprefix(assets.PREFIX))
            await route.fulfill(body=body, content_type=media, headers=assets.STATIC_HEADERS)
        elif name in pages:
            await route.fulfill(body=pages[name], content_type="text/html; charset=utf-8", headers=headers)
        else:
            await route.fulfill(status=404, body=name)

    await context.route("**/*", answer)
