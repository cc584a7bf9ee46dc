import pytest

from cobalt_link.developers.auth import Callers
from cobalt_link.developers.clients import Clients
from cobalt_link.developers.orgs import Orgs
from cobalt_link.kit.clock import MovedClock
from cobalt_link.kit.vault import Keyring, Vault

EHRS = {"sandbox ehr": "sandbox", "sandbox": "sandbox", "gnu health": "gnuhealth"}


def resolve_ehr(name: str) -> str | None:
    return EHRS.get(name.casefold())


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def vault() -> Vault:
    return Vault(Keyring.generate())


@pytest.fixture
def clients(db, vault, clock) -> Clients:
    return Clients(db, vault, clock)


@pytest.fixture
def orgs(db, clock) -> Orgs:
    return Orgs(db, clock, resolve_ehr)


@pytest.fixture
def callers(db, vault, clock) -> Callers:
    return Callers(db, vault, clock)


@pytest.fixture
async def acme(clients):
    """A client and its secret."""
    return await clients.create("Acme Scribe", callback_urls=["https://acme.example/linked"])


@pytest.fixture
async def rival(clients):
    return await clients.create("Rival")
