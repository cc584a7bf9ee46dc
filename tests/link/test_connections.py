"""A person's own connections (S-125): found by signing in at the EHR, over all apps, and ended by the person."""

from __future__ import annotations

from datetime import timedelta

import httpx2

from cobalt_link.accounts import audit
from cobalt_link.app import House
from cobalt_link.kit.clock import MovedClock
from tests.text_browser import Browser, Page, go_on, public_token_by_http
from tests.link.conftest import attempt_row
from tests.world import Sandbox, Shop, connected


async def linked(shop: Shop, username: str = "user_good", **wanted: str) -> dict[str, str]:
    """Links an account; gives its access token's headers."""
    async with httpx2.AsyncClient(base_url=shop.http.base_url, trust_env=False, timeout=60.0) as http:
        token = await public_token_by_http(http, await shop.link_token(**wanted), username)
    answer = await shop.exchange(token)
    return {"access_token": answer.json()["access_token"]}


async def signed_in(http: httpx2.AsyncClient, username: str = "user_good") -> Page:
    """Goes to /connections and signs in there."""
    browser = Browser(http)
    page = await browser.submit(await browser.open("/connections"), pick="ehr:sandbox")
    return await go_on(browser, page, username, "pass_good", until="connections")


async def test_a_person_sees_and_ends_the_connections_of_their_account_with_every_app(
    house: House, acme: Shop, rival: Shop, sandbox: Sandbox
) -> None:  # S-125
    mine, theirs = await linked(acme), await linked(rival, user_id="other", org_id="elsewhere")
    async with connected(house) as http:
        page = await signed_in(http)
        assert page.heading == "Your connections"
        assert "Acme Scribe" in page.text and "Rival Notes" in page.text
