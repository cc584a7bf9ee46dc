"""One Sandbox EHR per test run, on a free port. It is reset before each test."""

from collections.abc import AsyncGenerator

import pytest
from httpx2 import AsyncClient

from sandbox_ehr.server import running
from tests.support.sandbox_client import SandboxClient

NOON = "2026-11-24T12:00:00-05:00"  # a Tuesday


@pytest.fixture(scope="session")
async def address(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[str, None]:
    async with running(data=tmp_path_factory.mktemp("sandbox-ehr")) as address:
        yield address


@pytest.fixture
async def ehr(address: str) -> AsyncGenerator[SandboxClient, None]:
    async with AsyncClient(base_url=address, trust_env=False, verify=False, timeout=60) as http:
        assert (await http.post("/api/_lab/reset")).status_code == 200
        yield SandboxClient(http)


@pytest.fixture
async def session(ehr: SandboxClient) -> str:
    """A session of user_good at noon of November 24, 2026, when the EHR's clock stands still."""
    await ehr.lab("clock", {"now": NOON, "frozen": True})
    return await ehr.session()
