"""A server of ours, the sandbox EHR as a program beside it, and a test account that is linked to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import msgspec

from benchmarks.world import World, free_port, program, world


class Practice(msgspec.Struct, frozen=True):
    """`port` and `pid` are the server's, `keys` the headers of an app's call with its access token. `ehr` is a client
    of the EHR's own API, signed in."""

    here: World
    port: int
    pid: int
    keys: dict[str, str]
    ehr: httpx2.AsyncClient

    @property
    def http(self) -> httpx2.AsyncClient:
        return client(f"http://127.0.0.1:{self.port}", self.keys)


@asynccontextmanager
async def practice(*, worker: bool = True) -> AsyncIterator[Practice]:
    """With `worker`, the server works too."""
    async with AsyncExitStack() as stack:
        port, ehr_port = free_port(), free_port()
        ours, theirs = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{ehr_port}"
        here = await stack.enter_async_context(world(COBALT_EHR_ADDRESSES=f"sandbox={theirs}"))
        sandbox = ("-m", "cobalt_link", "sandbox", "--port", str(ehr_port))
        await stack.enter_async_context(program(*sandbox, env=here.env, port=ehr_port, path="/"))
        serve = ("-m", "cobalt_link", "serve", "--port", str(port), "--public-url", ours)
        command = serve if worker else ("-m", "benchmarks.serve", str(port))
        pid = await stack.enter_async_context(program(*command, env=here.env, port=port))
        async with client(ours, here.headers) as http:
            linked = await told(http, "POST", "/v1/sandbox/accounts", json={})
        async with client(theirs, {}) as http:
            login = await told(http, "POST", "/api/login", json={"username": "user_good", "password": "pass_good"})
        ehr = await stack.enter_async_context(client(theirs, {"authorization": f"Bearer {login['session']}"}))
        yield Practice(here, port, pid, here.headers | {"access_token": linked["access_token"]}, ehr)


def client(address: str, headers: dict[str, str]) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=address, headers=headers, trust_env=False, timeout=60)


async def told(http: httpx2.AsyncClient, method: str, path: str, **sent: Any) -> Any:
    return (await http.request(method, path, **sent)).raise_for_status().json()


async def booking(ehr: httpx2.AsyncClient) -> dict[str, Any]:
    """The fields of an appointment that the EHR takes."""
    first = [
        (await told(ehr, "GET", path))[name][0]
        for path, name in (
            ("/api/patients", "patients"),
            ("/api/providers", "providers"),
            ("/api/locations", "locations"),
            ("/api/settings", "visit_types"),
        )
    ]
    patient, provider, location, kind = first
    day = (datetime.now(UTC) + timedelta(days=3)).date()
    names = {"mrn": patient["mrn"], "provider": provider["id"], "location": location["id"], "type": kind["code"]}
    return {**names, "datetime": f"{day}T09:00:00-05:00", "reason": "Follow-up"}
