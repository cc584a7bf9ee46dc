"""A front desk: two end users of the app sign in to Link with one EHR login. Nothing of one may touch the other's."""

from __future__ import annotations

from typing import Any

import pytest

from cobalt_link.app import House
from tests.support.text_browser import Browser, link_by_http, public_token_by_http, public_token_of
from tests.support.world import Sandbox, Shop, connected


class Staff:
    """One end user: a browser of their own, their account as the app sees it, and the app's token for it."""

    def __init__(self, app: Shop, user_id: str, account: dict[str, Any], token: str) -> None:
        self.app, self.user_id, self.account, self.token = app, user_id, account, token

    @classmethod
    async def link(cls, house: House, app: Shop, user_id: str) -> Staff:
        async with connected(house) as http:
            public = await public_token_by_http(http, await app.link_token(user_id=user_id))
        exchanged = (await app.exchange(public)).json()
        return cls(app, user_id, exchanged["account"], exchanged["token"])

    async def read(self, path: str = "/v1/providers") -> tuple[int, Any]:
        answer = await self.app.call("GET", path, access_token=self.token)
        return answer.status_code, answer.json()

    async def listed(self) -> list[dict[str, Any]]:
        return (await self.app.call("GET", "/v1/accounts", params={"user_id": self.user_id})).json()["accounts"]


@pytest.fixture
async def alice(house: House, acme: Shop) -> Staff:
    return await Staff.link(house, acme, "alice")


@pytest.fixture
async def bob(house: House, acme: Shop, alice: Staff) -> Staff:
    return await Staff.link(house, acme, "bob")


async def test_the_exchange_and_the_list_say_who_and_what_was_linked(alice: Staff, sandbox: Sandbox) -> None:
    shown = {
        "user_id": "alice",
        "org_id": "riverside",
        "emr_name": "Sandbox EHR",
        "emr_instance_domain": sandbox.address,
        "ehr_user_name": "Dana Goodwin",
        "practice": "Riverside Family Medicine",
        "tenant": "1",
        "access_token_reference_id": "alice",
        "access_token_reference_ids": ["alice"],
        "health": "active",
    }
    [listed] = await alice.listed()
    assert {name: alice.account[name] for name in shown} == shown
    assert listed == alice.account


async def test_a_second_end_user_takes_nothing_from_the_first(alice: Staff, bob: Staff) -> None:
    for one, other in ((alice, bob), (bob, alice)):
        [listed] = await one.listed()
        assert listed["id"] == one.account["id"] != other.account["id"]
        assert (listed["access_token_reference_id"], listed["user_id"]) == (one.user_id, one.user_id)
        assert (await one.read())[0] == 200
        assert (await one.read("/v1/settings"))[1]["data"]["access_token_reference_id"] == one.user_id


async def test_a_label_belongs_to_one_access_token(house: House, acme: Shop, alice: Staff, bob: Staff) -> None:
    async with connected(house) as http:
        page = await link_by_http(http, await acme.link_token(user_id="alice"), until="already")
        page = await Browser(http).submit(page, pick=alice.account["id"])
        public = public_token_of(await Browser(http).submit(page) if page.pane else page)
    again = (await acme.exchange(public)).json()
    assert again["account_id"] == alice.account["id"] and again["token"] != alice.token
    second = Staff(acme, "alice", again["account"], again["token"])
    label = {"access_token_reference_id": "front desk"}
    await acme.call("POST", "/v1/settings", access_token=second.token, json=label)
    labels = [(await each.read("/v1/settings"))[1]["data"] for each in (alice, second, bob)]
    assert [each["access_token_reference_id"] for each in labels] == ["alice", "front desk", "bob"]
    assert (await alice.listed())[0]["access_token_reference_ids"] == ["front desk", "alice"]


async def test_each_repairs_their_own_account_with_the_documented_call(acme: Shop, alice: Staff, bob: Staff) -> None:
    for one, other in ((alice, bob), (bob, alice)):
        body = {"access_token": one.token, "user_id": one.user_id, "org_id": "riverside"}
        assert (await acme.call("POST", "/link/token/create", json=body)).status_code == 200
        body["user_id"] = other.user_id
        assert (await acme.call("POST", "/link/token/create", json=body)).status_code == 400


async def test_the_health_of_one_says_nothing_about_the_other(house: House, alice: Staff, bob: Staff) -> None:
    sql = "UPDATE accounts SET health = 'login_required', health_reason = 'locked' WHERE id = %s"
    await house.db.run(sql, (bob.account["id"],))
    assert [(await each.read())[0] for each in (alice, bob)] == [200, 403]
    assert [(await each.listed())[0]["health"] for each in (alice, bob)] == ["active", "login_required"]


async def test_ending_one_leaves_the_other(acme: Shop, alice: Staff, bob: Staff, sandbox: Sandbox) -> None:
    before = await sandbox.logins()
    assert (await acme.call("DELETE", f"/v1/accounts/{bob.account['id']}")).status_code == 200
    assert [(await each.read())[0] for each in (alice, bob)] == [200, 401]
    assert [len(await each.listed()) for each in (alice, bob)] == [1, 0]
    assert await sandbox.logins() == before  # the other's session is still the one of the link
    assert (await acme.call("DELETE", f"/v1/accounts/{alice.account['id']}")).status_code == 200
    assert (await alice.read())[0] == 401
