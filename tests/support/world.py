"""One world for all: a real sandbox EHR, a house of ours on its own database, served over TCP, a worker at work.

`Shop` is an app's server with its credentials; `text_browser.py` has the person. Time in the house is `clock`'s.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from cobalt_link import app
from cobalt_link.developers.clients import Client
from cobalt_link.kit.clock import Clock
from cobalt_link.settings import Settings, load
from cobalt_link.vault import Keyring
from tests.support.sandbox_client import SandboxClient

CALLBACK = "http://127.0.0.1:9/linked"


class Sandbox(SandboxClient):
    """The running sandbox EHR: its address, and the lab's instruments."""

    def __init__(self, http: httpx2.AsyncClient, address: str) -> None:
        super().__init__(http)
        self.address = address

    async def logins(self) -> int:
        """How often somebody tried to sign in."""
        return (await self.counts())["login_attempts"]


class Shop:
    """An app's server: a client of ours, with its secret and a connection to us."""

    def __init__(self, record: Client, secret: str, http: httpx2.AsyncClient) -> None:
        self.record = record
        self.secret = secret
        self.http = http

    @property
    def headers(self) -> dict[str, str]:
        return {"client_id": self.record.client_id, "client_secret": self.secret}

    async def call(self, method: str, path: str, *, access_token: str | None = None, **options: Any) -> httpx2.Response:
        """A request with our credentials; `options` as for httpx2."""
        headers = self.headers | ({"access_token": access_token} if access_token else {}) | options.pop("headers", {})
        return await self.http.request(method, path, headers=headers, **options)

    async def link_token(self, **wanted: Any) -> str:
        """A link token for one user at the sandbox EHR that ends with the summary, unless told otherwise; None leaves a
        field out."""
        first = {} if "access_token" in wanted else {"user_id": "user-1", "org_id": "riverside", "emr_name": "sandbox"}
        given = {"show_summary": True} | first | wanted
        body = {name: value for name, value in given.items() if value is not None}
        response = await self.call("POST", "/link/token/create", json=body)
        assert response.status_code == 200, response.text
        return response.json()["token"]

    async def exchange(self, public_token: str, key: str | None = None) -> httpx2.Response:
        headers = {"Idempotency-Key": key} if key else {}
        return await self.call("GET", "/link/token/exchange", params={"public_token": public_token}, headers=headers)

    async def session(self, link_token: str) -> dict[str, Any]:
        """What `GET /link/token/get` says."""
        response = await self.call("GET", "/link/token/get", params={"link_token": link_token})
        assert response.status_code == 200, response.text
        return response.json()


def settings_for(folder: Path, dsn: str, sandbox: str, **more: Any) -> Settings:
    """Settings of a process of ours; those with the same folder share a keyring."""
    if not (folder / "master.key").exists():
        Keyring.generate().save(folder / "master.key")
    ours = {
        "data": folder,
        "database_url": dsn,
        "port": free_port(),
        "allow_private_networks": True,
        "rate_limits": False,
        "operator": "Riverside IT",
        "ehr_addresses": {"sandbox": sandbox},
    }
    return load(ours | more, {})


@asynccontextmanager
async def opened(settings: Settings, clock: Clock) -> AsyncIterator[app.House]:
    async with app.opened(settings, clock) as house:
        yield house


@asynccontextmanager
async def open_for_business(house: app.House) -> AsyncIterator[httpx2.AsyncClient]:
    """The house served over TCP with a worker beside; gives an HTTP client of nobody in particular."""
    async with app.working(house), app.serving(house), connected(house) as http:
        yield http


def connected(house: app.House) -> httpx2.AsyncClient:
    """A new HTTP client of the house, with a cookie jar of its own."""
    return httpx2.AsyncClient(base_url=house.settings.public_url, trust_env=False, verify=False, timeout=60.0)


async def shop(house: app.House, http: httpx2.AsyncClient, name: str, *, test: bool = True, **more: Any) -> Shop:
    """A new client of ours. Without `callback_urls` it gets one."""
    more.setdefault("callback_urls", [CALLBACK])
    record, secret = await house.developers.clients.create(name, test=test, **more)
    return Shop(record, secret, http)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
