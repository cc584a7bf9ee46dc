"""The calls of the app's server to Cobalt Link. The client id and the client secret never leave the server."""

from __future__ import annotations

from typing import Any

import httpx2


class CobaltProblem(Exception):
    """An error of the API. `code` is stable. The text says what to do."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class Cobalt:
    """One client of the API at `address`."""

    def __init__(self, address: str, client_id: str, client_secret: str) -> None:
        self._keys = {"client_id": client_id, "client_secret": client_secret}
        self._http = httpx2.AsyncClient(base_url=address, timeout=30, trust_env=False)

    async def link_token(self, user_id: str, org_id: str, **more: str) -> str:
        """A link token for one user, valid for 30 minutes. `more` may be emr_name, state, access_token, and so on."""
        wanted = {"user_id": user_id, "org_id": org_id, **more}
        return (await self._call("POST", "/v1/link/token/create", json=wanted))["token"]

    async def exchange(self, public_token: str) -> str:
        """The permanent access token."""
        # With an idempotency key, a retry after a lost response is safe.
        key = {"Idempotency-Key": public_token}
        found = await self._call("POST", "/v1/link/token/exchange", json={"public_token": public_token}, headers=key)
        return found["token"]

    async def get(self, path: str, access_token: str, **params: str) -> dict[str, Any]:
        """Reads from the EHR, for example `/v1/appointments`."""
        return await self._call("GET", path, params=params, headers={"access_token": access_token})

    async def disconnect(self, user_id: str) -> None:
        """Disconnects all accounts of one of our users. Their access tokens end at once."""
        for account in (await self._call("GET", "/v1/accounts", params={"user_id": user_id}))["accounts"]:
            await self._call("DELETE", f"/v1/accounts/{account['id']}")

    async def close(self) -> None:
        await self._http.aclose()

    async def _call(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **more: Any
    ) -> dict[str, Any]:
        answer = await self._http.request(method, path, headers={**self._keys, **(headers or {})}, **more)
        found = answer.json()
        if not found.get("success"):
            raise CobaltProblem(found.get("error", "unknown"), found.get("message", "No message."))
        return found
