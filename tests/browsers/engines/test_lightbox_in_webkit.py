"""The lightbox in WebKitGTK. Link is at 127.0.0.1 and the app at localhost, so they are two sites."""

from __future__ import annotations

import asyncio

import pytest

from tests.browsers.chromium.site import Site
from tests.browsers.engines.screen import Screen
from tests.browsers.engines.webkit import webkit
from tests.support.world import Shop

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:setting remote_server_addr:DeprecationWarning"),  # in selenium itself
]

FRAME = "return document.querySelector('html > div')?.shadowRoot.querySelector('iframe')"
GONE = "return !document.querySelector('html > div')"
PAGE_STATE = (
    "return [document.documentElement.outerHTML, document.activeElement.id, document.adoptedStyleSheets.length]"
)


def link(screen: Screen, address: str) -> tuple[list[object], list[object], list[list[object]]]:
    """Links over the page at this address. Returns the page before and after, and the calls of its callbacks."""
    with webkit(screen) as seen:
        seen.goto(address)
        seen.driver.execute_script("document.querySelector('#go').focus()")
        before = seen.driver.execute_script(PAGE_STATE)
        seen.press("Link account")
        seen.driver.switch_to.frame(seen.until(FRAME))
        seen.at("Let Acme Scribe use your EHR?")
        seen.press("Allow and continue")
        seen.at("Sign in to Sandbox EHR")
        seen.type("username", "user_code")
        seen.type("password", "pass_good")
        seen.press("Sign in")
        seen.at("Enter your code")
        seen.type("code", "123456")
        seen.press("Continue")
        seen.at("You’re connected")
        seen.press("Back to Acme Scribe")
        seen.driver.switch_to.default_content()
        seen.until(GONE)
        return before, seen.driver.execute_script(PAGE_STATE), seen.driver.execute_script("return log")


async def test_link_completes_and_restores_the_page(site: Site, app: Shop, screen: Screen) -> None:
    before, after, log = await asyncio.to_thread(link, screen, f"{site.address}/#token={await app.link_token()}")
    assert after == before and after[1] == "go"
    [public_token] = [each[1] for each in log if each[0] == "success"]
    assert [each for each in log if each[0] in ("exit", "load")] == [["load"]]
    assert (await app.exchange(str(public_token))).json()["success"] is True
