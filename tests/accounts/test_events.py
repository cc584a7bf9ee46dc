"""What an app is told of its accounts: once for each label, whatever dies."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from cobalt_link.app import House
from tests.support.clinic import Clinic
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
    assert [each["type"] for each in await told(clinic, 2)] == ["login_required", "account.repaired"]


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
