"""What an app is told of its accounts: once for each label, whatever dies."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from cobalt_link.app import House
from cobalt_link.kit.clock import MovedClock
from tests.stories.person import Person
from tests.support.clinic import Clinic
from tests.support.text_browser import Browser, link_by_http
from tests.support.world import Sandbox, Shop


@pytest.fixture
async def clinic(acme: Shop, sandbox: Sandbox) -> Clinic:
    return await Clinic.of(acme, sandbox, user_id="user-7", org_id="riverside")


async def told(clinic: Clinic, count: int) -> list[dict[str, Any]]:
    """The account's events, oldest first, once there are so many."""
    async with asyncio.timeout(10):
        while len(found := (await clinic.read("/v1/webhook-events", sort="created_at"))["webhook_events"]) < count:
            await asyncio.sleep(0.1)
    return found


async def test_an_app_is_told_once_that_its_user_has_to_sign_in_and_once_that_they_have(clinic: Clinic) -> None:
    fault = {"fault": "password_changed"}
    await clinic.app.call("POST", f"/v1/sandbox/accounts/{clinic.account}/break", json=fault)
    for _ in range(3):
        assert (await clinic.call("GET", "/v1/patients")).status_code == 403
    (first,) = await told(clinic, 1)
    assert (first["type"], first["access_token_reference_id"], first["job_id"]) == ("login_required", "user-7", None)
    assert first["data"]["reason"] == "wrong_credentials" and first["data"]["account_id"] == clinic.account
    await clinic.sign_in_again()
    types = {each["type"] for each in await told(clinic, 3)}
    assert types == {"login_required", "link.completed", "account.repaired"}


async def test_each_label_of_an_account_gets_an_event_of_its_own(clinic: Clinic, house: House) -> None:
    account = await house.accounts.accounts.by_id(clinic.account)
    second = await house.accounts.access.issue(account, "test")
    label = {"access_token_reference_id": "front desk"}
    answer = await clinic.app.call("POST", "/v1/settings", access_token=second, json=label)
    assert answer.status_code == 200
    await house.accounts.accounts.mark_login_required(account, "locked")
    assert {each["access_token_reference_id"] for each in await told(clinic, 2)} == {"user-7", "front desk"}


async def test_the_end_of_an_account_is_delivered_although_its_key_is_gone(
    clinic: Clinic, house: House, client: httpx2.AsyncClient
) -> None:
    await clinic.app.call("DELETE", f"/v1/accounts/{clinic.account}")
    async with asyncio.timeout(10):
        while not (rows := await house.db.rows("SELECT type, owner FROM webhook_events WHERE account IS NULL")):
            await asyncio.sleep(0.1)
    assert [(row["type"], row["owner"].partition(":")[0]) for row in rows] == [("account.disconnected", "org")]


async def test_an_ehr_that_answers_nobody_is_told_to_its_apps_and_so_is_its_recovery(
    clinic: Clinic, house: House, clock: MovedClock
) -> None:
    async def told_types() -> list[str]:
        rows = await house.db.rows("SELECT type FROM webhook_events WHERE type LIKE 'ehr.%%' ORDER BY number", ())
        return [row["type"] for row in rows]

    assert (await clinic.call("GET", "/v1/patients")).status_code == 200
    await clinic.sandbox.lab("faults", {"down": True})
    for pause in (0, 60, 70, 30):
        clock.move(timedelta(seconds=pause))
        assert (await clinic.call("GET", "/v1/patients")).status_code == 503
    assert await told_types() == ["ehr.degraded"]
    await clinic.sandbox.lab("faults", {})
    for _ in range(2):
        assert (await clinic.call("GET", "/v1/patients")).status_code == 200
    assert await told_types() == ["ehr.degraded", "ehr.recovered"]


async def test_the_end_of_a_link_session_is_told(acme: Shop, house: House, client: httpx2.AsyncClient) -> None:
    async with httpx2.AsyncClient(base_url=client.base_url, trust_env=False, verify=False) as http:
        await Person(http).link(await acme.link_token(user_id="user-9"))
    async with httpx2.AsyncClient(base_url=client.base_url, trust_env=False, verify=False) as http:
        page = await link_by_http(http, await acme.link_token(user_id="user-8"), until="credentials")
        leaving = await Browser(http).open(f"{page.form.action}/exit")
        assert (await Browser(http).submit(leaving)).heading == "You stopped connecting"
    rows = await house.db.rows("SELECT type FROM webhook_events WHERE type LIKE 'link.%%' ORDER BY number", ())
    assert [row["type"] for row in rows] == ["link.completed", "link.exited"]
