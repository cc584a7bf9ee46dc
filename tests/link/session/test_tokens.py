"""Link tokens and public tokens: how long they live, whom they serve, where they appear, and what is stored of them."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import psycopg
import pytest

from cobalt_link.app import House
from cobalt_link.kit import tokens
from cobalt_link.kit.clock import MovedClock
from tests.support.proof import ISSUED_TOKENS
from tests.support.text_browser import Browser, go_on, link_by_http, public_token_by_http, public_token_of
from tests.support.world import CALLBACK, Sandbox, Shop, connected, shop

SECOND = timedelta(seconds=1)


async def opens(house: House, link: str) -> bool:
    async with connected(house) as http:
        page = await Browser(http).open(f"/?token={link}")
    assert page.pane or (page.status, page.heading) == (410, "This page timed out")
    return page.pane is not None


@pytest.mark.parametrize("update", [False, True])
async def test_a_link_token_lives_thirty_minutes_to_the_second(
    house: House, acme: Shop, client: httpx2.AsyncClient, clock: MovedClock, update: bool
) -> None:  # S-001
    wanted = {}
    if update:
        public = await public_token_by_http(client, await acme.link_token())
        wanted = {"access_token": (await acme.exchange(public)).json()["token"]}
    in_time, late = await acme.link_token(**wanted), await acme.link_token(**wanted)
    clock.move(timedelta(minutes=30) - SECOND)
    assert await opens(house, in_time)
    clock.move(2 * SECOND)
    assert not await opens(house, late)


@pytest.mark.parametrize("seconds", [300, 604800])
async def test_its_life_can_be_set_from_five_minutes_to_a_week(
    house: House, acme: Shop, clock: MovedClock, seconds: int
) -> None:  # S-001
    in_time, late = await acme.link_token(expires_in=seconds), await acme.link_token(expires_in=seconds)
    clock.move(timedelta(seconds=seconds) - SECOND)
    assert await opens(house, in_time)
    clock.move(2 * SECOND)
    assert not await opens(house, late)
    beyond = {"user_id": "u", "org_id": "o", "expires_in": seconds + (-1 if seconds == 300 else 1)}
    answer = await acme.call("POST", "/link/token/create", json=beyond)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_one_link_session_with_many_tries_inside(
    acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    # S-001
    link = await acme.link_token()
    page = await link_by_http(client, link, until="credentials")
    for _ in range(3):
        page = await Browser(client).submit(page, username="user_good", password="wrong")
        assert page.pane == "credentials" and "Wrong username or password" in page.text
    assert (await go_on(Browser(client), page, "user_good", "pass_good")).pane == "done"
    assert (await acme.session(link))["state"] == "granted"


async def test_a_link_session_ends_thirty_minutes_after_it_was_opened(
    acme: Shop, client: httpx2.AsyncClient, clock: MovedClock, sandbox: Sandbox
) -> None:
    link = await acme.link_token()
    page = await link_by_http(client, link, until="credentials")
    clock.move(timedelta(minutes=30) + SECOND)
    page = await Browser(client).submit(page, username="user_good", password="pass_good")
    assert (page.status, page.heading) == (410, "This page timed out")
    assert await sandbox.logins() == 0
    assert (await acme.session(link))["state"] == "expired"


async def test_another_clients_tokens_are_exactly_like_unknown_ones(
    house: House, acme: Shop, client: httpx2.AsyncClient
) -> None:  # S-004
    link = await acme.link_token()
    public = await public_token_by_http(client, link)
    used = await acme.link_token(user_id="user-2")
    async with connected(house) as http:
        access = (await acme.exchange(await public_token_by_http(http, used))).json()["token"]
    others = [
        await shop(house, client, "Rival Notes"),
        await shop(house, client, "Acme Live", test=False, callback_urls=["https://acme.example/linked"]),
    ]
    unknown = {kind: tokens.mint(kind, "test") for kind in (tokens.LINK, tokens.PUBLIC, tokens.ACCESS)}
    for other in others:
        for ask in ways_to_use_a_token(other):
            for mine, nobodys in ((link, unknown["lt"]), (public, unknown["pt"]), (access, unknown["at"])):
                connector_texts, none = seen_in(await ask(mine)), seen_in(await ask(nobodys))
                assert connector_texts == none and connector_texts[0] >= 400
    assert (await acme.exchange(public)).status_code == 200


def ways_to_use_a_token(app: Shop) -> list[Callable[[str], Awaitable[httpx2.Response]]]:
    return [
        lambda token: app.exchange(token),
        lambda token: app.call("POST", "/link/token/exchange", json={"public_token": token}),
        lambda token: app.call("GET", "/link/token/get", params={"link_token": token}),
        lambda token: app.call("POST", "/link/token/create", json={"access_token": token}),
        lambda token: app.call("DELETE", "/v1/accounts/x", access_token=token),
        lambda token: app.call("GET", "/v1/settings", access_token=token),
    ]


def seen_in(answer: httpx2.Response) -> tuple[int, dict[str, object], list[str]]:
    """All of an answer but its request id and date."""
    body = {name: value for name, value in answer.json().items() if name != "request_id"}
    return answer.status_code, body, sorted(set(answer.headers) - {"date", "x-request-id"})


async def test_tokens_stand_in_two_urls_only_and_leave_the_address_bar_at_once(
    acme: Shop, client: httpx2.AsyncClient
) -> None:  # S-009
    link = await acme.link_token(state="abc def")
    first = await client.get("/", params={"token": link})
    assert first.status_code == 303 and link not in first.headers["location"]
    browser = Browser(client)
    page = await browser.open(str(first.url.join(first.headers["location"])))
    page = await go_on(browser, page, "user_code", "pass_good")
    back = await browser.submit(page)
    assert back.response.status_code == 303
    public = public_token_of(back)
    assert [each for each in browser.seen if "lt_" in each or "pt_" in each or "at_" in each] == []
    target = urlsplit(back.response.headers["location"])
    assert f"{target.scheme}://{target.netloc}{target.path}" == CALLBACK
    assert target.query == f"token={public}&public_token={public}&state=abc+def"
    assert back.response.headers["referrer-policy"] == "same-origin"
    assert back.response.headers["cache-control"] == "no-store"


PANES = [
    ("picker", "user_good", "picker"),
    ("consent", "user_good", "consent"),
    ("credentials", "user_good", "credentials"),
    ("code", "user_code", "code"),
    ("choice", "user_choice", "code_way"),
    ("waiting", "user_push", "approval"),
    ("message", "error_locked", ""),
]


async def test_the_apps_server_learns_at_every_pane_how_it_stands_though_the_browser_died(
    house: House, acme: Shop, sandbox: Sandbox
) -> None:  # S-006
    for pane, username, name in PANES:
        link = await (acme.link_token(org_id="open", emr_name=None) if pane == "picker" else acme.link_token())
        assert (await acme.session(link))["state"] == "created"
        async with connected(house) as http:
            password = username if pane == "message" else "pass_good"
            assert (await link_by_http(http, link, username, password, until=pane)).pane == pane
        session = await acme.session(link)
        assert session["state"] == "open" and session["public_token"] is None
        events = session["events"]
        assert [each["seq"] for each in events] == list(range(1, len(events) + 1))
        assert events[0]["name"] == "opened"
        assert (events[-1]["pane"], events[-1]["code"]) == ((None, "locked") if pane == "message" else (name, None))
    async with connected(house) as http:
        page = await link_by_http(http, link := await acme.link_token(), until="done")
        assert page.pane == "done"
    session = await acme.session(link)
    assert session["state"] == "granted" and session["account_id"]
    assert (await acme.exchange(session["public_token"])).status_code == 200
    after = await acme.session(link)
    assert (after["state"], after["public_token"]) == ("exchanged", None)


async def test_asking_again_and_again_leaves_one_event_and_tokens_that_are_worth_one_access_token(
    acme: Shop, client: httpx2.AsyncClient
) -> None:
    link = await acme.link_token()
    assert (await link_by_http(client, link)).pane == "done"
    public = [(await acme.session(link))["public_token"] for _ in range(5)]
    names = [each["name"] for each in (await acme.session(link))["events"]]
    assert names.count("handed_over") == 1
    assert [(await acme.exchange(each)).status_code for each in public] == [200, 400, 400, 400, 400]


async def test_no_issued_token_rests_anywhere_on_the_disk(
    house: House, acme: Shop, client: httpx2.AsyncClient, server_dsn: str, tmp_path_factory: pytest.TempPathFactory
) -> None:  # S-046
    folder = Path(str(psycopg.conninfo.conninfo_to_dict(server_dsn).get("passfile", "/nowhere/x"))).parent
    if not (folder / "data").exists():
        pytest.skip("The files of a server that was given can't be read here.")
    issued = [acme.secret]
    for number in range(3):
        issued.append(await acme.link_token(user_id=f"user-{number}"))
        async with connected(house) as http:
            issued.append(await public_token_by_http(http, issued[-1], "user_code"))
        issued.append((await acme.exchange(issued[-1], f"order-{number}")).json()["token"])
    issued.append(await acme.link_token(access_token=issued[-1]))
    issued += [await acme.link_token(user_id=f"many-{number}") for number in range(ISSUED_TOKENS.times)]
    await house.db.run("CHECKPOINT")
    own = await house.db.one("SELECT oid FROM pg_database WHERE datname = current_database()")
    # `os.walk` passes over a folder that goes while it looks: the database of another test, dropped at this moment.
    files = [Path(place, name) for place, _, names in os.walk(folder / "data") for name in names]
    there, seen = acme.record.client_id.encode(), []
    for file in files:
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            continue
        seen += [file.name] if there in content else []
        # The password is every test's: only in our own tables is it known not to be another's.
        canaries = [*issued, "pass_good"] if own and f"/base/{own['oid']}/" in str(file) else issued
        assert [each for each in canaries if each.encode() in content] == [], file
    assert seen, "The search would not find what does rest there."


async def test_a_test_client_learns_at_once_that_it_sees_only_the_sandbox(acme: Shop) -> None:
    wanted = {"user_id": "u", "org_id": "gnu", "emr_name": "GNU Health", "emr_instance_domain": "his.example.org"}
    refused = await acme.call("POST", "/link/token/create", json=wanted)
    assert (refused.status_code, refused.json()["error"]) == (400, "emr_not_offered")
