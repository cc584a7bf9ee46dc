"""An app's window for Link in a Chromium that blocks pop-ups, with the sample of docs/how-to/lightbox.md."""

from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
import pytest_asyncio
from playwright.async_api import Browser

from cobalt_link.app import House
from tests.browsers.chromium.site import Site
from tests.browsers.chromium.test_how_to import sample
from tests.stories.watched import watched
from tests.support.chromium import chromium
from tests.support.world import shop

pytestmark = [pytest.mark.browser]

APP = """<!doctype html><html lang="en"><title>App</title><link rel="icon" href="data:,"><h1>App</h1>
<button onclick="{open}">Connect</button><script>
const LINK_TOKEN = new URLSearchParams(location.hash.slice(1)).get("token");
function connect() {{ {sample} }}
{late}</script>"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def blocking() -> AsyncIterator[Browser]:
    async with chromium(without=("--disable-popup-blocking",)) as running:
        yield running


@pytest.mark.parametrize("blocked", [True, False], ids=["without a click", "in the click"])
async def test_link_goes_on_in_the_same_window_where_a_new_one_is_blocked(
    house: House, client: httpx2.AsyncClient, site: Site, blocking: Browser, blocked: bool
) -> None:
    code = sample("window").replace("https://link.example.com", house.settings.public_url)
    late = "addEventListener('load', () => setTimeout(connect));" if blocked else ""
    site.put("/app", APP.format(sample=code, open="" if blocked else "connect()", late=late))
    back = site.put("/linked", "<!doctype html><title>App</title><h1>Linked</h1>")
    app = await shop(house, client, "Acme Scribe", callback_urls=[back])
    async with watched(blocking) as seen:
        await seen.goto(f"{site.address}/app#token={await app.link_token(state='mine', show_summary=None)}")
        if not blocked:
            async with seen.context.expect_page():
                await seen.press("Connect")
        await seen.at("Let Acme Scribe use your EHR?")
        await seen.press("Allow and continue")
        await seen.sign_in("user_good")
        await seen.at("Linked")
        assert len(seen.context.pages) == (1 if blocked else 2)
        query = parse_qs(urlsplit(seen.page.url).query)
    assert query["state"] == ["mine"]
    assert (await app.exchange(query["token"][0])).json()["success"] is True
