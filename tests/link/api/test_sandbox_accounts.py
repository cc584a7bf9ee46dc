"""Accounts at the sandbox EHR without a browser, and what breaks and repairs them."""

from __future__ import annotations

from typing import Any

from tests.support.world import Shop, shop


async def linked(app: Shop, **wanted: Any) -> tuple[str, str]:
    """The id and the access token of a new account."""
    answer = await app.call("POST", "/v1/sandbox/accounts", json=wanted)
    assert answer.status_code == 200, answer.text
    return answer.json()["account_id"], answer.json()["access_token"]


async def test_an_account_is_linked_without_a_browser_and_reads_the_chart(acme: Shop, rival: Shop) -> None:
    account, token = await linked(acme, user_id="user-7", org_id="riverside")
    listed = (await acme.call("GET", "/v1/accounts", params={"user_id": "user-7"})).json()["accounts"]
    assert [(each["id"], each["org_id"], each["health"]) for each in listed] == [(account, "riverside", "active")]
    read = await acme.call("GET", "/v1/patients", access_token=token)
    assert read.status_code == 200 and read.json()["patients"]
    assert (await rival.call("GET", "/v1/patients", access_token=token)).status_code == 401
    foreign = await rival.call("POST", f"/v1/sandbox/accounts/{account}/break", json={"fault": "locked"})
    assert foreign.status_code == 404


SEEN = {
    "session_ended": (200, None),
    "no_rights": (403, "no_rights"),
    "ehr_busy": (503, "ehr_busy"),
    "ehr_down": (503, "ehr_down"),
    "locked": (403, "login_required"),
    "code_required": (403, "login_required"),
    "password_changed": (403, "login_required"),
    "password_expired": (403, "login_required"),
}


async def test_each_break_is_what_the_api_answers_and_ends_with_the_repair(acme: Shop) -> None:
    seen = {}
    for fault in SEEN:
        account, token = await linked(acme)
        broken = await acme.call("POST", f"/v1/sandbox/accounts/{account}/break", json={"fault": fault})
        assert broken.status_code == 200, broken.text
        answer = await acme.call("GET", "/v1/patients", access_token=token)
        seen[fault] = (answer.status_code, answer.json().get("error"))
        assert (await acme.call("POST", f"/v1/sandbox/accounts/{account}/repair")).status_code == 200
    assert seen == SEEN
    _, token = await linked(acme)
    assert (await acme.call("GET", "/v1/patients", access_token=token)).status_code == 200


async def test_a_fault_that_there_is_not_is_refused_with_those_that_there_are(acme: Shop) -> None:
    account, _ = await linked(acme)
    refused = await acme.call("POST", f"/v1/sandbox/accounts/{account}/break", json={"fault": "fire"})
    assert refused.status_code == 400 and "password_changed, password_expired, locked" in refused.json()["message"]


async def test_live_clients_have_no_sandbox_accounts(house: Any, acme: Shop) -> None:
    live = await shop(house, acme.http, "Live Clinic", test=False)
    refused = await live.call("POST", "/v1/sandbox/accounts")
    assert refused.status_code == 403 and "Only test clients" in refused.json()["message"]
