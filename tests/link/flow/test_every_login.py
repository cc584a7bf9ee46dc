"""Every login of the sandbox EHR gets through Link with a plain HTTP client, and ends with an access token."""

import httpx2

from tests.support.text_browser import public_token_by_http
from tests.support.world import Sandbox, Shop


async def test_a_login_ends_with_an_access_token(acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox) -> None:
    await sandbox.lab("users/user_push", {"push_after": 0.0})
    for before, username in enumerate(("user_good", "user_code", "user_choice", "user_push", "user_clinics")):
        token = await public_token_by_http(client, await acme.link_token(user_id=username), username)
        answer = (await acme.exchange(token)).json()
        assert answer["success"] and answer["token"] == answer["access_token"], username
        assert await sandbox.logins() == before + 1, username
