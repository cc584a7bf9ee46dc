"""Link in a new window of WebKitGTK: from the link in the example app to its callback, the exchange, and the visits."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from cobalt_link.app import House
from tests.browsers.engines.screen import Screen
from tests.browsers.engines.webkit import Window, webkit
from tests.stories.scribe import scribe
from tests.support.world import Sandbox

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:setting remote_server_addr:DeprecationWarning"),  # in selenium itself
]


def link(screen: Screen, address: str) -> tuple[str, list[str]]:
    """Links from the app at this address. Returns the last address and the patients whose visits show there."""
    with webkit(screen) as seen:
        seen.goto(address)
        seen.at("Notes that write themselves")
        seen.follow_into_new_window("Connect your EHR")
        seen.at("Let Acme Scribe use your EHR?")
        seen.press("Allow and continue")
        sign_in(seen, "not my password")
        seen.reads("Wrong username or password")
        sign_in(seen, "pass_good")
        seen.at("Enter your code")
        seen.type("code", "123456")
        seen.press("Continue")
        seen.at("Your visits")
        return seen.driver.current_url, seen.texts('//th[@scope="row"]')


def sign_in(seen: Window, password: str) -> None:
    seen.at("Sign in to Sandbox EHR")
    seen.type("username", "user_code")
    seen.type("password", password)
    seen.press("Sign in")


async def test_a_user_links_with_a_code_after_a_wrong_password(
    house: House, client: httpx2.AsyncClient, sandbox: Sandbox, screen: Screen
) -> None:
    async with scribe(house, client, org_id="river") as app:
        await app.app.link_token(org_id="river", emr_name="Sandbox EHR", emr_instance_domain=sandbox.address)
        where, patients = await asyncio.to_thread(link, screen, app.address)
    assert where == f"{app.address}/"
    assert patients
    assert await sandbox.logins() == 2
