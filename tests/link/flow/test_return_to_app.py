"""Back to the app without another press: once, in a window, and only when a browser really goes there."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from cobalt_link.app import House
from cobalt_link.link.flow.hand_over import WayBack
from cobalt_link.link.session import tokens
from cobalt_link.link.session.sessions import LinkSessionTable
from cobalt_link.link.session.tokens import Tokens
from cobalt_link.vault.master_key import open_vault
from tests.link.conftest import session_row
from tests.support.text_browser import Browser, Page, link_by_http, public_token_of
from tests.support.world import CALLBACK, Sandbox, Shop, shop

SPECULATIVE = [
    {"Sec-Purpose": "prefetch"},
    {"Sec-Purpose": "prefetch;prerender"},
    {"Purpose": "prefetch"},
    {"X-Moz": "prefetch"},
    {"X-Purpose": "preview"},
    {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Mode": "navigate"},
    {"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors"},
    {"Sec-Fetch-Dest": "image", "Sec-Fetch-Mode": "no-cors"},
    {"Cobalt-Script": "1"},
]


async def linked(acme: Shop, http: httpx2.AsyncClient, username: str = "user_good", **wanted: object) -> Page:
    return await link_by_http(http, await acme.link_token(show_summary=None, **wanted), username)


async def not_there_yet(house: House, acme: Shop, http: httpx2.AsyncClient) -> str:
    """The path of a granted session whose browser has not been sent to the app."""
    await linked(acme, http)
    await house.db.run("DELETE FROM public_tokens")
    await house.db.run("UPDATE link_sessions SET returned_at = NULL")
    return f"/link/{(await session_row(house))['id']}"


async def test_the_last_answer_leads_back_to_the_app(acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox) -> None:
    await sandbox.lab("users/user_push", {"push_after": 0.0})
    for username in ("user_good", "user_code", "user_push"):
        back = await linked(acme, client, username, user_id=username, state="s1")
        assert back.response.status_code == 303, username
        token = public_token_of(back)
        assert back.response.headers["location"] == f"{CALLBACK}?token={token}&public_token={token}&state=s1", username
        assert (await acme.exchange(token)).status_code == 200, username


async def test_afterwards_only_a_press_makes_another_token_and_the_first_stays_good(
    house: House, acme: Shop, client: httpx2.AsyncClient
) -> None:
    first = public_token_of(await linked(acme, client))
    path = f"/link/{(await session_row(house))['id']}"
    for address in (path, f"{path}/return", path):
        summary = await Browser(client).open(address)
        assert (summary.pane, summary.heading) == ("done", "You’re connected")
        assert "data-returns" not in summary.response.text
    second = public_token_of(await Browser(client).submit(summary))
    assert await house.db.one("SELECT count(*) AS n FROM public_tokens") == {"n": 2}
    assert [(await acme.exchange(each)).status_code for each in (first, second)] == [200, 400]
    assert (await Browser(client).open(f"{path}/return")).pane == "done"  # no loop once nothing is left to hand over


async def test_nothing_but_a_browser_that_goes_there_makes_a_token(
    house: House, acme: Shop, client: httpx2.AsyncClient
) -> None:
    path = await not_there_yet(house, acme, client)
    for headers in SPECULATIVE:
        for address in (path, f"{path}/return"):
            answer = await client.get(address, headers=headers, follow_redirects=True)
            assert "pt_" not in f"{answer.url} {answer.headers} {answer.text}", headers
            assert answer.status_code in (200, 403, 503), (headers, answer.status_code)
    for address in (path, f"{path}/return"):
        assert "pt_" not in str((await client.head(address)).headers)
    assert await house.db.one("SELECT count(*) AS n FROM public_tokens") == {"n": 0}
    script = (await client.get(path, headers={"Cobalt-Script": "1"})).text
    assert f'data-returns="{path}/return"' in script  # and then lets the browser go there
    assert public_token_of(await Browser(client).open(path))


async def test_of_many_visits_at_once_one_goes_back(house: House, acme: Shop, client: httpx2.AsyncClient) -> None:
    path = await not_there_yet(house, acme, client)
    await house.db.run("DELETE FROM link_events WHERE name = 'handed_over'")
    answers = await asyncio.gather(*(client.get(f"{path}/return") for _ in range(8)))
    led = sorted(answer.headers["location"].partition("?")[0] for answer in answers)
    assert led == sorted([CALLBACK] + [path] * 7)
    assert await house.db.one("SELECT count(*) AS n FROM link_events WHERE name = 'handed_over'") == {"n": 1}


async def test_another_browser_is_not_sent_to_the_app(house: House, acme: Shop, client: httpx2.AsyncClient) -> None:
    path = await not_there_yet(house, acme, client)
    async with httpx2.AsyncClient(base_url=client.base_url, trust_env=False) as stranger:
        assert [(await stranger.get(each)).status_code for each in (path, f"{path}/return")] == [403, 403]
    assert await house.db.one("SELECT count(*) AS n FROM public_tokens") == {"n": 0}


async def test_an_app_can_ask_for_the_summary(acme: Shop, client: httpx2.AsyncClient) -> None:
    for wanted in (True, "true", 1):
        page = await link_by_http(client, await acme.link_token(show_summary=wanted, user_id=repr(wanted)))
        assert (page.pane, page.heading) == ("done", "You’re connected"), wanted
        assert public_token_of(await Browser(client).submit(page)), wanted


async def test_without_a_callback_the_browser_stays_and_a_test_client_says_what_its_button_shows(
    house: House, client: httpx2.AsyncClient
) -> None:
    tries = await shop(house, client, "Tries", callback_urls=[])
    page = await linked(tries, client)
    assert page.pane == "done" and "Show the public token" in page.text and "Back to" not in page.text
    assert "pt_test_" in (await Browser(client).submit(page)).text


def test_only_a_web_address_is_gone_to_without_a_tap() -> None:
    found = {
        url: WayBack(url).is_web for url in ("https://app.example/x", "http://127.0.0.1:9/", "myapp://linked", None)
    }
    assert list(found.values()) == [True, True, False, False]


async def test_a_browser_that_presses_for_ever_keeps_the_latest_tokens_only(
    house: House, acme: Shop, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "MOST_PUBLIC_TOKENS", 3)
    await linked(acme, client)
    vault = open_vault(house.settings)
    session = await LinkSessionTable(house.db, vault).by_id((await session_row(house))["id"])
    assert session is not None
    by_hand = Tokens(house.db, vault, house.deps.clock, public_minutes=30)
    made = [await by_hand.hand_over(session, "test", "browser") for _ in range(5)]
    assert await house.db.one("SELECT count(*) AS n FROM public_tokens") == {"n": 3}
    assert made[-1] and (await acme.exchange(made[-1])).status_code == 200
