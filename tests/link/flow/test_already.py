"""A user whose account is connected already decides: keep that connection, or make a second one beside it."""

from __future__ import annotations

from typing import Any

import httpx2

from cobalt_link.app import House
from cobalt_link.kit.clock import MovedClock
from tests.support.text_browser import Browser, Page, link_by_http, public_token_by_http, public_token_of
from tests.support.world import Sandbox, Shop, connected, shop


async def accounts(app: Shop) -> list[dict[str, Any]]:
    return (await app.call("GET", "/v1/accounts")).json()["accounts"]


async def exchanged(app: Shop, page: Page, http: httpx2.AsyncClient) -> str:
    """From the last page of Link to the access token."""
    assert page.pane == "done", page.text
    return (await app.exchange(public_token_of(await Browser(http).submit(page)))).json()["token"]


async def reads(app: Shop, token: str) -> bool:
    answer = await app.call("GET", "/v1/providers", access_token=token)
    return answer.status_code == 200 and bool(answer.json()["providers"])


async def linked(app: Shop, http: httpx2.AsyncClient) -> str:
    token = await public_token_by_http(http, await app.link_token())
    return (await app.exchange(token)).json()["token"]


async def test_keeping_it_gives_another_token_for_the_same_account(
    acme: Shop, client: httpx2.AsyncClient, clock: MovedClock, sandbox: Sandbox
) -> None:
    first = await linked(acme, client)
    assert await reads(acme, first)
    page = await link_by_http(client, await acme.link_token(), until="already")
    assert (page.pane, page.heading) == ("already", "You’re already connected")
    assert "Acme Scribe has used this Sandbox EHR account since" in page.text
    assert "Last used just now" in page.text
    [before] = await accounts(acme)
    assert page.form.values("pick") == [before["id"], "another"]
    second = await exchanged(acme, await Browser(client).submit(page, pick=before["id"]), client)
    assert second != first and await reads(acme, first) and await reads(acme, second)
    assert [each["id"] for each in await accounts(acme)] == [before["id"]]


async def test_a_second_connection_lives_and_ends_by_itself(acme: Shop, client: httpx2.AsyncClient) -> None:
    first = await linked(acme, client)
    token = await acme.link_token()
    page = await link_by_http(client, token, until="already")
    second = await exchanged(acme, await Browser(client).submit(page, pick="another"), client)
    one, other = await accounts(acme)
    assert one["id"] != other["id"]
    mine = (await acme.session(token))["account_id"]
    assert mine in (one["id"], other["id"])
    assert (await acme.call("DELETE", f"/v1/accounts/{mine}")).status_code == 200
    assert await reads(acme, first) and not await reads(acme, second)


async def test_who_has_several_keeps_the_one_that_is_theirs_and_works(
    house: House, acme: Shop, client: httpx2.AsyncClient
) -> None:
    await linked(acme, client)
    page = await link_by_http(client, await acme.link_token(), until="already")
    await exchanged(acme, await Browser(client).submit(page, pick="another"), client)
    by_time = "SELECT id FROM accounts ORDER BY linked_at"
    first, second = [row["id"] for row in await house.db.rows(by_time)]
    await house.db.run("UPDATE accounts SET health = 'login_required' WHERE id = %s", (first,))
    page = await link_by_http(client, token := await acme.link_token(), until="already")
    assert page.form.values("pick") == [second, "another"]
    await Browser(client).submit(page, pick=second)
    assert (await acme.session(token))["account_id"] == second
    assert len(await accounts(acme)) == 2


async def test_nobody_else_is_asked(house: House, acme: Shop, rival: Shop, client: httpx2.AsyncClient) -> None:
    await linked(acme, client)
    for app, wanted in ((acme, {"user_id": "somebody else"}), (acme, {"org_id": "hillside"}), (rival, {})):
        async with connected(house) as http:
            assert (await link_by_http(http, await app.link_token(**wanted))).pane == "done"


async def test_a_connection_that_has_stopped_working_is_mended_without_a_question(
    house: House, acme: Shop, client: httpx2.AsyncClient
) -> None:
    first = await linked(acme, client)
    [account] = await accounts(acme)
    await house.db.run("UPDATE accounts SET health = 'login_required' WHERE id = %s", (account["id"],))
    page = await link_by_http(client, await acme.link_token(), until="already")
    assert page.pane == "done"
    assert [each["health"] for each in await accounts(acme)] == ["active"]
    assert await reads(acme, first)


async def test_an_answer_of_somebody_elses_making_is_asked_again(
    house: House, acme: Shop, client: httpx2.AsyncClient
) -> None:
    await linked(acme, client)
    stranger = await shop(house, client, "Stranger")
    async with connected(house) as http:
        await linked(stranger, http)
    [connector_texts] = await accounts(stranger)
    page = await link_by_http(client, await acme.link_token(), until="already")
    again = await Browser(client).submit(page, pick=connector_texts["id"])
    assert again.pane == "already" and "Choose one of these to continue" in again.text
    assert (await Browser(client).submit(again, pick="none")).pane == "already"


async def test_the_app_sees_the_events_of_the_question_and_of_the_end(acme: Shop, client: httpx2.AsyncClient) -> None:
    await linked(acme, client)
    token = await acme.link_token()
    page = await link_by_http(client, token, until="already")
    [*_, last] = (await acme.session(token))["events"]
    assert (last["name"], last["pane"]) == ("pane", "already")
    await Browser(client).submit(page, pick="another")
    assert [each["name"] for each in (await acme.session(token))["events"]][-2:] == ["answered", "granted"]
