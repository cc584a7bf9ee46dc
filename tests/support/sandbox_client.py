"""A client of the Sandbox EHR's JSON API and of its lab. It knows only what goes over HTTP."""

from typing import Any

from httpx2 import AsyncClient, Response


class SandboxClient:
    def __init__(self, http: AsyncClient) -> None:
        self.http = http

    async def log_in(self, username: str, password: str = "pass_good") -> Response:
        return await self.http.post("/api/login", json={"username": username, "password": password})

    async def session(self, username: str = "user_good", password: str = "pass_good") -> str:
        response = await self.log_in(username, password)
        assert response.status_code == 200, response.text
        return response.json()["session"]

    async def challenge(self, username: str, password: str = "pass_good") -> dict[str, Any]:
        response = await self.log_in(username, password)
        assert response.status_code == 200, response.text
        return response.json()["challenge"]

    async def step(self, name: str, challenge: dict[str, Any], **values: str) -> Response:
        """Answer a challenge: a code, a way, a clinic, or nothing for a push."""
        return await self.http.post(f"/api/login/{name}", json={"challenge": challenge["id"], **values})

    async def get(self, path: str, session: str, **query: Any) -> Response:
        return await self.http.get(f"/api/{path}", params=query, headers={"Authorization": f"Bearer {session}"})

    async def read(self, path: str, session: str, **query: Any) -> Any:
        response = await self.get(path, session, **query)
        assert response.status_code == 200, response.text
        return response.json()

    async def send(self, method: str, path: str, session: str, body: Any, **query: Any) -> Response:
        """Send JSON to the chart."""
        headers = {"Authorization": f"Bearer {session}"}
        return await self.http.request(method, f"/api/{path}", json=body, params=query, headers=headers)

    async def make(self, path: str, session: str, **members: Any) -> dict[str, Any]:
        """The row that a create made."""
        response = await self.send("POST", path, session, members)
        assert response.status_code == 201, response.text
        (row,) = response.json().values()
        return row

    async def change(self, path: str, session: str, **members: Any) -> dict[str, Any]:
        """The row that a change changed."""
        response = await self.send("PATCH", path, session, members)
        assert response.status_code == 200, response.text
        (row,) = response.json().values()
        return row

    async def written(self, client_ref: str = "") -> dict[str, int]:
        """How many rows of each kind were made with this reference, or with any."""
        rows = (await self.lab(f"written?client_ref={client_ref}"))["written"]
        return {row["kind"]: row["rows"] for row in rows}

    async def lab(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """GET an instrument of the lab, or PUT it if there is a body."""
        response = await self.http.request("GET" if body is None else "PUT", f"/api/_lab/{path}", json=body)
        assert response.status_code == 200, response.text
        return response.json()

    async def wait(self, seconds: float) -> None:
        """Move the EHR's clock forward."""
        await self.lab("clock", {"advance": seconds})

    async def counts(self) -> dict[str, int]:
        return (await self.lab("log"))["counts"]


def refusal(response: Response) -> tuple[int, str]:
    """The status and the error code of a response that is a refusal."""
    return response.status_code, response.json()["error"]
