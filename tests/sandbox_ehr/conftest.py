"""One Sandbox EHR per test run, on a free port. It is reset before each test."""

from collections.abc import AsyncGenerator

import pytest
from httpx2 import AsyncClient

from sandbox_ehr.server import running
from tests.support.sandbox_client import SandboxClient


@pytest.fixture(scope="session")
async def address(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[str, None]:
    async with running(data=tmp_path_factory.mktemp("sandbox-ehr")) as address:
        yield address


@pytest.fixture
async def ehr(address: str) -> AsyncGenerator[SandboxClient, None]:
    async with AsyncClient(base_url=address, trust_env=False) as http:
        assert (await http.post("/api/_lab/reset")).status_code == 200
        yield SandboxClient(http)
