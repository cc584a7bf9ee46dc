"""A user requests an EHR that cannot be connected: the app sees which one, and nothing about the user."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx2
import msgspec
import pytest

from cobalt_link.app import House
from cobalt_link.developers.org_settings import OrgChange
from cobalt_link.kit.clock import MovedClock
from cobalt_link.link.session.ehr_requests import MAX_REQUESTS
from tests.link.conftest import session_row
from tests.support.text_browser import Browser, Page, link_by_http
from tests.support.world import Shop, connected

ELSEWHERE = "https://summit.cedar.example"


async def requests(app: Shop, **asked: Any) -> list[dict[str, Any]]:
    return (await app.call("GET", "/v1/ehr-requests", params=asked)).json()["ehr_requests"]


async def not_listed(app: Shop, http: httpx2.AsyncClient, token: str | None = None) -> Page:
    """A user whose practice is not listed types the address of another EHR."""
    token = token or await app.link_token(org_id="no-ehr", emr_name=None)
    browser = Browser(http)
    page = await browser.open(f"/?token={token}")
    page = await browser.submit(await browser.open(f"{page.form.action}?manual=1"), ehr="other", url=ELSEWHERE)
    assert page.pane == "message", page.text
    return page


async def test_another_ehr_is_asked_for_and_the_app_sees_it(acme: Shop, client: httpx2.AsyncClient) -> None:
    token = await acme.link_token(org_id="no-ehr", emr_name=None)
    page = await not_listed(acme, client, token)
    assert page.heading == "We can’t connect to your EHR yet"
    assert "Nothing about you or your patients" in page.text
    assert page.form.values("action") == ["ask", "change"]
    page = await Browser(client).submit(page, action="ask")
    assert "Acme Scribe can see that you asked for it" in page.text
    assert page.form.values("action") == ["change"]
    [found] = await requests(acme)
    assert found.pop("asked_at")
    assert found == {"org_id": "no-ehr", "practice": None, "ehr": "other", "what": None, "web_address": ELSEWHERE}
    session = await acme.session(token)
    assert (session["state"], session["events"][-1]["name"]) == ("open", "requested")


async def test_asking_twice_counts_once_and_another_practice_can_still_be_chosen(
    acme: Shop, client: httpx2.AsyncClient
) -> None:
    page = await not_listed(acme, client)
    for _ in range(2):
        again = await Browser(client).submit(page, action="ask")
    assert again.pane == "message" and len(await requests(acme)) == 1
    picker = await Browser(client).submit(again, action="change")
    assert picker.pane == "picker"
    # Another EHR is another request. The page must not say that it was sent already.
    page = await Browser(client).open(f"{picker.form.action}?manual=1")
    page = await Browser(client).submit(page, ehr="other", url="https://another.example")
    assert page.form.values("action") == ["ask", "change"] and "Request sent" not in page.text
    assert "Request sent" in (await Browser(client).submit(page, action="ask")).text
    assert {each["web_address"] for each in await requests(acme)} == {ELSEWHERE, "https://another.example"}


async def test_what_is_asked_for_while_another_tab_leaves_is_not_noted(
    house: House, acme: Shop, client: httpx2.AsyncClient
) -> None:
    token = await acme.link_token(org_id="no-ehr", emr_name=None)
    await not_listed(acme, client, token)
    seen = await house.link.sessions.by_id((await session_row(house))["id"])
    assert seen is not None
    await house.link.answers.leave(seen)
    assert await house.link.requests.ask(seen) is False
    assert [each["name"] for each in (await acme.session(token))["events"]][-1] == "left"


async def test_one_link_session_sends_so_many_requests_and_no_more(
    house: House, acme: Shop, client: httpx2.AsyncClient
) -> None:
    await not_listed(acme, client)
    seen = await house.link.sessions.by_id((await session_row(house))["id"])
    assert seen is not None
    for number in range(MAX_REQUESTS + 3):
        elsewhere = msgspec.structs.replace(seen, address=f"https://{number}.example")
        assert await house.link.requests.ask(elsewhere) is True
    assert len(await requests(acme)) == MAX_REQUESTS


async def test_an_org_whose_ehr_is_gone_is_named(house: House, acme: Shop, client: httpx2.AsyncClient) -> None:
    token = await acme.link_token(org_id="summit")
    change = OrgChange(branding_name="Summit Ortho")
    await house.db.run("UPDATE orgs SET ehr = 'cedarworks', address = %s WHERE org_id = 'summit'", (ELSEWHERE,))
    await house.developers.orgs.change(acme.record, "summit", change)
    page = await Browser(client).open(f"/?token={token}")
    assert page.heading == "We can’t connect to your EHR yet"
    assert "We send Your practice, cedarworks" in page.text and "and the web address" in page.text
    assert "Ask for cedarworks" in page.text
    await Browser(client).submit(page, action="ask")
    [found] = await requests(acme)
    assert (found["practice"], found["ehr"], found["what"]) == ("Summit Ortho", "cedarworks", "cedarworks")


async def test_only_what_the_page_offers_can_be_asked_for(
    acme: Shop, rival: Shop, client: httpx2.AsyncClient, house: House
) -> None:
    page = await link_by_http(client, await acme.link_token(), "user_locked", until="message")
    assert "ask" not in page.form.values("action")
    assert (await Browser(client).submit(page, action="ask")).stale
    await Browser(client).submit(await not_listed(rival, client), action="ask")
    assert await requests(acme) == [] and len(await requests(rival)) == 1
    async with connected(house) as stranger:  # whose browser it is not
        page = await not_listed(acme, client)
        assert (await Browser(stranger).submit(page, action="ask")).status == 403
    assert await requests(acme) == []


async def test_requests_come_in_pages_and_are_forgotten_after_a_while(
    house: House, acme: Shop, client: httpx2.AsyncClient, clock: MovedClock
) -> None:
    for _ in range(3):
        async with connected(house) as http:
            await Browser(http).submit(await not_listed(acme, http), action="ask")
        clock.move(timedelta(minutes=1))
    answer = (await acme.call("GET", "/v1/ehr-requests", params={"page_size": 2})).json()
    after = answer["pagination"]["next"]
    assert answer["pagination"] == {"page_size": 2, "next": after} and after
    times = [each["asked_at"] for each in answer["ehr_requests"]]
    assert times == sorted(times, reverse=True)
    assert len(await requests(acme, after=after, page_size=2)) == 1
    clock.move(timedelta(days=house.settings.retention_days + 1))
    for chore in house.chores:
        if chore.name == "pruning":
            await chore.work()
    assert await requests(acme) == []


@pytest.mark.parametrize("how", [{}, {"ehr": "other", "url": "ftp://nowhere"}, {"ehr": "larkspur", "url": ELSEWHERE}])
async def test_what_is_not_an_ehr_at_an_address_is_asked_again(
    acme: Shop, client: httpx2.AsyncClient, how: dict[str, str]
) -> None:
    browser = Browser(client)
    page = await browser.open(f"/?token={await acme.link_token(org_id='no-ehr', emr_name=None)}")
    page = await browser.submit(await browser.open(f"{page.form.action}?manual=1"), **how)
    assert (page.status, page.pane) == (422, "picker")
