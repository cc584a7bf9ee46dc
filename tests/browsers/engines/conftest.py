"""Firefox, started once on a virtual screen, and an app on another site than Link."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page

from tests.browsers.chromium.conftest import app, site, sites, visit
from tests.browsers.engines.firefox import firefox
from tests.browsers.engines.screen import Screen
from tests.browsers.engines.screen import screen as screen_of_its_own

__all__ = ["app", "site", "sites", "visit"]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def screen() -> AsyncIterator[Screen]:
    async with screen_of_its_own() as shown:
        yield shown


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def fox(screen: Screen) -> AsyncIterator[Browser]:
    """Firefox with its default settings, on the screen."""
    async with firefox(screen) as running:
        yield running


@pytest.fixture
async def context(fox: Browser) -> AsyncIterator[BrowserContext]:
    context = await fox.new_context(viewport={"width": 1000, "height": 800})
    yield context
    await context.close()


@pytest.fixture
async def page(context: BrowserContext) -> Page:
    return await context.new_page()
