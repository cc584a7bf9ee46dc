"""A Firefox as Mozilla ships it, driven by Playwright over WebDriver BiDi."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.async_api import Browser, async_playwright

from tests.browsers.engines.screen import Screen
from tests.house.tree import ROOT

ALL_COOKIES_BLOCKED = {"network.cookie.cookieBehavior": 2}
THEMES = {"dark": 0, "light": 1}
PREFERENCES: dict[str, str | float | bool] = {
    # The defaults of Firefox, where Playwright sets something else.
    "network.cookie.cookieBehavior": 5,  # partition third-party cookies by the site around them
    "focusmanager.testmode": False,
    "dom.disable_open_during_load": True,
    # A mouse event must go to the whole window. Otherwise it does not reach a frame of another site.
    "remote.events.async.mouse.enabled": True,
    "network.security.ports.banned.override": "9",  # where pages from memory are (tests/support/chromium.py)
    "ui.prefersReducedMotion": 1,
}


@asynccontextmanager
async def firefox(
    screen: Screen | None = None, theme: str = "light", preferences: dict[str, int] | None = None
) -> AsyncIterator[Browser]:
    """The installed Firefox, on this screen, or headless without one."""
    path = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))))
    chosen = {"layout.css.prefers-color-scheme.content-override": THEMES[theme]}
    with TemporaryDirectory() as folder:
        program = Path(folder) / "firefox"
        relay = f"{shlex.quote(sys.executable)} -m tests.browsers.engines.relay {path}"
        program.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {relay} "$@"\n')
        program.chmod(0o700)
        async with async_playwright() as playwright:
            browser = await playwright.firefox.launch(
                channel="moz-firefox",
                executable_path=program,
                headless=screen is None,
                env={**screen.env} if screen else None,
                firefox_user_prefs={**PREFERENCES, **chosen, **(preferences or {})},
                timeout=120_000,
            )
            try:
                yield browser
            finally:
                await browser.close()
