"""An EHR that signs its users in on its own page: from the lightbox in a window beside it, else in the same tab."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from cobalt_link.app import House
from cobalt_link.connector.ask import Ask
from cobalt_link.connector.grant import EhrUser, Grant
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.panes import RedirectAnswer
from cobalt_link.connector.refusals import Declined
from cobalt_link.web import server
from tests.browsers.chromium.conftest import Opener
from tests.browsers.chromium.lightbox import SECONDS
from tests.support.world import Shop, free_port

pytestmark = [pytest.mark.browser]


class Login:
    """An authorization server whose page asks once, on a host of its own, and goes there by two redirects."""

    def __init__(self, port: int, callback: str) -> None:
        self.address = f"http://localhost:{port}"
        self._callback = callback

    async def authorize(self, request: Request) -> Response:
        return RedirectResponse(f"{self.address}/login?{request.url.query}", 302)

    async def login(self, request: Request) -> Response:
        reach = "<script>try { window.opener.location = 'about:blank' } catch {}</script>"
        back = f"{self._callback}?code=c-1&state={request.query_params['state']}"
        no = f"{self._callback}?error=access_denied&state={request.query_params['state']}"
        return HTMLResponse(f"<title>EHR</title>{reach}<a id=yes href='{back}'>Allow</a> <a id=no href='{no}'>Deny</a>")


@pytest.fixture
async def login(house: House) -> AsyncIterator[Login]:
    """The sandbox connector signs in there."""
    async with serving_login(house) as found:

        async def exchange(answer: RedirectAnswer) -> str:
            return answer.code.reveal() if answer.code else ""

        async def sign_in(ask: Ask, instance: EhrInstance) -> Grant:
            answer = await ask.redirect(f"{found.address}/authorize?client_id=1", registration="northlake")
            if answer.error:
                raise Declined
            return Grant(user=EhrUser(id=await ask.once("exchange", exchange, answer), username="ann"))

        house.deps.connectors["sandbox"].sign_in = sign_in  # type: ignore[method-assign]
        yield found


@asynccontextmanager
async def serving_login(house: House) -> AsyncIterator[Login]:
    port = free_port()
    found = Login(port, f"{house.settings.public_url}/oauth/callback/northlake")
    app = Starlette(routes=[Route("/authorize", found.authorize), Route("/login", found.login)])
    async with server.serving(app, "127.0.0.1", port):
        yield found


async def test_the_lightbox_goes_on_by_itself_after_the_window(
    visit: Opener, context: BrowserContext, login: Login, app: Shop
) -> None:
    box = await visit()
    await box.launch()
    await box.agree()
    await box.at("redirect")
    async with context.expect_page() as opening:
        await box.press()
    window = await opening.value
    await window.locator("#yes").wait_for(timeout=SECONDS)
    await box.reads("Finish in the other window")
    # "Open it again" opens another: the first one is out of reach, as the app's page is for the EHR's.
    async with context.expect_page() as opening:
        await box.frame.locator("[data-pane=redirect] button").click()
    again = await opening.value
    await again.locator("#yes").wait_for(timeout=SECONDS)
    async with again.expect_event("close"):
        await again.locator("#yes").click(timeout=SECONDS)
    [[_, public_token]] = await box.called("success")
    assert (await app.exchange(public_token)).json()["success"] is True
    await box.at("done")
    async with window.expect_event("close"):  # late: the other one was quicker
        await window.locator("#yes").click(timeout=SECONDS)


async def test_a_window_that_the_browser_holds_back_is_opened_by_a_plain_button(
    visit: Opener, context: BrowserContext, login: Login
) -> None:
    box = await visit()
    await box.launch()
    await box.agree()
    await box.at("redirect")
    frame = next(each for each in box.page.frames if "/link/" in each.url)
    await frame.evaluate("window.open = () => null")
    await box.press()
    await box.reads("Your browser held back the new window")
    async with context.expect_page() as opening:
        await box.press()
    window = await opening.value
    await window.locator("#no").click(timeout=SECONDS)
    await box.at("message")


async def test_in_a_window_of_its_own_link_goes_there_and_comes_back(
    browser: Browser, house: House, app: Shop, login: Login
) -> None:
    for script in (True, False):
        context = await browser.new_context(java_script_enabled=script)
        page: Page = await context.new_page()
        await page.goto(f"{house.settings.public_url}/?token={await app.link_token(user_id=f'user-{script}')}")
        await page.locator("button[value=yes]").click(timeout=SECONDS)
        await page.locator("[data-pane=redirect] button.go").click(timeout=SECONDS)
        await page.locator("#yes").click(timeout=SECONDS)
        await expect(page.locator("h1")).to_have_text("You’re connected", timeout=SECONDS)
        assert len(context.pages) == 1
        await context.close()
