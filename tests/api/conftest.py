"""The whole app, served over TCP with a sandbox EHR behind it, for tests that ask it as a client does."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import sandbox_ehr.server
from cobalt_link import app
from cobalt_link.accounts.access import AccessTokens
from cobalt_link.accounts.table import AccountTable
from cobalt_link.connector.grant import EhrUser, Grant
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.panes import CredentialsAnswer
from cobalt_link.connector.secrets import Secret
from cobalt_link.developers.clients import Clients
from cobalt_link.developers.ehr_domains import EhrDomains
from cobalt_link.developers.orgs import Orgs
from cobalt_link.kit import tokens
from cobalt_link.settings import Settings
from cobalt_link.signin.replay import encoded
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.vault import Keyring
from cobalt_link.vault.master_key import open_vault
from tests.accounts.world import issued


@pytest.fixture
async def sandbox_url() -> AsyncIterator[str]:
    async with sandbox_ehr.server.running() as url:
        yield url


@pytest.fixture
async def settings(tmp_path: Path, dsn: str) -> Settings:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    Keyring.generate().save(tmp_path / "master.key")
    return Settings(
        data=tmp_path,
        port=port,
        public_url=f"http://127.0.0.1:{port}",
        database_url=dsn,
        allow_private_networks=True,
        rate_limits=False,
    )


@pytest.fixture
async def house(settings: Settings) -> AsyncIterator[app.House]:
    async with app.opened(settings) as house, app.serving(house):
        yield house


@pytest.fixture
def full_app_url(house: app.House) -> str:
    return house.settings.public_url


@pytest.fixture
async def full_app_credentials(house: app.House, sandbox_url: str) -> dict[str, str]:
    """The headers of a client with one account, linked as `user_good` of the sandbox EHR."""
    vault = open_vault(house.settings)
    client, secret = await Clients(house.db, vault, house.deps.clock).create("Acme Scribe", test=True)
    org = await Orgs(house.db, house.deps.clock, app.resolve_ehr, EhrDomains({}, ())).ensure(client, "riverside")
    token = tokens.mint(tokens.ACCESS, tokens.TEST)
    password = CredentialsAnswer(username="user_good", password=Secret("pass_good"))
    async with house.db.transaction() as tx:
        account = await AccountTable(house.db, vault, DataKeys(house.db, vault), house.deps.clock).keep(
            tx,
            client=client.id,
            org=org.id,
            org_id=org.org_id,
            user_id="dr_ann",
            connector="sandbox",
            instance=EhrInstance(address=sandbox_url, practice=""),
            grant=Grant(user=EhrUser(id="1", username="user_good", name="Ann"), tenant="", session={}, known={}),
            answers={"credentials": encoded(password)},
        )
    await issued(house.db, AccessTokens(house.db, vault, house.deps.clock), account.id, account.client, token)
    return {"client_id": client.client_id, "client_secret": secret, "access_token": token}
