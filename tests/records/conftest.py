"""A world with the route table in front: `ask(token, path)` is one HTTP request as a client sends it.

`doctor` links accounts at a real sandbox EHR, and `chart` is what that EHR says itself.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import httpx2
import pytest

from cobalt_link.accounts import api as accounts_api
from cobalt_link.accounts.account import Account
from cobalt_link.accounts.api import AccountApi
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.panes import ChoiceAnswer, CredentialsAnswer
from cobalt_link.connector.secrets import Secret
from cobalt_link.connectors.sandbox import Sandbox
from cobalt_link.developers.auth import Callers
from cobalt_link.developers.clients import Client
from cobalt_link.net.http import Http
from cobalt_link.records import api
from cobalt_link.records.engine import RecordsEngine
from cobalt_link.records.ids import RecordIds
from cobalt_link.records.overlays import Overlays
from cobalt_link.signin.journal import MemoryJournal
from cobalt_link.signin.replay import Asking, Granted, encoded, replay
from cobalt_link.store.database import Database
from cobalt_link.web import Auth, Call, mount
from cobalt_link.web.credentials import CallerCredentials
from cobalt_link.web.problems import Unauthorized
from sandbox_ehr.server import running
from tests.accounts.world import World

Doctor = Callable[..., Awaitable["Caller"]]
Charted = Callable[..., Awaitable[Any]]


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


@pytest.fixture(scope="session")
async def address(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with running(data=tmp_path_factory.mktemp("live-ehr")) as address:
        yield address


@pytest.fixture
async def ehr(address: str) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=address, trust_env=False, verify=False) as http:
        await http.post("/api/_lab/reset")
        yield http


@pytest.fixture
async def doctor(ask: Api, ehr: httpx2.AsyncClient) -> AsyncIterator[Doctor]:
    """`await doctor(username, clinic)`: a caller whose account is linked at the Sandbox EHR."""
    http = Http(allow_private=True)
    ask.world.connectors["sandbox"] = Sandbox(http)
    instance = EhrInstance(address=str(ehr.base_url).rstrip("/"))

    async def link(name: str = "Acme Scribe", username: str = "user_good", clinic: str | None = None) -> Caller:
        saved = {"credentials": encoded(CredentialsAnswer(username=username, password=Secret("pass_good")))}
        if clinic:
            saved["clinic"] = encoded(ChoiceAnswer(value=clinic))
        outcome = await replay(partial(Sandbox(http).sign_in, instance=instance), MemoryJournal(), saved=saved)
        assert not isinstance(outcome, Asking), outcome
        assert isinstance(outcome, Granted)
        return await ask.caller(
            name, connector="sandbox", instance=instance, grant=outcome.grant, answers=outcome.answers
        )

    yield link
    await http.close()


@pytest.fixture
async def chart(ehr: httpx2.AsyncClient) -> Charted:
    """What the EHR itself says: `await chart("patients", mrn=…)`."""
    session = (await ehr.post("/api/login", json={"username": "user_good", "password": "pass_good"})).json()["session"]

    async def read(path: str, **params: Any) -> Any:
        answer = await ehr.get(f"/api/{path}", params=params, headers={"Authorization": f"Bearer {session}"})
        assert answer.status_code == 200, answer.text
        return answer.json()

    return read
