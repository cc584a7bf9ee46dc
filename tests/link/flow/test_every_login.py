"""Every login of the sandbox EHR gets through Link with a plain HTTP client, and ends with an access token."""

import httpx2
import pytest

from tests.support.text_browser import public_token_by_http
from tests.support.world import Sandbox, Shop


@pytest.mark.parametrize("username", ["user_good", "user_code", "user_choice", "user_push", "user_clinics"])
async def test_a_login_ends_with_an_access_token(
    acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox, username: str
) -> None:
    if username == "user_push":
        await sandbox.lab(f"users/{username}", {"push_after": 0.0})
    token = await public_token_by_http(client, await acme.link_token(), username)
    answer = (await acme.exchange(token)).json()
    assert answer["success"] and answer["token"] == answer["access_token"]
    assert await sandbox.logins() == 1
