"""Apps with an account at the sandbox EHR, in front of the whole house."""

import httpx2
import pytest

from cobalt_link.app import House
from tests.support.clinic import Clinic
from tests.support.world import Sandbox, Shop, shop


@pytest.fixture
async def acme(house: House, client: httpx2.AsyncClient) -> Shop:
    return await shop(house, client, "Acme Scribe")


@pytest.fixture
async def clinic(acme: Shop, sandbox: Sandbox) -> Clinic:
    return await Clinic.of(acme, sandbox)


@pytest.fixture
async def rival(house: House, client: httpx2.AsyncClient) -> Shop:
    return await shop(house, client, "Rival Notes")
