"""Link's JSON routes over real HTTP, in every form that clients of the contract send (contract §3 and §9)."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx2
import pytest

from cobalt_link.app import House
from tests.support.text_browser import Browser, link_by_http, public_token_by_http
from tests.support.world import CALLBACK, Shop, connected, shop

WANTED = {"user_id": "user-1", "org_id": "riverside", "emr_name": "Sandbox EHR"}


def basic(app: Shop) -> dict[str, str]:
    pair = base64.b64encode(f"{app.record.client_id}:{app.secret}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


async def create(http: httpx2.AsyncClient, path: str = "/link/token/create", **options: Any) -> httpx2.Response:
    sent: dict[str, Any] = {"json": WANTED} | options
    return await http.post(path, **sent)


# Contract §9 row 1 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "/v1"])
async def test_every_route_stands_with_and_without_v1(acme: Shop, client: httpx2.AsyncClient, prefix: str) -> None:
    made = await create(client, f"{prefix}/link/token/create", headers=acme.headers)
    link = made.json()["token"]
    public = await public_token_by_http(client, link)
    got = await acme.call("GET", f"{prefix}/link/token/get", params={"link_token": link})
    exchanged = await acme.call("GET", f"{prefix}/link/token/exchange", params={"public_token": public})
    assert [each.status_code for each in (made, got, exchanged)] == [200] * 3


# Contract §9 rows 2 and 6 ----------------------------------------------------------------------------------------

WAYS: list[tuple[str, str]] = [
    ("GET", "query"),
    ("GET", "json"),
    ("POST", "query"),
    ("POST", "json"),
    ("POST", "form"),
]


@pytest.mark.parametrize("name", ["public_token", "token"])
@pytest.mark.parametrize(("method", "where"), WAYS)
async def test_a_public_token_may_come_in_query_body_or_form(
    house: House, acme: Shop, client: httpx2.AsyncClient, method: str, where: str, name: str
) -> None:
    async with connected(house) as http:
        public = await public_token_by_http(http, await acme.link_token())
    options: dict[str, Any] = {
        "query": {"params": {name: public}},
        "json": {"content": json.dumps({name: public}), "headers": {"Content-Type": "application/json"}},
        "form": {"data": {name: public}},
    }[where]
    answer = await acme.call(method, "/link/token/exchange", **options)
    assert answer.status_code == 200, answer.text


async def test_creating_takes_json_form_and_query(acme: Shop, client: httpx2.AsyncClient) -> None:
    for way in ("json", "data", "params"):
        sent: dict[str, Any] = {way: WANTED}
        answer = await acme.call("POST", "/link/token/create", **sent)
        assert answer.status_code == 200, answer.text


# Contract §9 row 3 -----------------------------------------------------------------------------------------------


async def test_tokens_are_answered_under_both_names(acme: Shop, client: httpx2.AsyncClient) -> None:
    made = (await create(client, headers=acme.headers)).json()
    assert made["success"] is True and made["token"] == made["link_token"] and made["token"].startswith("lt_test_")
    assert "expires_at" in made
    got = (await acme.exchange(await public_token_by_http(client, made["token"]))).json()
    assert got["success"] is True and got["token"] == got["access_token"] and got["token"].startswith("at_test_")


# Contract §9 rows 4 and 5, and §2's hyphens and Authorization -----------------------------------------------------


async def test_credentials_may_come_in_many_ways(acme: Shop, client: httpx2.AsyncClient) -> None:
    name, secret = acme.record.client_id, acme.secret
    ways: list[dict[str, Any]] = [
        {"headers": {"client_id": name, "client_secret": secret}},
        {"headers": {"client-id": name, "client-secret": secret}},
        {"headers": {"CLIENT_ID": name, "Client-Secret": secret}},
        {"headers": {"client_id": f'"{name}"', "client_secret": f'"{secret}"'}},
        {"headers": basic(acme)},
        {"json": WANTED | {"client_id": name, "client_secret": secret}},
        {"data": WANTED | {"client_id": name, "client_secret": secret}},
    ]
    for way in ways:
        sent: dict[str, Any] = {"json": None if "data" in way else WANTED} | way
        answer = await create(client, **sent)
        assert answer.status_code == 200, (way, answer.text)


async def test_headers_go_before_the_body(acme: Shop, rival: Shop, client: httpx2.AsyncClient) -> None:
    body = WANTED | {"client_id": rival.record.client_id, "client_secret": "wrong"}
    assert (await create(client, headers=acme.headers, json=body)).status_code == 200


async def test_wrong_or_missing_credentials_are_401_and_look_alike(acme: Shop, client: httpx2.AsyncClient) -> None:
    wrong = acme.headers | {"client_secret": acme.secret[:-1] + ("a" if acme.secret[-1] != "a" else "b")}
    answers = [await create(client, headers=each) for each in ({}, wrong, {"client_id": acme.record.client_id})]
    assert [each.status_code for each in answers] == [401] * 3
    for each in answers:
        assert each.json()["success"] is False and each.json()["message"] and each.json()["request_id"]


# Contract §9 row 7, and our extras --------------------------------------------------------------------------------


async def test_the_redirect_carries_token_public_token_and_state(house: House, client: httpx2.AsyncClient) -> None:
    both = [CALLBACK, "http://127.0.0.1:9/other?tab=2"]
    acme = await shop(house, client, "Two Callbacks", callback_urls=both)
    page = await link_by_http(client, await acme.link_token(callback_url=both[1], state="a&b=c"))
    back = await Browser(client).submit(page)
    address = httpx2.URL(back.response.headers["location"])
    assert str(address).startswith("http://127.0.0.1:9/other?tab=2&token=pt_test_")
    given = dict(address.params)
    assert given["token"] == given["public_token"] and (given["tab"], given["state"]) == ("2", "a&b=c")


# Contract §9 row 37 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["user_id", "org_id"])
async def test_user_and_org_are_needed_for_a_first_link(acme: Shop, client: httpx2.AsyncClient, missing: str) -> None:
    wanted = {name: value for name, value in WANTED.items() if name != missing}
    answer = await create(client, headers=acme.headers, json=wanted)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(f"Missing required field: {missing}")


async def test_an_access_token_alone_opens_update_mode(acme: Shop, client: httpx2.AsyncClient) -> None:
    access = (await acme.exchange(await public_token_by_http(client, await acme.link_token()))).json()["token"]
    answers = [
        await create(client, headers=acme.headers, json={"access_token": access}),
        await create(client, headers=acme.headers, json=WANTED | {"access_token": access, "emr_name": None}),
        await create(client, headers=acme.headers, json={"access_token": access, "user_id": "somebody else"}),
        await create(client, headers=acme.headers, json={"access_token": access + "x"}),
    ]
    assert [each.status_code for each in answers] == [200, 200, 400, 400]
    assert answers[3].json()["error"] == "invalid_access_token"


# orgs and callbacks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sandbox", "Sandbox EHR", "SANDBOX ehr"])
async def test_an_ehr_is_known_by_name_in_any_case(acme: Shop, client: httpx2.AsyncClient, name: str) -> None:
    assert (await create(client, headers=acme.headers, json=WANTED | {"emr_name": name})).status_code == 200


async def test_an_unknown_ehr_and_another_one_for_a_known_org_are_different_errors(
    acme: Shop, client: httpx2.AsyncClient
) -> None:
    unknown = await create(client, headers=acme.headers, json=WANTED | {"emr_name": "No Such EHR"})
    assert (unknown.status_code, unknown.json()["error"]) == (400, "unknown_emr")
    assert "Send one of: GNU Health, SMART on FHIR, Sandbox EHR." in unknown.json()["message"]
    await create(client, headers=acme.headers)
    other = await create(client, headers=acme.headers, json=WANTED | {"emr_name": "GNU Health"})
    assert (other.status_code, other.json()["error"]) == (409, "org_mismatch")
    assert (await create(client, headers=acme.headers, json=WANTED | {"emr_name": None})).status_code == 200


MUTATIONS = [
    "HTTP://127.0.0.1:9/linked",
    "http://127.0.0.1:9/linked/",
    "http://127.0.0.1:9/Linked",
    "http://127.0.0.1:9/linked?x=1",
    "http://127.0.0.1:9/linked#x",
    "http://127.0.0.1:9/linked?",
    "http://127.0.0.1:9//linked",
    "http://127.0.0.1:9/./linked",
    "http://127.0.0.1:9/x/../linked",
    "http://127.0.0.1:9/%6cinked",
    "http://127.0.0.1:9/linked%2f",
    "http://127.0.0.1:9/linked ",
    " http://127.0.0.1:9/linked",
    "http://127.0.0.1:9\\linked",
    "http://user@127.0.0.1:9/linked",
    "http://127.0.0.1:9@evil.example/linked",
    "http://127.0.0.1.evil.example:9/linked",
    "http://evil.example/http://127.0.0.1:9/linked",
    "https://127.0.0.1:9/linked",
    "http://127.1:9/linked",
    "http://2130706433:9/linked",
    "http://[::ffff:127.0.0.1]:9/linked",
    "//127.0.0.1:9/linked",
    "/linked",
    "javascript:alert(1)//http://127.0.0.1:9/linked",
    "http://localhost:9/linked",
    "http://127.0.0.1:9/linked\u200b",
    "http://127.0.0.1:9/linked\nX: y",
]


def mutated() -> list[str]:
    """Those that people tried elsewhere, and each character once changed in case, doubled or left out."""
    edits = [CALLBACK[:n] + each * 2 + CALLBACK[n + 1 :] for n, each in enumerate(CALLBACK)]
    edits += [CALLBACK[:n] + CALLBACK[n + 1 :] for n in range(len(CALLBACK))]
    edits += [CALLBACK[:n] + each.swapcase() + CALLBACK[n + 1 :] for n, each in enumerate(CALLBACK)]
    # Only the port of a loopback address may vary.
    varied = {CALLBACK, CALLBACK.replace(":9/", ":99/"), CALLBACK.replace(":9/", ":/"), CALLBACK.replace(":9/", "/")}
    return sorted({*MUTATIONS, *edits} - varied)


async def test_a_callback_is_compared_character_by_character(acme: Shop, client: httpx2.AsyncClient) -> None:  # S-017
    assert len(mutated()) >= 80
    for address in mutated():
        answer = await create(client, headers=acme.headers, json=WANTED | {"callback_url": address})
        assert (answer.status_code, answer.json()["error"]) == (400, "callback_not_registered"), address


async def test_only_the_port_of_a_loopback_callback_may_vary(acme: Shop, client: httpx2.AsyncClient) -> None:  # S-017
    varied = CALLBACK.replace(":9/", ":4711/")
    assert (await create(client, headers=acme.headers, json=WANTED | {"callback_url": varied})).status_code == 200


async def test_answers_that_hold_tokens_are_never_stored_by_caches(acme: Shop, client: httpx2.AsyncClient) -> None:
    # S-035
    made = await create(client, headers=acme.headers)
    public = await public_token_by_http(client, made.json()["token"])
    for answer in (made, await acme.exchange(public), await acme.exchange(public)):
        assert answer.headers["cache-control"] == "no-store"
