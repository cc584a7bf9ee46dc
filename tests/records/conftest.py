"""A world with the route table in front: `ask(token, path)` is one HTTP request as a client sends it."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from cobalt_link.accounts import api as accounts_api
from cobalt_link.accounts.account import Account
from cobalt_link.accounts.api import AccountApi
from cobalt_link.developers.auth import Callers
from cobalt_link.developers.clients import Client
from cobalt_link.records import api
from cobalt_link.records.engine import RecordsEngine
from cobalt_link.records.ids import RecordIds
from cobalt_link.records.overlays import Overlays
from cobalt_link.store.database import Database
from cobalt_link.web import Auth, Call, mount
from cobalt_link.web.credentials import CallerCredentials
from cobalt_link.web.problems import Unauthorized
from tests.accounts.world import World


class Caller:
    """A client with its secret, and one linked account with its token."""

    def __init__(self, client: Client, secret: str, account: Account, token: str) -> None:
        self.client, self.secret, self.account, self.token = client, secret, account, token

    @property
    def headers(self) -> dict[str, str]:
        named = {"client_id": self.client.client_id, "client_secret": self.secret, "access_token": self.token}
        return {name: value for name, value in named.items() if value}


class Api:
    """Everything mounted as the app mounts it."""

    def __init__(self, world: World) -> None:
        self.world = world
        ids = RecordIds(world.db, world.keys)
        self.reads = RecordsEngine(
            world.sessions, world.accounts, world.orgs, ids, Overlays(world.db), world.connectors
        )
        room = AccountApi(world.accounts, world.access, world.sessions, world.connectors)
        rooms = [(api.routes, self.reads), (accounts_api.routes, room)]
        callers = Callers(world.db, world.vault, world.clock)

        async def authenticate(found: CallerCredentials, auth: Auth, call: Call) -> None:
            call.caller = await callers.authenticate(found)
            if auth is Auth.ACCOUNT:
                call.account = await world.access.resolve(call.caller.id, found.access_token or "")
                if call.account is None:
                    raise Unauthorized

        app = mount(rooms, authenticate=authenticate, clock=world.clock)
        self.http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1", verify=False
        )

    async def caller(self, name: str = "Acme Scribe", **linking: Any) -> Caller:
        client, secret = await self.world.clients.create(name, test=True)
        account = await self.world.keep(await self.world.org(client), **linking)
        return Caller(client, secret, account, await self.world.token(account))

    async def __call__(self, who: Caller, path: str, method: str = "GET", **what: Any) -> tuple[int, Any]:
        answer = await self.http.request(method, path, headers=who.headers, **what)
        return answer.status_code, answer.json()


@pytest.fixture
async def world(db: Database) -> World:
    return World(db)


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
