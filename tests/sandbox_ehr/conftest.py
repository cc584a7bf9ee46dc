"""One Sandbox EHR per test run on a free port, put back to its first day before each test."""

from collections.abc import AsyncGenerator

import pytest
from httpx2 import AsyncClient

from sandbox_ehr.server import running
from tests.sandbox_ehr.sandbox_client import Desk


@pytest.fixture(scope="session")
async def address(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[str, None]:
    async with running(data=tmp_path_factory.mktemp("sandbox-ehr")) as address:
        yield address


@pytest.fixture
async def desk(address: str) -> AsyncGenerator[Desk, None]:
    async with AsyncClient(base_url=address, trust_env=False) as http:
        assert (await http.post("/api/_lab/reset")).status_code == 200
        yield Desk(http)
