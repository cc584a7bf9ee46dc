"""Buttons that lead back to the app do so, and a time to wait is the time that is left."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx2

from cobalt_link.app import House
from cobalt_link.kit.clock import MovedClock
from tests.link.flow.test_answers import exit_of
from tests.support.text_browser import Browser, link_by_http
from tests.support.world import Sandbox, Shop, shop


async def test_back_to_the_app_leads_there_and_is_offered_only_where_it_does(
    house: House, acme: Shop, client: httpx2.AsyncClient
) -> None:
    page = await link_by_http(client, link := await acme.link_token(), "user_locked", until="message")
    back = await Browser(client).submit(page, exit_of(page), stop="back")
    assert (back.status, back.response.headers["location"]) == (303, "http://127.0.0.1:9/")
    assert (await acme.session(link))["state"] == "left"
    nowhere = await shop(house, client, "Nowhere", callback_urls=[])
    page = await link_by_http(client, await nowhere.link_token(), "user_locked", until="message")
    assert "Back to" not in page.text and page.form.values("stop") == ["1"]


async def test_a_time_to_wait_counts_from_the_refusal_and_not_from_each_look(
    acme: Shop, client: httpx2.AsyncClient, clock: MovedClock, sandbox: Sandbox
) -> None:
    page = await link_by_http(client, await acme.link_token(), "u", "error_ehr_busy", until="message")
    browser = Browser(client)
    assert "Try again in 2 minutes" in page.text and 'data-left="1' in page.response.text
    clock.move(timedelta(seconds=75))
    page = await browser.open(page.url)
    assert re.search(r"Try again in 4\d seconds", page.text), page.text
    clock.move(timedelta(seconds=50))
    page = await browser.open(page.url)
    assert "You can try again now." in page.text and "data-left" not in page.response.text
