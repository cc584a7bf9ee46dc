"""A real Chromium, an app's site, and an app that registered the origin of that site."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx2
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page

from cobalt_link.app import House
from tests.browsers.chromium.lightbox import Lightbox
from tests.browsers.chromium.site import APP, Site, served
from tests.support.world import Shop, shop

Opener = Callable[..., Awaitable[Lightbox]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sites() -> AsyncIterator[Site]:
    async with served() as site:
        yield site


@pytest.fixture
def site(sites: Site, house: House) -> Site:
    """The app's site. `/` is a page with the snippet of the contract."""
    sites.pages.clear()
    sites.put("/", APP.format(link=house.settings.public_url))
    return sites


@pytest.fixture
async def app(house: House, client: httpx2.AsyncClient, site: Site) -> Shop:
    """A client that registered the origin of the site."""
    return await shop(house, client, "Acme Scribe", origins=[site.address])


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(viewport={"width": 1000, "height": 800}, reduced_motion="reduce")
    yield context
    await context.close()


@pytest.fixture
async def page(context: BrowserContext) -> Page:
    return await context.new_page()


@pytest.fixture
def visit(site: Site, app: Shop, page: Page) -> Opener:
    """`await visit()` opens a page of the app with a fresh link token. Link is not open yet."""

    async def visited(path: str = "/", *, token: str | None = None, at: Page = page) -> Lightbox:
        await at.goto(f"{site.address}{path}#token={await app.link_token() if token is None else token}")
        return Lightbox(at)

    return visited
