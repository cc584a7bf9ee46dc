"""docs/how-to/lightbox.md: its samples open Link as they are, and its names and hash are those of the code."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha384
from typing import get_args

import pytest
from playwright.async_api import Page

from cobalt_link.app import House
from cobalt_link.link.pages import assets
from cobalt_link.link.pages.closed import CLOSED
from cobalt_link.link.session.states import EventName
from tests.browsers.chromium.lightbox import Lightbox
from tests.browsers.chromium.packing import CLIENT
from tests.browsers.chromium.site import Site
from tests.docs.samples import DOCS, samples
from tests.support.world import Shop

pytestmark = [pytest.mark.browser]

PAGE = DOCS / "how-to" / "lightbox.md"
ROW = re.compile(r"^\| `(?P<name>\w+)[`(]", re.M)


def sample(name: str) -> str:
    return next(each.text for each in samples(PAGE) if (each.mark, each.name) == ("lightbox", name))


def table(heading: str) -> set[str]:
    """The names in the first column of the table under a heading."""
    text = PAGE.read_text().partition(f"{heading}\n")[2].partition("\n## ")[0].partition("\n### ")[0]
    return {found["name"] for found in ROW.finditer(text)}


def typed(name: str, pattern: str) -> set[str]:
    """The names that types.ts lists in one type."""
    text = (CLIENT / "sdk" / "src" / "types.ts").read_text().partition(f"export {name}")[2].partition("\n}")[0]
    return set(re.findall(pattern, text.partition("(string & {})")[0], re.M))


async def test_the_quick_start_links_an_account_as_it_is(site: Site, app: Shop, house: House, page: Page) -> None:
    html = sample("html").replace("https://link.example.com", house.settings.public_url)
    site.put("/quick", "<!doctype html><title>App</title><body>" + html)
    token = await app.link_token()
    await page.add_init_script(f"window.LINK_TOKEN = '{token}'")
    await page.goto(f"{site.address}/quick")
    await page.get_by_role("button", name="Link account").click()
    async with page.expect_request("**/linked") as sent:
        await Lightbox(page).sign_in()
    body = (await sent.value).post_data or ""
    assert (await app.exchange(body.removeprefix("public_token="))).json()["success"] is True


def test_the_hash_on_the_page_is_that_of_the_served_script() -> None:
    digest = b64encode(sha384(assets.source("init.js")).digest()).decode()
    tag = sample("integrity")
    assert f'integrity="sha384-{digest}"' in tag, "run `make assets`"
    assert f"/v{assets.VERSION}/init.js" in tag


def test_every_option_and_error_of_the_types_is_on_the_page() -> None:
    assert table("## What `init` takes") == typed("interface Config", r"^  (\w+)\??:")
    raised = typed("interface ExitError", r'"(\w+)"')
    assert raised >= {"origin_not_registered", "no_token", "token_not_fetched"}
    assert table("### Errors of `onExit`") - raised <= set(CLOSED)


def test_every_event_that_an_app_gets_is_on_the_page_and_in_the_types() -> None:
    assert table("### Events") == set(get_args(EventName)) == typed("type EventName =", r'"(\w+)"')
