"""Link in a new window of Firefox: from the link in the example app to its callback, the exchange, and the visits."""

from __future__ import annotations

import httpx2
import pytest
from playwright.async_api import Browser

from cobalt_link.app import House
from tests.stories.scribe import scribe
from tests.stories.watched import watched
from tests.support.world import Sandbox

pytestmark = [pytest.mark.browser, pytest.mark.slow]


async def test_a_user_links_with_a_code_after_a_wrong_password(
    house: House, client: httpx2.AsyncClient, sandbox: Sandbox, fox: Browser
) -> None:
    async with scribe(house, client, org_id="river") as app, watched(fox) as seen:
        await app.app.link_token(org_id="river", emr_name="Sandbox EHR", emr_instance_domain=sandbox.address)
        await app.connect(seen)
        await seen.at("Let Acme Scribe use your EHR?")
        await seen.press("Allow and continue")
        await seen.sign_in("user_code", "not my password")
        await seen.reads("Wrong username or password")
        await seen.sign_in("user_code")
        await seen.at("Enter your code")
        await seen.type("6-digit code", "123456")
        await seen.press("Continue")
        assert await app.schedule(seen)
