"""Test clients see the sandbox's logins on every page, live clients on none; and what `/` says without a link."""

from __future__ import annotations

import httpx2
import pytest

from cobalt_link.app import House
from cobalt_link.connectors.sandbox import Sandbox as Connector
from cobalt_link.store.database import Database, DatabaseUnavailable
from sandbox_ehr.login.sandbox_logins import LOGINS, PASSWORD
from tests.support.text_browser import Browser, answers
from tests.support.world import Shop, shop


def test_the_logins_of_the_ribbon_are_those_of_the_sandbox() -> None:
    shown = Connector.manifest.test_logins
    assert shown and shown.password == PASSWORD
    assert list(shown.usernames) == [
        each.account.username for each in LOGINS if not each.account.patient_id
    ]  # patients only by SMART


async def test_a_test_client_sees_the_logins_on_every_page(acme: Shop, client: httpx2.AsyncClient) -> None:
    browser, seen = Browser(client), []
    page = await browser.open(f"/?token={await acme.link_token(org_id='open', emr_name=None)}")
    for _ in range(8):
        seen.append(page.pane or page.heading)
        assert "Test mode Sign in as user_good with pass_good" in page.text, page.text
        assert "user_clinics Chooses one of three clinics" in page.text
        if page.pane == "done":
            break
        typed = answers(page, "user_code", "pass_good")
        if page.form.method == "get" or "ehr" in page.form.fields:
            break
        page = await browser.submit(page, **typed)
    assert "picker" in seen


async def test_no_page_of_a_live_client_or_of_the_connections_says_so(
    house: House, client: httpx2.AsyncClient, acme: Shop
) -> None:
    live = await shop(house, client, "Live", test=False)
    pages = [
        await Browser(client).open(f"/?token={await live.link_token(org_id='open', emr_name=None)}"),
        await Browser(client).open("/connections"),
        await Browser(client).open("/"),
    ]
    for page in pages:
        assert page.status == 200 and "Test mode" not in page.text and "pass_good" not in page.text, page.heading


async def test_without_a_link_the_root_says_what_this_is(client: httpx2.AsyncClient) -> None:
    page = await Browser(client).open("/")
    for language, heading in (("en", "Connect apps to your EHR"), ("es-MX", "Conecte aplicaciones con su EHR")):
        answer = await client.get("/", headers={"Accept-Language": language})
        assert answer.status_code == 200 and f"<h1>{heading}</h1>" in answer.text, language
        assert "set-cookie" not in answer.headers and "Riverside IT" in answer.text, language
    for link in ("/connections", "/openapi.json", "/readyz", "/?lang=es"):
        assert link in page.links
        assert (await client.get(link, follow_redirects=True)).status_code == 200, link


async def test_the_root_says_when_the_database_does_not_answer(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unavailable(*_: object) -> None:
        raise DatabaseUnavailable

    monkeypatch.setattr(Database, "one", unavailable)
    answer = await client.get("/")
    assert answer.status_code == 200 and "Not working: the database doesn’t answer" in answer.text
