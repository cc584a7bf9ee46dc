import pytest

from cobalt_link.developers.auth import Callers
from cobalt_link.developers.clients import Client, Clients
from cobalt_link.developers.ehr_domains import EhrDomains
from cobalt_link.developers.orgs import Orgs
from cobalt_link.kit.clock import MovedClock
from cobalt_link.store.database import Database
from cobalt_link.vault import Keyring, Vault

EHRS = {"sandbox ehr": "sandbox", "sandbox": "sandbox", "gnu health": "gnuhealth"}


App = tuple[Client, str]  # a client and its secret


def resolve_ehr(name: str) -> str | None:
    return EHRS.get(name.casefold())


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def vault() -> Vault:
    return Vault(Keyring.generate())


@pytest.fixture
def clients(db: Database, vault: Vault, clock: MovedClock) -> Clients:
    return Clients(db, vault, clock)


@pytest.fixture
def orgs(db: Database, clock: MovedClock) -> Orgs:
    return Orgs(db, clock, resolve_ehr, EhrDomains({}, ()))


@pytest.fixture
def callers(db: Database, vault: Vault, clock: MovedClock) -> Callers:
    return Callers(db, vault, clock)


@pytest.fixture
async def acme(clients: Clients) -> App:
    """A client and its secret."""
    return await clients.create("Acme Scribe", callback_urls=["https://acme.example/linked"])


@pytest.fixture
async def rival(clients: Clients) -> App:
    return await clients.create("Rival")
