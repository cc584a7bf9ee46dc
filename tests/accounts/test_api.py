"""GET /v1/accounts, DELETE /v1/accounts/{id}, POST /v1/accounts/{id}/rotate-token through the whole route table."""

from collections.abc import AsyncIterator

import pytest

from cobalt_link.accounts.sealing import owner
from cobalt_link.connector.chart import Chart
from tests.accounts.world import World
from tests.records.conftest import Api, Caller


@pytest.fixture
async def ask(world: World) -> AsyncIterator[Api]:
    api = Api(world)
    async with api.http:
        yield api


@pytest.fixture
async def acme(ask: Api) -> Caller:
    return await ask.caller()


@pytest.fixture
async def rival(ask: Api) -> Caller:
    return await ask.caller("Rival Notes")


async def test_an_account_is_listed_with_every_key_and_no_secret(ask: Api, acme: Caller) -> None:
    # S-129
    status, body = await ask(acme, "/v1/accounts")
    assert (status, body["success"]) == (200, True)
    assert body["pagination"] == {"page_size": 100, "next": None}
    (account,) = body["accounts"]
    assert account | {"linked_at": ""} == {
        "id": acme.account.id,
        "user_id": "dr_ann",
        "org_id": "riverside",
        "emr_name": "Tiny EHR",
        "emr_instance_domain": "https://tiny.example",
        "practice": "Riverside",
        "tenant": None,
        "ehr_user_name": "Dr. Ann",
        "access_token_reference_id": "dr_ann",
        "access_token_reference_ids": ["dr_ann"],
        "health": "active",
        "health_reason": None,
        "linked_at": "",
        "last_used_at": None,
        "not_granted": [],
    }


@pytest.mark.parametrize("asked", [{}, {"org_id": "riverside"}])
async def test_the_pages_of_the_list_have_every_account_once(ask: Api, acme: Caller, asked: dict[str, str]) -> None:
    org = await ask.world.org(acme.client)
    for number in range(4):
        await ask.world.keep(org, user_id=f"dr_{number}", grant=ask.world.grant(user=f"u-{number + 10}"))
    # All at the same moment: then the id decides.
    await ask.world.db.run("UPDATE accounts SET linked_at = now() WHERE user_id <> 'dr_0'")
    seen, after = [], None
    while after or not seen:
        given = asked | {"page_size": "2"} | ({"after": after} if after else {})
        _, body = await ask(acme, "/v1/accounts", params=given)
        seen += [each["id"] for each in body["accounts"]]
        # An account that is linked meanwhile stands before the first page and moves none.
        await ask.world.keep(org, user_id=f"new_{len(seen)}", grant=ask.world.grant(user=f"new-{len(seen)}"))
        after = body["pagination"]["next"]
    assert len(seen) == len(set(seen)) == 5


NUL = "WyIyMDI2LTAxLTAxVDAwOjAwOjAwWiIsICJcdTAwMDAiXQ"  # ["2026-01-01T00:00:00Z", "\\u0000"]
FIRST_DAY = "WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzE0OjAwIiwgIngiXQ"  # ["0001-01-01T00:00:00+14:00", "x"]


@pytest.mark.parametrize("query", [{"after": each} for each in ("nonsense", "W10", "%00", "é", NUL)] + [{"page": "2"}])
async def test_a_place_in_the_list_that_cannot_be_is_a_400(ask: Api, acme: Caller, query: dict[str, str]) -> None:
    status, body = await ask(acme, "/v1/accounts", params=query)
    assert (status, body["error"]) == (400, "invalid_request")


async def test_a_place_before_all_others_is_an_empty_page(ask: Api, acme: Caller) -> None:
    status, body = await ask(acme, "/v1/accounts", params={"after": FIRST_DAY})
    assert (status, body.get("accounts")) == (200, [])


async def test_the_list_needs_no_access_token_and_shows_health(ask: Api, acme: Caller) -> None:
    await ask.world.accounts.mark_login_required(acme.account, "password_expired")
    acme.token = ""
    _, body = await ask(acme, "/v1/accounts", params={"user_id": "dr_ann", "org_id": "riverside"})
    assert [(each["health"], each["health_reason"]) for each in body["accounts"]] == [
        ("login_required", "password_expired")
    ]
    for asked in ({"user_id": "x"}, {"org_id": "x"}):
        assert (await ask(acme, "/v1/accounts", params=asked))[1]["accounts"] == []


async def test_disconnecting_ends_the_token_the_key_and_the_session(ask: Api, acme: Caller) -> None:
    # S-005, S-064
    path = f"/v1/accounts/{acme.account.id}"
    status, body = await ask(acme, path, "DELETE")
    assert (status, body["success"], body["account_id"]) == (200, True, acme.account.id)
    assert (await ask(acme, "/v1/providers"))[0] == 401
    assert (await ask(acme, "/v1/accounts"))[1]["accounts"] == []
    assert await ask.world.keys.get(owner(acme.account.id)) is None
    assert ask.world.ehr.logouts == [1]
    status, body = await ask(acme, path, "DELETE")
    assert (status, body["error"]) == (404, "account_not_found")


async def test_an_ehr_that_is_down_does_not_keep_an_account_connected(
    ask: Api, acme: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(chart: Chart) -> None:
        raise ValueError("no such session")

    monkeypatch.setattr(ask.world.ehr, "logouts", None)
    status, _ = await ask(acme, f"/v1/accounts/{acme.account.id}", "DELETE")
    assert status == 200
    assert (await ask(acme, "/v1/providers"))[0] == 401


async def test_rotating_gives_a_new_token_and_ends_the_old_one_at_once(ask: Api, acme: Caller) -> None:
    # S-003
    path = f"/v1/accounts/{acme.account.id}/rotate-token"
    status, body = await ask(acme, path, "POST")
    assert (status, body["success"], body["account_id"]) == (200, True, acme.account.id)
    assert body["token"] == body["access_token"] != acme.token
    assert (await ask(acme, "/v1/providers"))[0] == 401
    acme.token = body["token"]
    assert (await ask(acme, "/v1/providers"))[0] == 200


async def test_the_caller_chooses_how_long_the_old_token_goes_on(ask: Api, acme: Caller) -> None:
    path, old = f"/v1/accounts/{acme.account.id}/rotate-token", acme.token
    _, body = await ask(acme, path, "POST", json={"overlap_seconds": "60"})
    assert (await ask(acme, "/v1/providers"))[0] == 200
    ask.world.later(60)
    assert (await ask(acme, "/v1/providers"))[0] == 401
    acme.token = body["token"]
    assert (await ask(acme, "/v1/providers"))[0] == 200
    assert old != acme.token
    for wrong in (-1, 86401, "x"):
        status, body = await ask(acme, path, "POST", json={"overlap_seconds": wrong})
        assert status == 400 and "overlap_seconds" in body["message"]


async def test_the_rival_sees_and_changes_nothing(ask: Api, acme: Caller, rival: Caller) -> None:
    # S-004
    assert [each["id"] for each in (await ask(rival, "/v1/accounts"))[1]["accounts"]] == [rival.account.id]
    for method, tail in (("DELETE", ""), ("POST", "/rotate-token")):
        theirs, unknown = [
            await ask(rival, f"/v1/accounts/{each}{tail}", method) for each in (acme.account.id, "0" * 32)
        ]
        assert theirs[0] == unknown[0] == 404
        assert theirs[1] | {"request_id": ""} == unknown[1] | {"request_id": ""}
    assert (await ask(acme, "/v1/providers"))[0] == 200
